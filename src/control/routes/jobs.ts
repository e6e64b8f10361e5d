/** Jobs that went through the gateway, pairs of a control job with its shadow, and what was measured of them. */
import * as v from 'valibot'
import { scoreSchema } from '../../api/experiment.ts'
import { jobSchema, listOf, pairSchema } from '../../api/index.ts'
import { flag, paging, releaseRead, route } from '../route.ts'

const { arm, status } = jobSchema.entries

export const jobRoutes = [
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/jobs',
    operationId: 'listJobs',
    summary: 'Jobs with arm, stage, status and seconds',
    query: v.object({ ...paging, arm: v.optional(arm), status: v.optional(status), shadow: v.optional(flag) }),
    answer: { schema: listOf(jobSchema), description: 'Jobs, newest first.' },
    run: ({ service, name, query: { cursor = null, limit, ...filter } }) => service.jobs(name, filter, cursor, limit),
  }),
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/pairs',
    operationId: 'listPairs',
    summary: 'Control jobs with their shadow copies, for an evaluator to fetch and compare',
    query: v.object(paging),
    answer: { schema: listOf(pairSchema), description: 'Pairs, newest first.' },
    run: ({ service, name, query }) => service.pairs(name, query.cursor ?? null, query.limit),
  }),
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/scores',
    operationId: 'listScores',
    summary: 'What was measured of both videos of shadow pairs: the latest 20,000',
    query: v.object(paging),
    answer: { schema: listOf(scoreSchema), description: 'A metric of a pair each, newest first.' },
    run: ({ service, name, query }) => service.scores(name, query.cursor ?? null, query.limit),
  }),
]
