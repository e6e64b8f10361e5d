/** Dashboard views that a caller has saved under a name. */
import * as v from 'valibot'
import { listOf } from '../api.ts'
import { savedViewSchema } from '../api-drafts.ts'
import { route } from '../route.ts'

const path = '/api/v1/releases/{name}/views'
const answer = { schema: listOf(savedViewSchema), description: "The caller's own views." }

export const viewRoutes = [
  route({
    method: 'get',
    path,
    operationId: 'listViews',
    summary: "The caller's saved dashboard views",
    role: 'viewer',
    answer,
    refusals: ['release_not_found'],
    run: async ({ service, name, caller }) => ({ items: await service.liveConfig.views(name, caller.who), next: null }),
  }),
  route({
    method: 'put',
    path,
    operationId: 'saveView',
    summary: 'Save a view, or replace the one of that name',
    role: 'viewer',
    body: savedViewSchema,
    answer,
    refusals: ['release_not_found'],
    run: async ({ service, name, caller, body }) => ({
      items: await service.liveConfig.saveView(name, caller.who, body),
      next: null,
    }),
  }),
  route({
    method: 'delete',
    path,
    operationId: 'removeView',
    summary: 'Remove the view of that name',
    role: 'viewer',
    query: v.object({ view: savedViewSchema.entries.name }),
    answer,
    refusals: ['release_not_found'],
    run: async ({ service, name, caller, query }) => ({
      items: await service.liveConfig.removeView(name, caller.who, query.view),
      next: null,
    }),
  }),
]
