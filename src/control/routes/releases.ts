/** Releases: their state, what may be done to them, and what was done. */
import * as v from 'valibot'
import {
  actionAnswerSchema,
  actionSchema,
  historyEntrySchema,
  listOf,
  releaseSchema,
  releasesSchema,
} from '../../api/index.ts'
import { readIfMatch } from '../read-request.ts'
import { paging, releaseRead, route, tagged } from '../route.ts'

export const releaseRoutes = [
  route({
    method: 'get',
    path: '/api/v1/releases',
    operationId: 'listReleases',
    summary: 'Every release with its state, and which do not answer',
    role: 'viewer',
    answer: { schema: releasesSchema, description: 'All releases, in the order in which requests are matched.' },
    refusals: [],
    run: ({ service }) => service.releases(),
  }),
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}',
    operationId: 'getRelease',
    summary: 'State of one release: who is served by what, and what is still missing to go on',
    versioned: true,
    answer: { schema: releaseSchema, description: 'The state.' },
    run: async ({ service, name, c }) => tagged(c, await service.release(name)),
  }),
  route({
    method: 'post',
    path: '/api/v1/releases/{name}/actions',
    operationId: 'actOnRelease',
    summary: 'Start, advance, pause, roll back and the like; with dry_run only say what would happen',
    role: 'operator',
    versioned: true,
    body: actionSchema,
    answer: { schema: actionAnswerSchema, description: 'The state after the action.' },
    refusals: ['release_not_found', 'illegal_transition', 'blocked', 'version_mismatch'],
    run: async ({ service, name, body, caller, c }) => {
      const view = await service.act(name, body, caller.who, readIfMatch(c.req.header('if-match')))
      return body.dry_run ? { ...view, dry_run: true } : tagged(c, view)
    },
  }),
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/history',
    operationId: 'getHistory',
    summary: 'The audit: every change with who, why and on what evidence',
    query: v.object(paging),
    answer: { schema: listOf(historyEntrySchema), description: 'Entries, newest first.' },
    run: ({ service, name, query }) => service.history(name, query.cursor ?? null, query.limit),
  }),
]
