/** A job as the answers of a declared wire show it: the places and words are the table's. Never throws. */
import type { DeclaredStatus, WireSettings } from '../../config/wire-schema.ts'
import { saysSomething, isResourceId } from '../answer-json.ts'
import { plainJob } from '../job-outcome.ts'
import { type BackendAnswer, type BackendJob, type JobStatus, type ShownJob } from '../protocol.ts'
import { secondsOf } from '../times.ts'
import { firstAt, type Keys, placed, valueAt } from './places.ts'

type Failure = NonNullable<BackendJob['failure']>

const MEANING: Record<DeclaredStatus, { status: JobStatus; failure: Failure | null }> = {
  queued: { status: 'queued', failure: null },
  running: { status: 'running', failure: null },
  ended: { status: 'ended', failure: null },
  succeeded: { status: 'succeeded', failure: null },
  failed: { status: 'failed', failure: 'job_failed' },
  refused: { status: 'failed', failure: 'content_refused' },
  timed_out: { status: 'failed', failure: 'job_timeout' },
  lost: { status: 'failed', failure: 'job_lost' },
  cancelled: { status: 'cancelled', failure: null },
}
/** Statuses of a result that say nothing of the job: it is not there, not yet, or not for this caller. */
const NOT_OF_JOB = new Set([400, 401, 403, 404, 405, 408, 409, 410, 425, 429])
/** That the request itself was at fault. */
const REFUSALS = new Set([413, 415, 422, 451])
/** More of an error is not looked through for words. */
const ERROR_CHARS = 4000

export interface DeclaredAnswers {
  readJob: (answer: BackendAnswer) => BackendJob | null
  readResult: (answer: BackendAnswer) => BackendJob | null
  readIds: (body: unknown) => string[]
  placeholder: (job: ShownJob) => unknown
}

export function declaredAnswers(wire: WireSettings): DeclaredAnswers {
  const known = new Map<string, DeclaredStatus>()
  for (const [status, words] of Object.entries(wire.statuses))
    for (const word of words ?? []) known.set(word.toLowerCase(), status as DeclaredStatus)
  const reasons = Object.entries(wire.failures).flatMap(([status, words = []]) =>
    words.map((word) => ({ word: word.toLowerCase(), failure: MEANING[status as DeclaredStatus].failure! })),
  )

  const idIn = (body: unknown) => firstAt(body, wire.id, isResourceId)
  const wordIn = (body: unknown) => firstAt(body, wire.status, (value) => typeof value === 'string')
  const statusIn = (body: unknown) => known.get(wordIn(body)?.toLowerCase() ?? '')
  // A field of that name may stand there also where nothing is wrong.
  const errorIn = (body: unknown) => firstAt(body, wire.error, saysSomething) ?? null

  const failed = (error: unknown, failure: Failure) => {
    const text = errorText(error)
    const reason = text === '' ? undefined : reasons.find(({ word }) => text.includes(word))
    return { status: 'failed', failure: reason?.failure ?? failure } as const
  }

  const readJob = ({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null => {
    if (body === null || typeof body !== 'object') return null
    const named = idIn(body)
    const id = named ?? job
    const word = wordIn(body)
    if (!isResourceId(id)) return null
    const status = statusIn(body)
    const isGood = httpStatus >= 200 && httpStatus < 300
    // An error may have a `status` of its own: it shows a job only by naming it and how it ended.
    if (!isGood && (named === undefined || status === undefined)) return null
    // A submit may be answered with an id alone. Any word but the known ones is a job that has not ended.
    if (word === undefined && (named === undefined || job !== null || errorIn(body) !== null)) return null
    const meaning = MEANING[status ?? 'running']
    const backendJob = { ...plainJob(id, meaning.status), ...times(body, meaning.status) }
    return meaning.failure === null ? backendJob : { ...backendJob, ...failed(errorIn(body), meaning.failure) }
  }

  const times = (body: unknown, status: JobStatus) => {
    const hasEnded = status !== 'queued' && status !== 'running'
    return {
      queueSeconds: hasEnded ? secondsAt(body, wire.queue_time, wire.time_unit) : null,
      runSeconds: hasEnded ? secondsAt(body, wire.run_time, wire.time_unit) : null,
    }
  }

  return {
    readJob,
    readResult: (answer) => {
      const { status, body, job } = answer
      if (job === null || body === undefined || (status >= 300 && status < 400)) return null
      if (status >= 200 && status < 300) {
        // A word that is in no list is the result's own.
        const backendJob = statusIn(body) === undefined ? null : readJob(answer)
        if (backendJob && backendJob.status !== 'ended') return backendJob
        return plainJob(job, status === 202 ? 'running' : 'succeeded')
      }
      const error = errorIn(body)
      if (NOT_OF_JOB.has(status) || error === null) return null
      return { ...plainJob(job, 'failed'), ...failed(error, REFUSALS.has(status) ? 'content_refused' : 'job_failed') }
    },
    readIds: (body) => {
      const id = idIn(body)
      return id === undefined ? [] : [id]
    },
    placeholder: ({ clientId, end }) => {
      const { queued = [], running = [], ended = [], succeeded = [], failed: ofFailed = [] } = wire.statuses
      const words = !end
        ? [...running, ...queued, 'running']
        : end.outcome === 'ok'
          ? [...succeeded, ...ended]
          : [...ofFailed, ...ended, 'failed']
      const isFailed = end !== null && end.outcome !== 'ok'
      return placed([
        [wire.id[0]!, clientId],
        [wire.status[0]!, words[0]],
        ...(isFailed ? [[wire.error[0]!, 'the job has failed; a poll of it tells why'] as [Keys, unknown]] : []),
      ])
    },
  }
}

function secondsAt(body: unknown, keys: Keys | undefined, unit: 's' | 'ms'): number | null {
  const value = secondsOf(keys && valueAt(body, keys))
  return value !== null && unit === 'ms' ? value / 1000 : value
}

/** In lower case, of a text or of an object's or a list's own texts. */
function errorText(error: unknown): string {
  const texts = typeof error === 'object' && error !== null ? Object.values(error) : [error]
  const plain = texts.filter((each) => typeof each === 'string' || typeof each === 'number')
  return plain.join('\n').slice(0, ERROR_CHARS).toLowerCase()
}
