/** Change requests of the live configuration, and the versions that were published. */
import * as v from 'valibot'
import type { Caller } from '../../auth/caller.ts'
import type { Role } from '../../auth/roles.ts'
import { type ErrorCode, SluiceError } from '../../core/errors.ts'
import { listOf } from '../../api/index.ts'
import {
  type ChangeDetail,
  changeActSchema,
  changeDetailSchema,
  changeEditSchema,
  changeSchema,
  proposalSchema,
  publishSchema,
  reviewSchema,
  versionSchema,
} from '../../api/changes.ts'
import type { ChangesService } from '../changes-service.ts'
import { wrongKey } from '../read-request.ts'
import { type BodySchema, paging, releaseRead, route, tagged } from '../route.ts'
import { changeOf, changing } from './config.ts'

const changes = '/api/v1/releases/{name}/config/changes'
const versions = '/api/v1/releases/{name}/config/versions'
const answer = { schema: changeDetailSchema, description: 'The change request as it is now.' }
const actRefusals: readonly ErrorCode[] = ['release_not_found', 'change_not_found', 'change_closed', 'version_mismatch']

/** Something done to one change request by somebody who has seen its `revision`. */
function act<const B extends BodySchema>(
  [method, under, role]: ['patch' | 'post', string, Role],
  operationId: string,
  summary: string,
  body: B,
  run: (changes: ChangesService, ...given: [string, number, v.InferOutput<B>, Caller]) => Promise<ChangeDetail>,
  refusals: readonly ErrorCode[],
) {
  return route({
    method,
    path: `${changes}/{id}${under}`,
    operationId,
    summary,
    role,
    body,
    answer,
    refusals: [...actRefusals, ...refusals],
    run: (call) => run(call.service.changes, call.name, numberOf(call.c.req.param('id')), call.body, call.caller),
  })
}

export const changeRoutes = [
  route({
    ...releaseRead,
    path: changes,
    operationId: 'listChanges',
    summary: 'Change requests of the live configuration: all that are open, and the last ones that ended',
    query: v.object({ status: v.optional(changeSchema.entries.status) }),
    answer: { schema: listOf(changeSchema), description: 'Change requests, newest first.' },
    run: async ({ service, name, query }) => ({
      items: await service.changes.list(name, query.status ?? null),
      next: null,
    }),
  }),
  route({
    method: 'post',
    path: changes,
    operationId: 'proposeChange',
    summary: 'Make a change request: a patch, or an earlier version, for others to see; it acts once it is published',
    role: 'operator',
    body: proposalSchema,
    answer,
    refusals: ['release_not_found'],
    run: ({ service, name, body, caller }) => service.changes.propose(name, body, caller),
  }),
  route({
    method: 'get',
    path: `${changes}/{id}`,
    operationId: 'getChange',
    summary: 'One change request with its difference to what acts now, and what moved since it was made',
    role: 'viewer',
    answer,
    refusals: ['release_not_found', 'change_not_found'],
    run: ({ service, name, c }) => service.changes.show(name, numberOf(c.req.param('id'))),
  }),
  act(
    ['patch', '', 'operator'],
    'editChange',
    "Edit one's own change request; a new patch is based on the version in effect",
    changeEditSchema,
    (service, ...given) => service.edit(...given),
    ['not_author'],
  ),
  act(
    ['post', '/reviews', 'operator'],
    'reviewChange',
    "Approve somebody else's change request, or comment on any",
    reviewSchema,
    (service, ...given) => service.review(...given),
    ['review_required'],
  ),
  act(
    ['post', '/rebase', 'operator'],
    'rebaseChange',
    'Put the same patch on top of the version in effect, where another was published meanwhile',
    changeActSchema,
    (service, ...given) => service.rebase(...given),
    ['not_author'],
  ),
  act(
    ['post', '/publish', 'admin'],
    'publishChange',
    "Let a change request act; with require_review one's own by break_glass only",
    publishSchema,
    (service, ...given) => service.publish(...given),
    ['review_required', 'change_stale'],
  ),
  act(
    ['post', '/discard', 'operator'],
    'discardChange',
    "Give up one's own change request, or as an admin any",
    changeActSchema,
    (service, ...given) => service.discard(...given),
    ['not_author'],
  ),
  route({
    ...releaseRead,
    path: versions,
    operationId: 'listVersions',
    summary: 'Published versions of the live configuration: who, when, why, and what each changed',
    query: v.object(paging),
    answer: { schema: listOf(versionSchema), description: 'Versions, newest first.' },
    run: ({ service, name, query }) =>
      service.config.versions(name, query.cursor === undefined ? null : numberOf(query.cursor, 'cursor'), query.limit),
  }),
  route({
    ...changing,
    method: 'post',
    path: `${versions}/{version}/restore`,
    operationId: 'restoreVersion',
    summary: 'Publish the overlay of an earlier version again, as a new one; 0 is the file alone',
    run: async (call) => {
      const { c, service, name } = call
      const version = numberOf(c.req.param('version'), 'version')
      return tagged(c, await service.config.restore(name, version, changeOf(call)))
    },
  }),
]

function numberOf(text: string | undefined, path?: string): number {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text)
  if (path === undefined) throw new SluiceError('change_not_found', 'change requests are numbered')
  throw wrongKey(path, 'not_version', `not a version: ${String(text).slice(0, 50)}`)
}
