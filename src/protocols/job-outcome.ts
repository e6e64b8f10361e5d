/** What a job's answer says of its end, in the words of the counters. */
import type { Outcome } from '../core/outcome.ts'
import type { JobSight } from './protocol.ts'

/** Null while the job is open. */
export function outcomeOf(sight: JobSight): Outcome | null {
  switch (sight.status) {
    case 'queued':
    case 'running':
    case 'ended':
      return null
    case 'succeeded':
      return 'ok'
    case 'cancelled':
      return 'cancelled'
    case 'failed':
      return sight.failure ?? 'job_failed'
  }
}
