/**
 * How many shadow copies this isolate may begin without asking anybody, as each ledger has granted it with the answers to
 * its flushes, and what of the copies that it has sent no ledger has heard yet. Sends nothing itself.
 */
import type { Snapshot } from '../core/release.ts'
import type { LedgerJob } from '../durable/job-shapes.ts'
import type { CopyBatch, CopyEntry, CopyLease, CopyResult, CopyRefusal, ShadowCaps } from '../durable/rpc.ts'

/** A refusal of this age holds for the next copies; after that it is asked again. */
const REFUSED_MS = 1500
/** From so many copies between two flushes on they are granted ahead. */
const STEADY_COPIES = 2
/** Flushes that a copy without a grant waits for. */
const MOST_FLUSHES = 3

/** Why a copy was not sent. */
export type Dropped = CopyRefusal | 'copy_failed'

/** One ledger's grant. */
interface Lease {
  seq: number
  epoch: number
  caps: ShadowCaps
  /** May be begun until `untilMs`, unix ms. */
  free: number
  untilMs: number
  /** Taken by copies that are not sent yet. */
  held: number
  /** Copies that wait for a grant. */
  waiting: number
  /** Since the last flush, and the same as it was lately. */
  begun: number
  pace: number
  refusal: CopyRefusal | null
  refusedAt: number
  /** Copies that were sent and that the ledger has not heard of, by the control job's backend and id. */
  untold: Map<string, CopyEntry>
}

export class CopyLeases {
  readonly #now: () => number
  readonly #source: string
  readonly #leases = new Map<number, Lease>()

  /** `source`: this isolate's own name, for ever unique. */
  constructor(source: string, now: () => number) {
    this.#source = source
    this.#now = now
  }

  /** A place for one copy, granted or still to be granted; or why there is none. `ledgers` share the caps. Asks nobody. */
  want(ledger: number, { epoch, shadow }: Snapshot, ledgers: number): CopyPlace | CopyRefusal {
    const { maxInFlight, maxJobsPerDay, jobTimeoutMs } = shadow
    const caps = { maxInFlight, maxJobsPerDay, jobTimeoutMs, ledgers }
    let lease = this.#leases.get(ledger)
    if (!lease) this.#leases.set(ledger, (lease = newLease(epoch, caps)))
    const isKnown = lease.epoch === epoch && this.#now() < lease.refusedAt + REFUSED_MS
    Object.assign(lease, { epoch, caps })
    if (!mayBegin(lease, this.#now()) && lease.refusal && isKnown) return lease.refusal
    return new CopyPlace(lease, this.#now)
  }

  /** Something that a ledger should hear of soon. */
  get hasNews(): boolean {
    return [...this.#leases.values()].some(({ untold, waiting }) => untold.size > 0 || waiting > 0)
  }

  /** Granted copies that nobody has begun. */
  get hasFree(): boolean {
    return [...this.#leases.values()].some(({ free }) => free > 0)
  }

  /** What each ledger is to be told and asked; what is not likely to be used is given back by it. */
  forFlush(): Map<number, CopyBatch> {
    const now = this.#now()
    const batches = new Map<number, CopyBatch>()
    for (const [ledger, lease] of this.#leases) {
      if (now >= lease.untilMs) lease.free = 0
      const { untold, waiting, held, begun, epoch, caps } = lease
      if (untold.size + waiting + held + lease.free + begun === 0) continue
      lease.pace = begun === 0 ? 0 : Math.max(begun, lease.pace / 2)
      lease.begun = 0
      const likely = lease.pace < STEADY_COPIES ? 0 : Math.ceil(1.5 * lease.pace) + 4
      lease.free = Math.min(lease.free, Math.max(likely, waiting))
      const { free } = lease
      batches.set(ledger, {
        source: this.#source,
        seq: ++lease.seq,
        epoch,
        caps,
        sent: [...untold.values()],
        free: free + held,
        waiting: Math.max(0, waiting - free),
        spare: Math.max(0, likely - Math.max(free, waiting)),
      })
    }
    return batches
  }

  /** A ledger has taken this batch, sent then, and has granted so much; null where it does not say. */
  answered(ledger: number, { seq, sent }: CopyBatch, sentAt: number, answer: CopyLease | null): void {
    const lease = this.#leases.get(ledger)!
    for (const copy of sent) {
      const key = keyOf(copy.control)
      if (lease.untold.get(key) === copy) lease.untold.delete(key)
    }
    if (!answer || seq !== lease.seq) return
    lease.free += answer.granted
    lease.untilMs = sentAt + answer.forMs
    lease.refusal = answer.refusal
    lease.refusedAt = this.#now()
  }
}

/** One copy's claim on a lease, from its sampling to its end. */
export class CopyPlace {
  readonly #lease: Lease
  readonly #now: () => number
  #state: 'waiting' | 'held' | 'over' = 'waiting'

  constructor(lease: Lease, now: () => number) {
    this.#lease = lease
    this.#now = now
    lease.waiting++
    this.#take()
  }

  /** Waits, where nothing is granted yet, for what the next flush brings; says why the copy can't be sent, null if it can. */
  async refused(flush: () => Promise<void>): Promise<Dropped | null> {
    this.#take()
    for (let flushes = 0; flushes < MOST_FLUSHES && this.#state === 'waiting'; flushes++) {
      await flush()
      this.#take()
      if (this.#lease.refusal) break
    }
    if (this.#state === 'held' && this.#now() < this.#lease.untilMs) return null
    return this.#lease.refusal ?? 'copy_failed'
  }

  /** The copy is being sent; the result is to be told when it is known. */
  begin({ rescue: _, ...control }: LedgerJob): (result: CopyResult) => void {
    const lease = this.#lease
    this.#over()
    lease.begun++
    const key = keyOf(control)
    const sent: CopyEntry = { control, sentAt: this.#now(), result: null }
    lease.untold.set(key, sent)
    return (result) => void lease.untold.set(key, { ...sent, result })
  }

  /** Gives back what was not begun. */
  end(): void {
    if (this.#state === 'held') this.#lease.free++
    this.#over()
  }

  #take(): void {
    if (this.#state !== 'waiting' || !mayBegin(this.#lease, this.#now())) return
    this.#lease.free--
    this.#lease.held++
    this.#lease.waiting--
    this.#state = 'held'
  }

  #over(): void {
    if (this.#state === 'held') this.#lease.held--
    if (this.#state === 'waiting') this.#lease.waiting--
    this.#state = 'over'
  }
}

function newLease(epoch: number, caps: ShadowCaps): Lease {
  const counts = { seq: 0, free: 0, untilMs: 0, held: 0, waiting: 0, begun: 0, pace: 0 }
  return { epoch, caps, ...counts, refusal: null, refusedAt: 0, untold: new Map() }
}

function mayBegin({ free, untilMs }: Lease, now: number): boolean {
  return free > 0 && now < untilMs
}

function keyOf({ replica, upstreamId }: CopyEntry['control']): string {
  return `${replica}:${upstreamId}`
}
