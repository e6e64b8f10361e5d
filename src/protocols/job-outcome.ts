/** A job of an answer, and what it says of its end in the words of the counters. */
import type { Outcome } from '../core/outcome.ts'
import type { BackendJob, JobStatus } from './protocol.ts'

/** One of which no more is known. */
export function plainJob(id: string, status: JobStatus): BackendJob {
  return { id, status, failure: null, queueSeconds: null, runSeconds: null, totalSeconds: null }
}

/** What a wire's word for it means: every one that it does not list is of a job that has not ended. */
export function statusIn(words: Readonly<Record<string, JobStatus>>, word: string): JobStatus {
  return (Object.hasOwn(words, word) && words[word]) || 'running'
}

/** Null while the job is open. */
export function outcomeOf(backendJob: BackendJob): Outcome | null {
  const { status, failure } = backendJob
  if (status === 'failed') return failure ?? 'job_failed'
  return status === 'succeeded' ? 'ok' : status === 'cancelled' ? 'cancelled' : null
}

/** Of the answer about a job or its video: its backend has no such thing, or none any more. */
export function isGone(status: number): boolean {
  return status === 404 || status === 410
}

/** A job of which its poll says only that it has ended, with what its result tells; as it was where there is none. */
export function withResult(ended: BackendJob, result: BackendJob | null): BackendJob {
  return result ? { ...result, runSeconds: result.runSeconds ?? ended.runSeconds } : ended
}
