/**
 * `jobs`: a wire that no adapter speaks, by the table `wire` of its release. Built once for each configuration; what it
 * promises is what every adapter does.
 */
import type { WireSettings } from '../config/wire-schema.ts'
import { declaredAnswers } from './jobs/answers.ts'
import { declaredPaths } from './jobs/paths.ts'
import { readDeclaredSubmit } from './jobs/submit.ts'
import type { JobAddress, JobProtocol } from './protocol.ts'
import { translatedBelow } from './translate.ts'

export const DECLARED = 'jobs'

/** Still in progress, for who asks too early for a result. */
const PENDING = { status: 400, body: { error: 'the job is still in progress' } }

export function declaredProtocol(wire: WireSettings): JobProtocol {
  const { cancel, content, result } = wire
  const { route, of } = declaredPaths(wire)
  const answers = declaredAnswers(wire)
  const get = (path: string) => (job: JobAddress) => ({ method: 'GET', path: of(path, job) })
  // Items of lists count for nothing where files are looked for.
  const files = new Set(wire.output?.map((keys) => keys.filter((key) => !/^\d+$/.test(key)).join('\n')))
  const idNames = new Set(wire.id.map((keys) => keys.findLast((key) => !/^\d+$/.test(key)) ?? ''))

  return {
    kind: 'jobs',
    name: DECLARED,
    authScheme: wire.auth_scheme,
    requestHeaders: wire.headers ?? [],
    route,
    readSubmission: (sent, way) => readDeclaredSubmit(wire, sent, way),
    readJob: answers.readJob,
    readIds: answers.readIds,
    ...translatedBelow(route, {
      idNames,
      holdsFile: (path) => files.has(path.join('\n')),
      // Without a head, no model stands in a path.
      ...(wire.head === '' ? { showPath: (path) => path } : {}),
    }),
    placeholder: answers.placeholder,
    result: result === undefined ? undefined : { call: get(result), read: answers.readResult, pending: PENDING },
    pollCall: get(wire.poll),
    cancelCall: cancel ? (job) => ({ method: cancel.method, path: of(cancel.path, job) }) : undefined,
    contentCall: content === undefined ? undefined : get(content),
  }
}
