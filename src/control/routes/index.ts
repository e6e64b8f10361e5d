/** Every route of the API, in the order of the document, which is itself one of them. */
import * as v from 'valibot'
import { openApiDocument } from '../openapi.ts'
import { type AnyRoute, route } from '../route.ts'
import { assignRoutes } from './assign.ts'
import { batchRoutes } from './batches.ts'
import { changeRoutes } from './changes.ts'
import { configRoutes } from './config.ts'
import { counterRoutes } from './counters.ts'
import { jobRoutes } from './jobs.ts'
import { metricRoutes } from './metrics.ts'
import { releaseRoutes } from './releases.ts'
import { reportRoutes } from './report.ts'
import { streamRoutes } from './stream.ts'

export const ROUTES: readonly AnyRoute[] = [
  ...releaseRoutes,
  ...configRoutes,
  ...changeRoutes,
  ...counterRoutes,
  ...jobRoutes,
  ...streamRoutes,
  ...assignRoutes,
  ...batchRoutes,
  ...reportRoutes,
  ...metricRoutes,
  route({
    method: 'get',
    path: '/api/v1/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document',
    role: 'viewer',
    answer: { schema: v.record(v.string(), v.unknown()), description: 'OpenAPI 3.1.' },
    refusals: [],
    run: async () => openApiDocument(ROUTES),
  }),
]
