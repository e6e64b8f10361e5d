/** An operator's draft of the next live overlay, and the overlays that were published. Publishing is in config.ts. */
import * as v from 'valibot'
import { listOf } from '../api.ts'
import { draftRequestSchema, draftViewSchema, publishedOverlaySchema } from '../api-drafts.ts'
import { paging, route } from '../route.ts'

const path = '/api/v1/releases/{name}/config/draft'
const answer = { schema: draftViewSchema, description: "The caller's own draft, if there is one." }

export const draftRoutes = [
  route({
    method: 'get',
    path,
    operationId: 'getDraft',
    summary: "The caller's draft of the next live overlay",
    role: 'operator',
    answer,
    refusals: ['release_not_found'],
    run: ({ service, name, caller }) => service.liveConfig.draft(name, caller.who),
  }),
  route({
    method: 'put',
    path,
    operationId: 'saveDraft',
    summary: 'Keep a draft; it acts only once somebody publishes it',
    role: 'operator',
    body: draftRequestSchema,
    answer,
    refusals: ['release_not_found'],
    run: ({ service, name, caller, body }) =>
      service.liveConfig.saveDraft(name, caller.who, body.overlay, body.base_version),
  }),
  route({
    method: 'delete',
    path,
    operationId: 'discardDraft',
    summary: "Discard the caller's draft",
    role: 'operator',
    answer,
    refusals: ['release_not_found'],
    run: ({ service, name, caller }) => service.liveConfig.discardDraft(name, caller.who),
  }),
  route({
    method: 'get',
    path: '/api/v1/releases/{name}/config/published',
    operationId: 'listPublished',
    summary: 'Overlays that were published, whole, to compare with or go back to',
    role: 'viewer',
    query: v.object({ limit: paging.limit }),
    answer: { schema: listOf(publishedOverlaySchema), description: 'The last 50 at most, newest first.' },
    refusals: ['release_not_found'],
    run: async ({ service, name, query }) => ({
      items: await service.liveConfig.published(name, query.limit),
      next: null,
    }),
  }),
]
