/** A prediction as Replicate shows it: where it stands, its times, and whose fault a failure is. */
import { isObject } from '../answer-json.ts'
import { MESSAGE_CHARS, type BackendJob, type JobStatus } from '../protocol.ts'
import { isResourceId } from '../resource-id.ts'
import { secondsBetween, secondsOf } from '../seconds.ts'

const STATUS: Record<string, JobStatus> = {
  starting: 'queued',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'cancelled',
  // Its deadline came before it had started: the arm was too slow to begin.
  aborted: 'failed',
}
/** Of an error that the request itself is to blame for; `error` is a sentence, often with a code at its end. */
const REFUSAL =
  /\bE00[56]\b|nsfw|flagged|sensitive content|moderation|content policy|safety (filter|system|check)|prohibited|responsible ai|invalid (input|prompt|parameter|argument)|input validation|field required/i
const LATE = /\bE6716\b|tim(ed|e) ?out|time limit|deadline/i

/** Whatever HTTP status it came with; every unknown word is a job that has not ended. */
export function readPrediction(body: unknown): BackendJob | null {
  if (!isObject(body)) return null
  const { id, status: word, error, metrics, created_at: created, started_at: started, completed_at: completed } = body
  if (!isResourceId(id) || typeof word !== 'string') return null
  const status = (Object.hasOwn(STATUS, word) && STATUS[word]) || 'running'
  const hasEnded = status !== 'queued' && status !== 'running'
  const measured: Record<string, unknown> = isObject(metrics) ? metrics : {}
  return {
    id,
    status,
    failure: status === 'failed' ? failureOf(word, error) : null,
    queueSeconds: secondsBetween(created, started),
    runSeconds: hasEnded ? (secondsOf(measured['predict_time']) ?? secondsBetween(started, completed)) : null,
    totalSeconds: hasEnded ? (secondsOf(measured['total_time']) ?? secondsBetween(created, completed)) : null,
  }
}

function failureOf(word: string, error: unknown): BackendJob['failure'] {
  if (word === 'aborted') return 'job_timeout'
  const message = typeof error === 'string' ? error.slice(0, MESSAGE_CHARS) : ''
  return REFUSAL.test(message) ? 'content_refused' : LATE.test(message) ? 'job_timeout' : 'job_failed'
}
