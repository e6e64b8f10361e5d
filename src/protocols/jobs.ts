/**
 * `jobs`: a wire that no adapter speaks, by the table `wire` of its release. Built once for each configuration; what it
 * promises is what every adapter does.
 */
import type { WireSettings } from '../config/wire-schema.ts'
import { declaredAnswers } from './jobs/answers.ts'
import { declaredPaths } from './jobs/paths.ts'
import { readDeclaredSubmit } from './jobs/submit.ts'
import { isVideoType } from './openai-videos/content.ts'
import type { JobAddress, JobProtocol } from './protocol.ts'
import { rememberedWords, translateAnswer, translateText } from './translate.ts'

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
  const wordsOf = rememberedWords((prefix) => ({
    readPath: (path) => route('GET', path),
    // Both arms' models look like the client's own, which is where it asks.
    showPath: (path) => {
      if (wire.head === '' || prefix === '') return path
      const { job, prefix: own } = route('GET', path)
      return job === null || !path.startsWith(`${own}/`) ? path : prefix + path.slice(own.length)
    },
    idNames,
    holdsFile: (path) => files.has(path.join('\n')),
  }))

  return {
    kind: 'jobs',
    name: DECLARED,
    authScheme: wire.auth_scheme,
    requestHeaders: wire.headers ?? [],
    route,
    readSubmission: (sent, way) => readDeclaredSubmit(wire, sent, way),
    readJob: answers.readJob,
    readIds: answers.readIds,
    translate: (text, translation) => translateAnswer(text, translation, wordsOf(translation.prefix)),
    translateHeader: (name, value, translation) => translateText(value, translation, name, wordsOf(translation.prefix)),
    list: null,
    placeholder: answers.placeholder,
    result: result === undefined ? null : { call: get(result), read: answers.readResult, pending: PENDING },
    pollCall: get(wire.poll),
    cancelCall: cancel && ((job) => ({ method: cancel.method, path: of(cancel.path, job) })),
    contentCall: content === undefined ? null : get(content),
    asksForVideo: () => true,
    isVideoType,
  }
}
