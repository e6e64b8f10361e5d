/**
 * `rescue = true`: a candidate's job that failed is submitted to control and goes on there under the client's id. A try
 * that was interrupted or put off is made again, under the same key; nothing is asked twice at the same time.
 */
import { hash32 } from '../../core/assignment.ts'
import { canBeRescued, mayStillArrive, mayTryAgain, replicaOfTry, tryAgainMs } from '../../core/rescue-plan.ts'
import { replicaHash } from '../../config/replica.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { RescueStatus } from '../rpc.ts'
import { type JobRow, toLedgerJob } from '../job-shapes.ts'
import type { LedgerParts } from './looked-after.ts'

/** The platform lets an object wait for six backends at a time. */
const WIDTH = 4

export class Rescuer {
  readonly #parts: LedgerParts
  readonly #onTried: () => void
  readonly #underWay = new Map<string, Promise<void>>()

  /** `onTried` is called after each try: another one may be due now. */
  constructor(parts: LedgerParts, onTried: () => void) {
    this.#parts = parts
    this.#onTried = onTried
    // What was under way has died with the object before this one.
    parts.bodies.interrupted(Date.now() + tryAgainMs(1))
  }

  /** A job has ended: one that failed is submitted to control as soon as its turn comes, any other needs its body no more. */
  ended(key: string, outcome: Outcome, now: number): void {
    if (!this.#parts.release.rescue || !canBeRescued(outcome)) this.#parts.bodies.drop(key)
    else if (this.#parts.bodies.want(key, now)) this.startDue(now)
  }

  /** Where the job is by now, as far as is known here; null where its id says it all. */
  jobLocation(row: JobRow): RescueStatus {
    if (row.rescued_upstream !== null) {
      return { state: 'at_control', upstreamId: row.rescued_upstream, replica: row.rescued_replica! }
    }
    return this.#parts.bodies.isWanted(row.key) ? { state: 'pending' } : null
  }

  /** The same after waiting for the try that is under way, or can be made now, though no longer than `waitMs`. */
  async rescue(row: JobRow, waitMs: number): Promise<RescueStatus> {
    const now = Date.now()
    // What still runs, or was refused or given up, is not sent anew.
    if (row.status === 'open' || !canBeRescued(row.outcome) || !this.#parts.release.rescue) return this.jobLocation(row)
    if (this.#parts.bodies.isWanted(row.key)) {
      this.startDue(now)
      await this.#waited(row.key, waitMs)
    } else if (row.rescued_upstream === null && mayStillArrive(row.submitted_at, now)) return { state: 'pending' }
    return this.jobLocation(this.#parts.jobs.get(row.key) ?? row)
  }

  /** Its client has given the job up, wherever it is by now. */
  async givenUp(row: JobRow): Promise<void> {
    this.#parts.bodies.drop(row.key)
    if (row.rescued_upstream === null) return
    const at = { arm: 'control', replica: row.rescued_replica!, prefix: row.prefix } as const
    await this.#parts.backend.cancel(at, row.rescued_upstream)
  }

  /** Starts the tries that are due, up to `WIDTH` under way. Waits for none of them. */
  startDue(now: number): void {
    const free = WIDTH - this.#underWay.size
    if (free <= 0) return
    // One that is under way may be due again, where control takes its time.
    const due = this.#parts.bodies.due(now, WIDTH + free).filter((key) => !this.#underWay.has(key))
    for (const key of due.slice(0, free)) {
      const ended = this.#try(key)
        .catch((error: unknown) => console.error(JSON.stringify({ at: 'rescuer', job: key, error: String(error) })))
        .finally(() => {
          this.#underWay.delete(key)
          this.#onTried()
          this.startDue(Date.now())
        })
      this.#underWay.set(key, ended)
    }
  }

  /** When the next try is due. While `WIDTH` are under way, those due already start as one of them ends, not by the alarm. */
  nextAt(now: number): number | null {
    return this.#parts.bodies.nextAt(this.#underWay.size >= WIDTH ? now : 0)
  }

  async #waited(key: string, waitMs: number): Promise<void> {
    const atMost = Date.now() + waitMs
    for (let left = waitMs; left > 0; left = atMost - Date.now()) {
      const own = this.#underWay.get(key)
      // A first try may have to wait for one of the others to end; a further try is not waited for.
      const awaited = own ?? (this.#parts.bodies.get(key)?.tries === 0 ? [...this.#underWay.values()][0] : undefined)
      if (!awaited) return
      await Promise.race([awaited, new Promise((resolve) => setTimeout(resolve, left))])
      if (own) return
    }
  }

  async #try(key: string): Promise<void> {
    const row = this.#parts.jobs.get(key)
    const body = this.#parts.bodies.get(key)
    if (!row || !body || !this.#parts.release.rescue) return this.#parts.bodies.drop(key)
    const { urls, timeoutMs } = this.#parts.release.arms.control
    const seed = hash32(`${key}|${row.owner}|${row.submitted_at}`)
    const replica = replicaHash(urls[replicaOfTry(seed, body.tries, urls.length)]!)
    const tries = body.tries + 1
    this.#parts.bodies.tried(key, tries, Date.now() + timeoutMs + tryAgainMs(tries))
    const taken = await this.#parts.backend.resubmit(body, replica, await keyOf(this.#parts.release.name, row))
    // Its client may have given it up meanwhile.
    const isWanted = this.#parts.bodies.isWanted(key)
    if (taken.backendJob) {
      if (!isWanted)
        return void (await this.#parts.backend.cancel({ ...row, arm: 'control', replica }, taken.backendJob.id))
      this.#goesOn(row, taken.backendJob.id, replica)
    } else if (isWanted) {
      if (mayTryAgain(tries, taken.status)) this.#parts.bodies.tried(key, tries, Date.now() + tryAgainMs(tries))
      else this.#parts.bodies.drop(key)
    }
  }

  #goesOn(row: JobRow, upstreamId: string, replica: number): void {
    this.#parts.bodies.drop(row.key)
    this.#parts.jobs.rescued(row.key, { upstreamId, replica })
    // Control did not choose this job, so it is in nobody's counters.
    const going = { ...toLedgerJob(row), upstreamId, replica, arm: 'control' as const, work: row.work }
    const now = Date.now()
    const { quietAfterMs, jobTimeoutMs } = this.#parts.release
    // Control has it from now on: of its time nothing is gone, however long the candidate took.
    this.#parts.jobs.add(going, { counted: 0, poll_at: now + quietAfterMs, deadline_at: now + jobTimeoutMs })
  }
}

/** The same at each try, and of no other job: neither a backend's id nor a client's needs to be unique over replicas. */
async function keyOf(release: string, { key, owner, submitted_at }: JobRow): Promise<string> {
  const text = new TextEncoder().encode([release, key, owner, submitted_at].join('\n'))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  return `rescue-${Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
