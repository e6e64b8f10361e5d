/**
 * Looks at the jobs that are due, each arm's and the copies in a queue of their own, so that a backend that hangs
 * delays its own jobs only. core/look-pace.ts says which job is asked for, and when the clock decides instead. Ends no
 * job itself.
 */
import type { ReleaseConfig } from '../../config/load.ts'
import {
  afterLook,
  HEARD,
  isOnTime,
  LAST_LOOK_MS,
  LOOK_MS,
  pauseMs,
  type Silence,
  type Step,
  stepFor,
} from '../../core/look-pace.ts'
import type { Outcome } from '../../core/outcome.ts'
import { outcomeOf } from '../../protocols/job-outcome.ts'
import type { JobSight } from '../../protocols/protocol.ts'
import type { Backend } from './backend.ts'
import type { JobRow } from './job-row.ts'
import type { JobTable, Queue } from './job-table.ts'

/** The platform lets an object wait for six backends at a time: so many looks of each queue. */
const QUEUES: readonly (Queue & { width: number })[] = [
  { arm: 'control', shadow: false, width: 3 },
  { arm: 'candidate', shadow: false, width: 2 },
  { arm: 'candidate', shadow: true, width: 1 },
]
const AT_ONCE = 200
/** How long the video of a finished copy may be waited for, and how long its backend is not asked for any after it did not answer. */
const VIDEO_MS = 2000
const NO_VIDEOS_MS = 60_000
/** While looks are waited for, jobs that become due are started at this interval. */
const RECHECK_MS = 250

/** What a look has found, or (`sight` null) what must have happened. `isLate`: by a look that came behind its time. */
export interface Ending {
  outcome: Outcome
  sight: JobSight | null
  isLate: boolean
}

export class Looks {
  readonly #jobs: JobTable
  readonly #backend: Backend
  readonly #release: ReleaseConfig
  readonly #ends: (row: JobRow, ending: Ending, now: number) => void
  readonly #silences = new Map<string, Silence>()
  /** Backends that answer only their users. */
  readonly #refusing = new Set<string>()
  /** Jobs that were due while their backend did not answer: the next look at them is behind its time. */
  readonly #postponed = new Set<string>()
  /** Backends that did not answer for a copy's video: until when no more are asked for, unix ms. */
  readonly #withoutVideos = new Map<string, number>()
  readonly #awakeSinceMs = Date.now()

  constructor(
    jobs: JobTable,
    backend: Backend,
    release: ReleaseConfig,
    ends: (row: JobRow, ending: Ending, now: number) => void,
  ) {
    this.#jobs = jobs
    this.#backend = backend
    this.#release = release
    this.#ends = ends
  }

  nextAt(): number | null {
    const dues = QUEUES.map((queue) => this.#jobs.nextDueAt(queue)).filter((at) => at !== null)
    return dues.length === 0 ? null : Math.min(...dues)
  }

  /** Works until no job is due and nothing is waited for, `beside` included, or until that time, unix ms. */
  async round(untilMs: number, beside: Promise<unknown>): Promise<void> {
    const looking = QUEUES.map(() => new Set<Promise<void>>())
    const others = new Set([beside])
    void beside.finally(() => others.delete(beside))
    for (;;) {
      if (Date.now() < untilMs) QUEUES.forEach((queue, i) => this.#start(queue, queue.width, looking[i]!))
      const waitedFor = [...looking.flatMap((each) => [...each]), ...(Date.now() < untilMs ? others : [])]
      if (waitedFor.length === 0) return
      await Promise.race([...waitedFor, new Promise((resolve) => setTimeout(resolve, RECHECK_MS))])
    }
  }

  /** Looks at this job now, if it is still open, ahead of all that are due. */
  async at(row: JobRow): Promise<void> {
    if (row.status === 'open' && row.upstream_id !== '') await this.#look(row, LOOK_MS)
  }

  /** Past its deadline a job is looked at once more and then ended. */
  schedule(row: JobRow, atMs: number, looks: number): void {
    this.#postponed.delete(row.key)
    this.#jobs.reschedule(row.key, Math.min(atMs, Math.max(this.#deadline(row), Date.now())), looks)
  }

  #start(queue: Queue, width: number, looking: Set<Promise<void>>): void {
    const now = Date.now()
    let rows: JobRow[]
    do {
      rows = this.#jobs.due(queue, now, AT_ONCE)
      for (const row of rows) {
        const step = this.#stepFor(row, now)
        if (step === 'end') this.#endByClock(row, now)
        else if (step === 'later') this.#postpone(row, now)
        else if (looking.size < width) {
          // Not due again while this look is under way; but should the object die with it, it is.
          this.#jobs.reschedule(row.key, now + 2 * LOOK_MS, row.polls)
          const look: Promise<void> = this.#look(row, step === 'look' ? LOOK_MS : LAST_LOOK_MS)
            .catch((error: unknown) => this.#failed(row, error))
            .finally(() => looking.delete(look))
          looking.add(look)
        }
      }
    } while (rows.length === AT_ONCE && looking.size < width)
  }

  #postpone(row: JobRow, now: number): void {
    this.schedule(row, Math.max(this.#silenceOf(row).untilMs, now + 1), row.polls)
    this.#jobs.stillOpen(row.key, now)
    this.#postponed.add(row.key)
  }

  #stepFor(row: JobRow, now: number): Step {
    const deadlineMs = this.#deadline(row)
    const silence = this.#silenceOf(row)
    return stepFor({ deadlineMs, hasId: row.upstream_id !== '', silence, awakeSinceMs: this.#awakeSinceMs }, now)
  }

  async #look(row: JobRow, timeoutMs: number): Promise<void> {
    const isLate = this.#postponed.has(row.key) || !isOnTime(row.poll_at ?? 0, Date.now())
    const look = await this.#backend.look(row, row.upstream_id, timeoutMs)
    const shown = look.state === 'sight' ? outcomeOf(look.sight) : null
    const outcome = shown === 'ok' && row.shadow ? await this.#endOfCopy(row) : shown
    const now = Date.now()
    this.#silences.set(hostOf(row), afterLook(this.#silenceOf(row), look.state !== 'unanswered', now))
    if (look.state === 'refused') this.#refusing.add(hostOf(row))
    else if (look.state !== 'unanswered') this.#refusing.delete(hostOf(row))
    // A client's poll may have ended it meanwhile.
    const fresh = this.#jobs.get(row.key)
    if (fresh?.status !== 'open') return void this.#postponed.delete(row.key)
    if (look.state === 'sight' && outcome) this.#ends(fresh, { outcome, sight: look.sight, isLate }, now)
    else if (look.state === 'gone') this.#ends(fresh, { outcome: 'job_lost', sight: null, isLate }, now)
    else if (now >= this.#deadline(fresh)) this.#endByClock(fresh, now)
    else {
      this.schedule(fresh, now + this.#pauseMs(fresh), fresh.polls + 1)
      this.#jobs.stillOpen(row.key, now)
      if (look.state === 'unanswered') this.#postponed.add(row.key)
    }
    if (this.#jobs.get(row.key)?.status !== 'open') this.#postponed.delete(row.key)
  }

  /** Nobody downloads a copy's video, so the ledger asks for it once. */
  async #endOfCopy(row: JobRow): Promise<Outcome> {
    const host = hostOf(row)
    if (Date.now() < (this.#withoutVideos.get(host) ?? 0)) return 'ok'
    const lacksVideo = await this.#backend.lacksVideo(row, row.upstream_id, VIDEO_MS)
    if (lacksVideo === null) this.#withoutVideos.set(host, Date.now() + NO_VIDEOS_MS)
    return lacksVideo ? 'bad_output' : 'ok'
  }

  #endByClock(row: JobRow, now: number): void {
    this.#postponed.delete(row.key)
    // A backend that answers only its users tells the ledger nothing, neither good nor bad.
    const isUnknown = row.upstream_id !== '' && this.#refusing.has(hostOf(row))
    const counted = isUnknown || row.upstream_id === '' ? 0 : row.counted
    this.#ends({ ...row, counted }, { outcome: isUnknown ? 'aborted' : 'job_timeout', sight: null, isLate: true }, now)
  }

  #failed(row: JobRow, error: unknown): void {
    console.error(JSON.stringify({ at: 'job-ledger', job: row.key, error: String(error) }))
    this.schedule(row, Date.now() + this.#pauseMs(row), row.polls + 1)
  }

  #silenceOf(row: JobRow): Silence {
    return this.#silences.get(hostOf(row)) ?? HEARD
  }

  #pauseMs(row: JobRow): number {
    return pauseMs(row.shadow === 1, this.#release.quietAfterMs, row.polls)
  }

  #deadline(row: JobRow): number {
    const timeoutMs = row.shadow ? this.#release.shadow.jobTimeoutMs : this.#release.jobTimeoutMs
    return row.deadline_at ?? row.submitted_at + timeoutMs
  }
}

function hostOf({ arm, replica }: JobRow): string {
  return `${arm}:${replica}`
}
