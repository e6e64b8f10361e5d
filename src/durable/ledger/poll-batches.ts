/** Batches of polls under way, and how many more a backend may have: a hung one holds up nobody else. */
import { afterPoll, type Backoff, NO_BACKOFF } from '../../core/poll-schedule.ts'
import type { Pollers, PollResult } from '../poll-runner.ts'
import { within } from '../deadline.ts'
import type { JobRow } from '../job-shapes.ts'
import type { NotThese } from './poll-times.ts'

/** A batch that has not come back by then is given up. */
const BATCH_MS = 20_000
/** A batch holds so many jobs at most: with their videos no more than the 50 calls out that the smallest plan allows. */
const MOST_JOBS = 24
/** And so many where its backend is not known to answer: that is soon told. */
const FEW_JOBS = 2

export class PollBatches {
  readonly #pollers: Pollers
  readonly #backoffs = new Map<string, Backoff>()
  /** Each with its backend. */
  readonly #underWay = new Map<Promise<void>, string>()
  /** Ids of their jobs: still due by the table, so that nothing is written down of a poll that has not come back. */
  readonly #polled = new Set<number>()

  constructor(pollers: Pollers) {
    this.#pollers = pollers
  }

  backoffOf(job: Pick<JobRow, 'arm' | 'replica'>): Backoff {
    return this.#backoffs.get(hostOf(job)) ?? NO_BACKOFF
  }

  /** Whether a backend is known to answer. */
  #isHeard(host: string): boolean {
    return this.#backoffs.get(host)?.unanswered === 0
  }

  get underWay(): Promise<void>[] {
    return [...this.#underWay.keys()]
  }

  /** Jobs of this arm that are not to be started now: under way, or of a replica that no more batches may be for. */
  notNow({ arm }: Pick<JobRow, 'arm'>): NotThese {
    const hosts = [...new Set(this.#underWay.values())]
    const full = hosts.filter((host) => host.startsWith(`${arm}:`) && this.#freeFor(host) === 0)
    return { replicas: full.map((host) => Number(host.split(':')[1])), ids: [...this.#polled] }
  }

  /** Jobs that so many more batches may hold, of those that may be under way; one batch at least. */
  jobsAtOnce(batches: number): number {
    return Math.max(1, Math.min(batches, this.#pollers.batches - this.#underWay.size)) * MOST_JOBS
  }

  /** Jobs of one backend in batches, up to `most` of them, as evenly as the free ones allow. */
  split(host: string, rows: JobRow[], most: number): JobRow[][] {
    const free = Math.min(this.#freeFor(host), most)
    const even = Math.max(this.#pollers.width, Math.ceil(rows.length / Math.max(free, 1)))
    const size = Math.min(even, this.#isHeard(host) ? MOST_JOBS : FEW_JOBS)
    return Array.from({ length: Math.min(free, Math.ceil(rows.length / size)) }, (_, i) =>
      rows.slice(i * size, (i + 1) * size),
    )
  }

  /** Keeps account of a batch until it is over; `work` never rejects. */
  track(rows: readonly JobRow[], work: Promise<void>): void {
    for (const { id } of rows) this.#polled.add(id)
    const batch: Promise<void> = work.finally(() => {
      this.#underWay.delete(batch)
      for (const { id } of rows) this.#polled.delete(id)
    })
    this.#underWay.set(batch, hostOf(rows[0]!))
  }

  /** Results in the order in which they came, of those jobs that were asked for. */
  async poll(rows: readonly JobRow[], asksForVideo: boolean): Promise<PollResult[]> {
    const { arm, replica } = rows[0]!
    const jobs = rows.map(({ key, upstream_id: upstreamId, prefix }) => ({ key, upstreamId, prefix }))
    const { width } = this.#pollers
    const results = await within(BATCH_MS, this.#pollers.poll({ arm, replica, jobs, width, asksForVideo }))
    const sorted = results.toSorted((a, b) => a.answeredAt - b.answeredAt)
    for (const { answer, askedAt, answeredAt } of sorted) {
      const next = afterPoll(this.backoffOf({ arm, replica }), answer.state !== 'unanswered', askedAt, answeredAt)
      this.#backoffs.set(hostOf({ arm, replica }), next)
    }
    return sorted
  }

  /** Half of what the others leave is for any one backend, so that there is always some for them; one batch where it is not known to answer. */
  #freeFor(host: string): number {
    const mine = [...this.#underWay.values()].filter((each) => each === host).length
    const others = this.#underWay.size - mine
    const most = Math.ceil((this.#pollers.batches - others) / 2)
    return Math.max(0, (this.#isHeard(host) ? most : Math.min(most, 1)) - mine)
  }
}

/** A backend by a name of its own. */
export function hostOf({ arm, replica }: Pick<JobRow, 'arm' | 'replica'>): string {
  return `${arm}:${replica}`
}
