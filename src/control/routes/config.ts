/** The effective configuration of a release and its live overlay. */
import * as v from 'valibot'
import { configViewSchema, reasonSchema } from '../../api/index.ts'
import { readIfMatch } from '../read-request.ts'
import { type BodySchema, type Call, flag, releaseRead, route, tagged } from '../route.ts'

/** Strict: a key that is ignored here could have been meant to change less. */
const changeQuery = v.strictObject({
  reason: reasonSchema,
  dry_run: v.optional(flag, 'false'),
  /** By one person although the release asks for two; the history and a webhook say so. */
  break_glass: v.optional(flag, 'false'),
})
const patchSchema = v.record(v.string(), v.unknown())

/** What all routes have that publish an overlay. */
export const changing = {
  role: 'admin',
  versioned: true,
  query: changeQuery,
  answer: { schema: configViewSchema, description: 'The configuration as it is now; with dry_run, as it would be.' },
  refusals: ['release_not_found', 'version_mismatch', 'review_required'],
} as const

export const configRoutes = [
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/config',
    operationId: 'getConfig',
    summary: 'The effective configuration, each key with its source',
    versioned: true,
    answer: { schema: configViewSchema, description: 'Values, and the live overlay they come from.' },
    run: async ({ service, name, c }) => tagged(c, await service.config.view(name)),
  }),
  route({
    ...changing,
    method: 'patch',
    path: '/api/v1/releases/{name}/config',
    operationId: 'patchConfig',
    summary: 'Change the live overlay: keys as in the file; null takes a key back to the file',
    body: patchSchema,
    run: async (call) => tagged(call.c, await call.service.config.patch(call.name, call.body, changeOf(call))),
  }),
  route({
    ...changing,
    method: 'delete',
    path: '/api/v1/releases/{name}/config',
    operationId: 'clearConfig',
    summary: 'Drop the live overlay: everything as the file says',
    run: async (call) => tagged(call.c, await call.service.config.clear(call.name, changeOf(call))),
  }),
]

export function changeOf({ query, caller, c }: Pick<Call<typeof changeQuery, BodySchema>, 'query' | 'caller' | 'c'>) {
  return {
    reason: query.reason,
    who: caller.who,
    ifMatch: readIfMatch(c.req.header('if-match')),
    dryRun: query.dry_run,
    breakGlass: query.break_glass,
  }
}
