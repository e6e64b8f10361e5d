/**
 * Has the jobs polled that are due, in batches of one backend each that run outside the object, so that a backend that
 * hangs delays its own jobs only. core/poll-schedule.ts says which job is asked for and what may be said when its time
 * is up. Ends no job itself.
 */
import type { ReleaseConfig } from '../../config/load.ts'
import { forgivenMs, isOnTime, quietPauseMs, RETRY_MS, type Step, stepFor } from '../../core/poll-schedule.ts'
import type { Outcome } from '../../core/outcome.ts'
import { outcomeOf } from '../../protocols/job-outcome.ts'
import type { BackendJob } from '../../protocols/protocol.ts'
import type { Pollers, PollResult } from '../poll-runner.ts'
import type { JobRow } from '../job-shapes.ts'
import type { WriteOnce } from '../write-once.ts'
import type { CopyPace } from './copy-pace.ts'
import type { JobTable } from './job-table.ts'
import type { Queue } from './poll-times.ts'
import { hostOf, PollBatches } from './poll-batches.ts'

const QUEUES: readonly Queue[] = [
  { arm: 'control', shadow: false },
  { arm: 'candidate', shadow: false },
  { arm: 'candidate', shadow: true },
]
/** The platform lets one event of an object call 32 times into the Worker. */
const BATCHES_A_WAKE = 24
/** Jobs of a batch that could not be run are due again after this. */
const BROKEN_PAUSE_MS = 1000
/** How long a backend's videos are not asked for after it did not answer for one. */
const NO_VIDEOS_MS = 60_000
/** While batches are waited for, jobs that become due are started at this interval. */
const RECHECK_MS = 250

/** What a poll has found, or (`job` null) what must have happened. `isLate`: by a poll that came behind its time. */
export interface Ending {
  outcome: Outcome
  job: BackendJob | null
  isLate: boolean
}

interface JobPollerParts {
  jobs: JobTable
  pollers: Pollers
  pace: CopyPace
  /** Of what is counted. */
  writes: WriteOnce
  release: ReleaseConfig
  ends: (row: JobRow, ending: Ending, now: number) => void
}

export class JobPoller {
  readonly #jobs: JobTable
  readonly #batches: PollBatches
  readonly #pace: CopyPace
  readonly #writes: WriteOnce
  readonly #release: ReleaseConfig
  readonly #ends: (row: JobRow, ending: Ending, now: number) => void
  /** Jobs that were due while nobody could ask or their backend did not answer: the next poll is behind its time. */
  readonly #postponed = new Set<string>()
  /** How often a poll after a job's deadline was left unanswered. */
  readonly #inVain = new Map<string, number>()
  /** Backends that did not answer for a copy's video: until when no more are asked for, unix ms. */
  readonly #withoutVideos = new Map<string, number>()
  readonly #awakeSinceMs = Date.now()
  #isInRound = false

  constructor({ jobs, pollers, pace, writes, release, ends }: JobPollerParts) {
    this.#jobs = jobs
    this.#batches = new PollBatches(pollers)
    this.#pace = pace
    this.#writes = writes
    this.#release = release
    this.#ends = ends
  }

  /** When the next round is needed: at once where the last one has left batches under way; null while one goes on. */
  nextAt(): number | null {
    if (this.#isInRound) return null
    if (this.#batches.underWay.length > 0) return Date.now()
    const dues = QUEUES.map((queue) => this.#jobs.polls.nextDueAt(queue)).filter((at) => at !== null)
    return dues.length === 0 ? null : Math.min(...dues)
  }

  /**
   * Works until no job is due and nothing is waited for, `beside` included, or until that time, unix ms, or until it
   * may start no more. What is under way by then comes in by itself.
   */
  async round(untilMs: number, beside: Promise<unknown>): Promise<void> {
    this.#isInRound = true
    const others = new Set([beside])
    void beside.finally(() => others.delete(beside))
    try {
      let batches = BATCHES_A_WAKE
      while (Date.now() < untilMs) {
        for (const queue of QUEUES) batches -= this.#start(queue, batches)
        const waitedFor = [...this.#batches.underWay, ...others]
        if (batches === 0 || waitedFor.length === 0) return
        await Promise.race([...waitedFor, new Promise((resolve) => setTimeout(resolve, RECHECK_MS))])
      }
    } finally {
      this.#isInRound = false
    }
  }

  /** Polls this job now, if it is still open, ahead of all that are due. */
  async pollNow(row: JobRow): Promise<void> {
    if (row.status === 'open' && row.upstream_id !== '') await this.#run([row])
  }

  /** Somebody else has seen how the job stands, in time. */
  seen(key: string): void {
    this.#postponed.delete(key)
  }

  /** Past its deadline a job is polled once more, and then ended. */
  #schedule(row: JobRow, atMs: number, polls: number): void {
    this.#postponed.delete(row.key)
    this.#jobs.polls.reschedule(row.key, Math.min(atMs, Math.max(this.#deadline(row), Date.now())), polls)
  }

  /** Starts what is due in a queue, in up to `most` batches; how many it has started. */
  #start(queue: Queue, most: number): number {
    let started = 0
    for (;;) {
      const now = Date.now()
      const limit = this.#batches.jobsAtOnce(most - started)
      const rows = this.#jobs.polls.due(queue, now, limit, this.#batches.notNow(queue))
      const toPoll: JobRow[] = []
      this.#writes.during(() => toPoll.push(...rows.filter((row) => this.#step(row, now))))
      const before = started
      for (const [host, ofBackend] of Map.groupBy(toPoll, hostOf)) {
        for (const batch of this.#batches.split(host, ofBackend, most - started)) {
          this.#batches.track(batch, this.#run(batch))
          started++
        }
      }
      const isStuck = started === before && toPoll.length === rows.length
      if (rows.length < limit || started === most || isStuck) return started
    }
  }

  /** What is to be done with a job that is due: true if it is to be polled, else it is done here. */
  #step(row: JobRow, now: number): boolean {
    const hasId = row.upstream_id !== ''
    const forgiven = hasId ? forgivenMs(row.poll_at ?? now, now) : 0
    if (forgiven > 0) {
      row.deadline_at = this.#deadline(row) + forgiven
      this.#jobs.polls.extend(row.key, row.deadline_at, now)
      this.#postponed.add(row.key)
    }
    const step = this.#stepFor(row, now)
    if (step === 'later') this.#postpone(row, now)
    else if (step !== 'poll') this.#endUnseen(row, step, now)
    return step === 'poll'
  }

  #stepFor(row: JobRow, now: number): Step {
    const due = {
      deadlineMs: this.#deadline(row),
      hasId: row.upstream_id !== '',
      backoff: this.#batches.backoffOf(row),
    }
    return stepFor({ ...due, awakeSinceMs: this.#awakeSinceMs }, now)
  }

  /** Never rejects. */
  async #run(rows: JobRow[]): Promise<void> {
    const host = hostOf(rows[0]!)
    const asksForVideo = rows[0]!.shadow === 1 && Date.now() >= (this.#withoutVideos.get(host) ?? 0)
    const byKey = new Map(rows.map((row) => [row.key, row]))
    try {
      const results = await this.#batches.poll(rows, asksForVideo)
      this.#writes.during(() => {
        for (const result of results) {
          const row = byKey.get(result.key)
          if (row && byKey.delete(result.key)) this.#take(row, result)
        }
      })
      // Not asked for in time: due again at once, and late by then.
      for (const row of byKey.values()) this.#putOff(row, 0)
    } catch (error) {
      console.error(JSON.stringify({ at: 'job-poller', backend: host, jobs: byKey.size, error: String(error) }))
      for (const row of byKey.values()) this.#putOff(row, BROKEN_PAUSE_MS)
    }
  }

  /** That nobody asked says nothing of the job, so it is not known to be open by now. */
  #putOff(row: JobRow, pauseMs: number): void {
    this.#jobs.polls.reschedule(row.key, Date.now() + pauseMs, row.polls)
    this.#postponed.add(row.key)
  }

  #take(row: JobRow, result: PollResult): void {
    if (row.shadow === 1) this.#pace.learn(row, result)
    if (this.#isStillOpen(row, result)) return
    const { answer, lacksVideo, askedAt, answeredAt } = result
    const isLate = this.#postponed.has(row.key) || !isOnTime(row.poll_at ?? 0, askedAt)
    if (lacksVideo === null) this.#withoutVideos.set(hostOf(row), answeredAt + NO_VIDEOS_MS)
    // A client's poll may have ended it meanwhile.
    const fresh = this.#jobs.get(row.key)
    if (fresh?.status !== 'open') return this.#forget(row.key)
    const { state } = answer
    const shown = state === 'job' ? outcomeOf(answer.job) : state === 'gone' ? ('job_lost' as const) : null
    const outcome = shown === 'ok' && lacksVideo ? 'bad_output' : shown
    if (outcome) {
      this.#forget(row.key)
      return this.#ends(fresh, { outcome, job: state === 'job' ? answer.job : null, isLate }, answeredAt)
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
    if (isOver) this.#jobs.polls.reschedule(row.key, now + RETRY_MS, fresh.polls + 1)
    else this.#schedule(fresh, now + this.#pauseMs(fresh), fresh.polls + 1)
    if (state === 'job' || tellsNothing) this.#jobs.polls.stillOpen(row.key, answeredAt)
    if (state !== 'job') this.#postponed.add(row.key)
  }

  /** What most polls find, in one write. False where there is more to be looked at. */
  #isStillOpen(row: JobRow, { answer, askedAt, answeredAt }: PollResult): boolean {
    const deadline = this.#deadline(row)
    if (answer.state !== 'job' || outcomeOf(answer.job) !== null || askedAt >= deadline) return false
    const now = Date.now()
    const pollAt = Math.min(now + this.#pauseMs(row), Math.max(deadline, now))
    if (!this.#jobs.polls.polled(row, answeredAt, pollAt)) return false
    this.#forget(row.key)
    return true
  }

  /** Until its backend is asked again. It counts as open as long: whoever hangs should be seen to. */
  #postpone(row: JobRow, now: number): void {
    this.#schedule(row, Math.max(this.#batches.backoffOf(row).untilMs, now + 1), row.polls)
    this.#jobs.polls.stillOpen(row.key, now)
    this.#postponed.add(row.key)
  }

  #endUnseen(row: JobRow, step: 'timed_out' | 'not_observed', now: number): void {
    this.#forget(row.key)
    // A copy whose submit was never answered is no job.
    const counted = row.upstream_id === '' ? 0 : row.counted
    const outcome = step === 'timed_out' ? 'job_timeout' : 'not_observed'
    this.#ends({ ...row, counted }, { outcome, job: null, isLate: true }, now)
  }

  #forget(key: string): void {
    this.#postponed.delete(key)
    this.#inVain.delete(key)
  }

  #pauseMs(row: JobRow): number {
    return row.shadow === 1 ? this.#pace.pauseMs(row, Date.now()) : quietPauseMs(this.#release.quietAfterMs, row.polls)
  }

  #deadline(row: JobRow): number {
    const timeoutMs = row.shadow ? this.#release.shadow.jobTimeoutMs : this.#release.jobTimeoutMs
    return row.deadline_at ?? row.submitted_at + timeoutMs
  }
}
