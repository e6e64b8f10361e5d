/**
 * What one isolate counts and learns of jobs, in memory, flushed at most once a second per release
 * to its counter shard and job ledgers; where it has something for many of them, all of it goes by way of the shard, in
 * one call. A flush's answer carries the newest snapshot. One that fails is not repeated: what it held is told as lost
 * with the next.
 */
import { withFailure } from '../core/failed-submits.ts'
import { MOST_LEDGERS_CALLED } from '../core/flush-rates.ts'
import type { LedgerKey } from '../core/ledger-growth.ts'
import type { Series } from '../core/window.ts'
import { count, emptyCounters, type Observation, seriesKey, windowStart } from '../core/window.ts'
import type { JobName, LedgerJob, JobUpdate } from '../durable/job-shapes.ts'
import type { CounterBatch, Exposure, LedgerBatch, MissingVideo } from '../durable/rpc.ts'
import { FLUSH_MS } from './deadlines.ts'
import type { WaitUntil } from './deps.ts'
import { FailureRows } from './failure-rows.ts'
import { type FlushPorts, sendFlush } from './flush.ts'
import type { LedgerPlaces } from './ledger-places.ts'
import { ReportedUpdates } from './reported-updates.ts'

const FLUSH_INTERVAL_MS = 1000
/** By then every call of a flush has answered or given up. */
const FLIGHT_MS = FLUSH_MS + 500
/** A grant of copies that nobody has used for so long is given back. */
const GIVE_BACK_MS = 2000
const MAX_EVENTS = 5000
const MAX_ALREADY_SENT = 20_000
/** Of bodies kept for a rescue in one batch: well below what one call to an object may carry (32 MiB). */
const MAX_BODY_BYTES = 16 * 1024 * 1024
/** Of those, by way of the counter shard, which takes such calls of hundreds of isolates at a time. */
const MAX_POSTED_BYTES = 256 * 1024

export interface TelemetryPorts extends FlushPorts {
  /** Which ledger a job is in. */
  places: Pick<LedgerPlaces, 'indexOf' | 'isSureOf'>
  /** Of the release. */
  quietAfterMs: number
  windowMs: number
  sleep: (ms: number) => Promise<void>
  /** Of this isolate, for ever unique. */
  source: string
}

interface Flight {
  number: number
  ended: Promise<void>
  isOver: boolean
}

export class Telemetry {
  readonly #ports: TelemetryPorts
  #rows = new Map<string, CounterBatch['rows'][number]>()
  #jobs = new Map<number, LedgerBatch>()
  #steps: Record<string, number> = {}
  readonly #failures = new FailureRows()
  /** Exposures already told, so that not every submit is one more row. */
  readonly #alreadySent = new Set<string>()
  readonly #reportedUpdates: ReportedUpdates
  #events = 0
  #bodyBytes = 0
  #lost = 0
  #seq = 0
  #flushedAt = -Infinity
  #dueAt: number | null = null
  /** Of the batch that is being filled. */
  #batchNumber = 1
  #flight: Flight | null = null

  constructor(ports: TelemetryPorts) {
    this.#ports = ports
    this.#reportedUpdates = new ReportedUpdates(ports.quietAfterMs)
  }

  /** `owner`: whose it is, where a failure may be one more of the same. */
  record(series: Series, observed: Observation, owner?: string): void {
    if (!this.#room()) return
    const key = seriesKey(series)
    const at = this.#ports.now()
    const window = windowStart(at, this.#ports.windowMs)
    const repeats = owner === undefined ? [] : this.#failures.taken(`${key}|${owner}`, observed.outcome, window)
    const observation = repeats.length > 0 ? { ...observed, repeats } : observed
    let row = this.#rows.get(key)
    if (!row) this.#rows.set(key, (row = { series, counters: emptyCounters() }))
    count(row.counters, observation)
    const { outcome, seconds } = observation
    const failed = withFailure(row.failed, series, outcome, seconds.latency ?? 0, at)
    if (failed) row.failed = failed
  }

  /** Beyond what a batch may carry a job is told without its body, and can't be rescued. */
  submitted(entry: LedgerJob): void {
    if (!this.#room()) return
    const size = entry.rescue?.bytes.byteLength ?? 0
    const fits = this.#bodyBytes + size <= MAX_BODY_BYTES
    if (fits) this.#bodyBytes += size
    this.#batch(entry).submitted.push(fits ? entry : { ...entry, rescue: null })
  }

  /**
   * A ledger that did not have the job would take it up, and count its end a second time; its own looks for itself, but
   * would take a job that was cancelled for lost.
   */
  seen(update: JobUpdate): void {
    if (update.outcome !== 'cancelled' && !this.#ports.places.isSureOf(update.job)) return
    // The ledger may not know the job yet, and is to hear of it again then.
    if (!update.isHearsay && !this.#reportedUpdates.isNew(update)) return
    if (this.#room()) this.#batch(update.job).seen.push(update)
    else this.#reportedUpdates.forget()
  }

  /** In place of `record`: the ledger counts this request. */
  missedVideo(missing: MissingVideo): void {
    if (!this.#room()) return
    const batch = this.#batch(missing.job)
    ;(batch.missing ??= []).push(missing)
  }

  /** Its owner's cancel went unanswered: should the job be gone, it was cancelled and not lost. */
  stopping(job: JobName): void {
    if (!this.#room()) return
    const batch = this.#batch(job)
    ;(batch.stopping ??= []).push(job)
  }

  /** Each subject is told of once an epoch; the ledger knows the first of all isolates. `traits` are looked up only then. */
  exposed(exposure: Omit<Exposure, 'at' | 'traits'>, traits: () => Exposure['traits']): void {
    const key = `${exposure.epoch}|${exposure.owner}|${exposure.arm}`
    if (this.#alreadySent.has(key) || !this.#room()) return
    if (this.#alreadySent.size >= MAX_ALREADY_SENT) this.#alreadySent.clear()
    this.#alreadySent.add(key)
    const batch = this.#batch(exposure)
    ;(batch.exposed ??= []).push({ ...exposure, at: this.#ports.now(), traits: traits() })
  }

  /** Steps of the shadow funnel, and `dropped:REASON`. */
  shadowCount(step: string): void {
    // Something to flush; copies take no room from requests.
    this.#events ||= 1
    this.#steps[step] = (this.#steps[step] ?? 0) + 1
  }

  /** Sees to it that what is held is flushed in time, beside the request that `waitUntil` belongs to. */
  schedule(waitUntil: WaitUntil, now = this.#ports.now()): void {
    // A due flush that did not happen was dropped by the platform together with its request.
    if (this.#events === 0 || (this.#dueAt !== null && now < this.#dueAt + FLUSH_INTERVAL_MS)) return
    const wait = Math.max(0, this.#flushedAt + FLUSH_INTERVAL_MS - now)
    this.#dueAt = now + wait
    waitUntil((wait > 0 ? this.#ports.sleep(wait) : Promise.resolve()).then(() => this.#flushAndGiveBack()))
  }

  /** Where traffic ends, so does what was granted to it. */
  async #flushAndGiveBack(): Promise<void> {
    await this.flush()
    if (this.#ports.copies.hasFree) {
      const number = this.#batchNumber
      await this.#ports.sleep(GIVE_BACK_MS)
      if (this.#batchNumber === number) await this.flush(true)
    }
  }

  /** Waits for the flush that is under way or the next one, which comes no sooner than any other. */
  async nextFlush(): Promise<void> {
    const { now, sleep } = this.#ports
    const flight = this.#underWay
    if (flight) return this.#landed(flight)
    const flushedAt = this.#flushedAt
    const wait = flushedAt + FLUSH_INTERVAL_MS - now()
    if (wait > 0) await sleep(wait)
    if (this.#flushedAt === flushedAt) await this.flush()
    else if (this.#underWay) await this.#landed(this.#underWay)
  }

  get #underWay(): Flight | null {
    return this.#flight?.isOver === false ? this.#flight : null
  }

  /** A flight that never ends was dropped by the platform together with its request. */
  async #landed(flight: Flight): Promise<void> {
    await Promise.race([flight.ended, this.#ports.sleep(FLIGHT_MS)])
    flight.isOver = true
  }

  /** Sends what is held; resolves when it has arrived or is lost. One flush at a time, so that no batch overtakes another. */
  async flush(isOwed = false): Promise<void> {
    this.#dueAt = null
    const wanted = this.#batchNumber
    for (let flight = this.#underWay; flight; flight = this.#underWay) {
      await this.#landed(flight)
      if (flight.number >= wanted) return
    }
    if (isOwed || this.#events > 0 || this.#ports.copies.hasNews) await this.#fly()
  }

  #fly(): Promise<void> {
    this.#flushedAt = this.#ports.now()
    const rows = [...this.#rows.values()]
    const jobs = this.#jobs
    const events = this.#events
    const lost = this.#lost
    const copies = this.#ports.copies.forFlush()
    for (const [index, batch] of copies) this.#batchAt(index).copies = batch
    if (Object.keys(this.#steps).length > 0) {
      const [first = this.#batchAt(0)] = jobs.values()
      first.steps = this.#steps
    }
    const isPosted = jobs.size > MOST_LEDGERS_CALLED && this.#bodyBytes <= MAX_POSTED_BYTES
    this.#rows = new Map()
    this.#jobs = new Map()
    this.#steps = {}
    this.#events = 0
    this.#bodyBytes = 0
    this.#lost = 0
    const batch = { source: this.#ports.source, seq: ++this.#seq, rows, lost }
    const ended = sendFlush(this.#ports, batch, jobs, isPosted).catch(() => {
      this.#lost += events + lost
      this.#alreadySent.clear()
      this.#reportedUpdates.forget()
    })
    const flight = { number: this.#batchNumber++, ended, isOver: false }
    this.#flight = flight
    return ended.then(() => {
      flight.isOver = true
    })
  }

  #batch(of: LedgerKey): LedgerBatch {
    return this.#batchAt(this.#ports.places.indexOf(of))
  }

  #batchAt(index: number): LedgerBatch {
    let batch = this.#jobs.get(index)
    if (!batch) this.#jobs.set(index, (batch = { submitted: [], seen: [] }))
    return batch
  }

  /** Memory is bounded: what comes beyond is counted as lost. */
  #room(): boolean {
    if (this.#events >= MAX_EVENTS) {
      this.#lost++
      return false
    }
    this.#events++
    return true
  }
}
