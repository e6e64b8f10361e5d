/** Has due jobs polled, in batches of one backend that run outside the object: who hangs delays its own jobs only. */
import type { Pollers } from '../poll-runner.ts'
import type { JobRow } from '../job-shapes.ts'
import type { WriteOnce } from '../write-once.ts'
import type { JobTable } from './job-table.ts'
import type { Queue } from './poll-times.ts'
import { hostOf, PollBatches } from './poll-batches.ts'
import { PolledJobs, type PolledJobsParts } from './polled-jobs.ts'

const QUEUES: readonly Queue[] = [
  { arm: 'control', shadow: false },
  { arm: 'candidate', shadow: false },
  { arm: 'candidate', shadow: true },
]
/** The platform lets one event of an object call 32 times into the Worker. */
const BATCHES_A_WAKE = 24
/** Jobs of a batch that could not be run are due again after this. */
const BROKEN_PAUSE_MS = 1000
/** While batches are waited for, jobs that become due are started at this interval. */
const RECHECK_MS = 250

type JobPollerParts = Omit<PolledJobsParts, 'backoffOf'> & {
  pollers: Pollers
  /** Of what is counted. */
  writes: WriteOnce
}

export class JobPoller {
  readonly #jobs: JobTable
  readonly #batches: PollBatches
  readonly #polled: PolledJobs
  readonly #writes: WriteOnce
  #isInRound = false

  constructor({ pollers, writes, ...parts }: JobPollerParts) {
    this.#jobs = parts.jobs
    this.#batches = new PollBatches(pollers)
    this.#polled = new PolledJobs({ ...parts, backoffOf: (job) => this.#batches.backoffOf(job) })
    this.#writes = writes
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
    this.#polled.seen(key)
  }

  /** Starts what is due in a queue, in up to `most` batches; how many it has started. */
  #start(queue: Queue, most: number): number {
    let started = 0
    for (;;) {
      const now = Date.now()
      const limit = this.#batches.jobsAtOnce(most - started)
      const rows = this.#jobs.polls.due(queue, now, limit, this.#batches.notNow(queue))
      const toPoll: JobRow[] = []
      this.#writes.during(() => toPoll.push(...rows.filter((row) => this.#polled.step(row, now))))
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

  /** Never rejects. */
  async #run(rows: JobRow[]): Promise<void> {
    const host = hostOf(rows[0]!)
    const asksForVideo = rows[0]!.shadow === 1 && this.#polled.hasVideos(host)
    const byKey = new Map(rows.map((row) => [row.key, row]))
    try {
      const results = await this.#batches.poll(rows, asksForVideo)
      this.#writes.during(() => {
        for (const result of results) {
          const row = byKey.get(result.key)
          if (row && byKey.delete(result.key)) this.#polled.take(row, result)
        }
      })
      // Not asked for in time: due again at once, and late by then.
      for (const row of byKey.values()) this.#polled.putOff(row, 0)
    } catch (error) {
      console.error(JSON.stringify({ at: 'job-poller', backend: host, jobs: byKey.size, error: String(error) }))
      for (const row of byKey.values()) this.#polled.putOff(row, BROKEN_PAUSE_MS)
    }
  }
}
