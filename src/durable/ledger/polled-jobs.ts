/** What becomes of a job that is due or was polled: polled again and when, put off, or ended. Asks and ends nothing. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { Backoff, Step } from '../../core/poll-schedule.ts'
import { forgivenMs, isOnTime, quietPauseMs, RETRY_MS, stepFor } from '../../core/poll-schedule.ts'
import type { Outcome } from '../../core/outcome.ts'
import { outcomeOf } from '../../protocols/job-outcome.ts'
import type { BackendJob } from '../../protocols/protocol.ts'
import type { PollResult } from '../poll-runner.ts'
import type { JobRow } from '../job-shapes.ts'
import type { CopyPace } from './copy-pace.ts'
import type { JobTable } from './job-table.ts'
import { hostOf } from './poll-batches.ts'

/** How long a backend's videos are not asked for after it did not answer for one. */
const NO_VIDEOS_MS = 60_000

/** What a poll has found, or (`job` null) what must have happened. `isLate`: by a poll that came behind its time. */
export interface Ending {
  outcome: Outcome
  job: BackendJob | null
  isLate: boolean
}

export interface PolledJobsParts {
  jobs: JobTable
  pace: CopyPace
  backoffOf: (job: JobRow) => Backoff
  release: ReleaseConfig
  ends: (row: JobRow, ending: Ending, now: number) => void
}

export class PolledJobs {
  readonly #parts: PolledJobsParts
  /** Jobs that were due while nobody could ask or their backend did not answer: the next poll is behind its time. */
  readonly #postponed = new Set<string>()
  /** How often a poll after a job's deadline was left unanswered. */
  readonly #inVain = new Map<string, number>()
  /** Backends that did not answer for a copy's video: until when no more are asked for, unix ms. */
  readonly #withoutVideos = new Map<string, number>()
  readonly #awakeSinceMs = Date.now()

  constructor(parts: PolledJobsParts) {
    this.#parts = parts
  }

  /** Somebody else has seen how the job stands, in time. */
  seen(key: string): void {
    this.#postponed.delete(key)
  }

  /** Whether a backend's videos may be asked for. */
  hasVideos(host: string): boolean {
    return Date.now() >= (this.#withoutVideos.get(host) ?? 0)
  }

  /** What is to be done with a job that is due: true if it is to be polled, else it is done here. */
  step(row: JobRow, now: number): boolean {
    const hasId = row.upstream_id !== ''
    const forgiven = hasId ? forgivenMs(row.poll_at ?? now, now) : 0
    if (forgiven > 0) {
      row.deadline_at = this.#deadline(row) + forgiven
      this.#parts.jobs.polls.extend(row.key, row.deadline_at, now)
      this.#postponed.add(row.key)
    }
    const step = this.#stepFor(row, now)
    if (step === 'later') this.#postpone(row, now)
    else if (step !== 'poll') this.#endUnseen(row, step, now)
    return step === 'poll'
  }

  #stepFor(row: JobRow, now: number): Step {
    const [hasId, backoff] = [row.upstream_id !== '', this.#parts.backoffOf(row)]
    return stepFor({ deadlineMs: this.#deadline(row), hasId, backoff, awakeSinceMs: this.#awakeSinceMs }, now)
  }

  /** That nobody asked says nothing of the job, so it is not known to be open by now. */
  putOff(row: JobRow, pauseMs: number): void {
    this.#parts.jobs.polls.reschedule(row.key, Date.now() + pauseMs, row.polls)
    this.#postponed.add(row.key)
  }

  take(row: JobRow, result: PollResult): void {
    if (row.shadow === 1) this.#parts.pace.learn(row, result)
    if (this.#isStillOpen(row, result)) return
    const { answer, lacksVideo, askedAt, answeredAt } = result
    const isLate = this.#postponed.has(row.key) || !isOnTime(row.poll_at ?? 0, askedAt)
    if (lacksVideo === null) this.#withoutVideos.set(hostOf(row), answeredAt + NO_VIDEOS_MS)
    // A client's poll may have ended it meanwhile.
    const fresh = this.#parts.jobs.get(row.key)
    if (fresh?.status !== 'open') return this.#forget(row.key)
    const { state } = answer
    const shown = state === 'job' ? outcomeOf(answer.job) : state === 'gone' ? ('job_lost' as const) : null
    const outcome = shown === 'ok' && lacksVideo ? 'bad_output' : shown
    if (outcome) {
      this.#forget(row.key)
      return this.#parts.ends(fresh, { outcome, job: state === 'job' ? answer.job : null, isLate }, answeredAt)
    }
    const isOver = askedAt >= this.#deadline(fresh)
    const tellsNothing = state === 'unanswered' || state === 'failed'
    const inVain = isOver && tellsNothing ? (this.#inVain.get(row.key) ?? 0) + 1 : 0
    if (isOver && (state === 'job' || inVain > 1)) return this.#endUnseen(fresh, 'timed_out', answeredAt)
    if (isOver && state === 'closed') return this.#endUnseen(fresh, 'not_observed', answeredAt)
    const step = this.#stepFor(fresh, Date.now())
    if (isOver && tellsNothing && step === 'timed_out') return this.#endUnseen(fresh, step, answeredAt)
    if (inVain > 0) this.#inVain.set(row.key, inVain)
    const now = Date.now()
    if (isOver) this.#parts.jobs.polls.reschedule(row.key, now + RETRY_MS, fresh.polls + 1)
    else this.#schedule(fresh, now + this.#pauseMs(fresh), fresh.polls + 1)
    if (state === 'job' || tellsNothing) this.#parts.jobs.polls.stillOpen(row.key, answeredAt)
    if (state !== 'job') this.#postponed.add(row.key)
  }

  /** What most polls find, in one write. False where there is more to be looked at. */
  #isStillOpen(row: JobRow, { answer, askedAt, answeredAt }: PollResult): boolean {
    const deadline = this.#deadline(row)
    if (answer.state !== 'job' || outcomeOf(answer.job) !== null || askedAt >= deadline) return false
    const now = Date.now()
    const pollAt = Math.min(now + this.#pauseMs(row), Math.max(deadline, now))
    if (!this.#parts.jobs.polls.polled(row, answeredAt, pollAt)) return false
    this.#forget(row.key)
    return true
  }

  /** Until its backend is asked again. It counts as open as long: whoever hangs should be seen to. */
  #postpone(row: JobRow, now: number): void {
    this.#schedule(row, Math.max(this.#parts.backoffOf(row).untilMs, now + 1), row.polls)
    this.#parts.jobs.polls.stillOpen(row.key, now)
    this.#postponed.add(row.key)
  }

  #endUnseen(row: JobRow, step: 'timed_out' | 'not_observed', now: number): void {
    this.#forget(row.key)
    // A copy whose submit was never answered is no job.
    const counted = row.upstream_id === '' ? 0 : row.counted
    const outcome = step === 'timed_out' ? 'job_timeout' : 'not_observed'
    this.#parts.ends({ ...row, counted }, { outcome, job: null, isLate: true }, now)
  }

  #forget(key: string): void {
    this.#postponed.delete(key)
    this.#inVain.delete(key)
  }

  #pauseMs(row: JobRow): number {
    return row.shadow === 1
      ? this.#parts.pace.pauseMs(row, Date.now())
      : quietPauseMs(this.#parts.release.quietAfterMs, row.polls)
  }

  #deadline(row: JobRow): number {
    const timeoutMs = row.shadow ? this.#parts.release.shadow.jobTimeoutMs : this.#parts.release.jobTimeoutMs
    return row.deadline_at ?? row.submitted_at + timeoutMs
  }

  /** Past its deadline a job is polled once more, and then ended. */
  #schedule(row: JobRow, atMs: number, polls: number): void {
    this.#postponed.delete(row.key)
    this.#parts.jobs.polls.reschedule(row.key, Math.min(atMs, Math.max(this.#deadline(row), Date.now())), polls)
  }
}
