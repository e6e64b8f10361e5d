/**
 * What one isolate counts and learns of jobs, in memory, flushed at most once a second per release
 * to its counter shard and job ledgers. A flush's answer carries the newest snapshot.
 * A flush that fails is not repeated: what it held is told as lost with the next.
 */
import { withFailure } from '../core/failed-submits.ts'
import type { Series } from '../core/window.ts'
import { count, emptyCounters, type Observation, seriesKey } from '../core/window.ts'
import type {
  CounterBatch,
  CounterShardRpc,
  Exposure,
  JobEntry,
  JobLedgerRpc,
  JobUpdate,
  LedgerBatch,
  MissingVideo,
} from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import type { Snapshot } from '../core/release.ts'
import { FLUSH_MS } from './deadlines.ts'

const FLUSH_INTERVAL_MS = 1000
/** By then every call of a flush has answered or given up. */
const FLIGHT_MS = FLUSH_MS + 500
const MAX_EVENTS = 5000
const MAX_ALREADY_SENT = 20_000
/** Of bodies kept for a rescue in one batch: well below what one call to an object may carry (32 MiB). */
const MAX_BODY_BYTES = 16 * 1024 * 1024

export interface TelemetryPorts {
  shard: () => CounterShardRpc
  /** Which ledger an owner's jobs are in, and the ledger itself. */
  ledgerIndex: (owner: string) => number
  ledger: (index: number) => JobLedgerRpc
  onSnapshot: (snapshot: Snapshot | null) => void
  now: () => number
  sleep: (ms: number) => Promise<void>
  /** Of this isolate, for ever unique. */
  source: string
}

export class Telemetry {
  readonly #ports: TelemetryPorts
  #rows = new Map<string, CounterBatch['rows'][number]>()
  #jobs = new Map<number, LedgerBatch>()
  #shadowCounts: Record<string, number> = {}
  /** Exposures already told, so that not every submit is one more row. */
  readonly #alreadySent = new Set<string>()
  #events = 0
  #bodyBytes = 0
  #lost = 0
  #seq = 0
  #flushedAt = -Infinity
  #dueAt: number | null = null
  /** Of the batch that is being filled. */
  #batchNumber = 1
  #flight: { number: number; ended: Promise<void>; isOver: boolean } | null = null

  constructor(ports: TelemetryPorts) {
    this.#ports = ports
  }

  record(series: Series, observation: Observation): void {
    if (!this.#room()) return
    const key = seriesKey(series)
    let row = this.#rows.get(key)
    if (!row) this.#rows.set(key, (row = { series, counters: emptyCounters() }))
    count(row.counters, observation)
    const { outcome, seconds } = observation
    const failed = withFailure(row.failed, series, outcome, seconds.latency ?? 0, this.#ports.now())
    if (failed) row.failed = failed
  }

  /** Beyond what a batch may carry a job is told without its body, and can't be rescued. */
  submitted(entry: JobEntry): void {
    if (!this.#room()) return
    const size = entry.rescue?.bytes.byteLength ?? 0
    const fits = this.#bodyBytes + size <= MAX_BODY_BYTES
    if (fits) this.#bodyBytes += size
    this.#batch(entry.owner).submitted.push(fits ? entry : { ...entry, rescue: null })
  }

  seen(update: JobUpdate): void {
    if (this.#room()) this.#batch(update.job.owner).seen.push(update)
  }

  /** In place of `record`: the ledger counts this request. */
  missedVideo(missing: MissingVideo): void {
    if (!this.#room()) return
    const batch = this.#batch(missing.job.owner)
    ;(batch.missing ??= []).push(missing)
  }

  /** Each subject is told of once an epoch; the ledger knows the first of all isolates. `traits` are looked up only then. */
  exposed(exposure: Omit<Exposure, 'traits'>, traits: () => Exposure['traits']): void {
    const key = `${exposure.epoch}|${exposure.owner}|${exposure.arm}`
    if (this.#alreadySent.has(key) || !this.#room()) return
    if (this.#alreadySent.size >= MAX_ALREADY_SENT) this.#alreadySent.clear()
    this.#alreadySent.add(key)
    const batch = this.#batch(exposure.owner)
    ;(batch.exposed ??= []).push({ ...exposure, traits: traits() })
  }

  /** Steps of the shadow funnel, and `dropped:REASON`. */
  shadowCount(step: string): void {
    // Something to flush; copies take no room from requests.
    this.#events ||= 1
    this.#shadowCounts[step] = (this.#shadowCounts[step] ?? 0) + 1
  }

  /** Sees to it that what is held is flushed in time, beside the request that `waitUntil` belongs to. */
  schedule(waitUntil: (work: Promise<unknown>) => void): void {
    const now = this.#ports.now()
    // A due flush that did not happen was dropped by the platform together with its request.
    if (this.#events === 0 || (this.#dueAt !== null && now < this.#dueAt + FLUSH_INTERVAL_MS)) return
    const wait = Math.max(0, this.#flushedAt + FLUSH_INTERVAL_MS - now)
    this.#dueAt = now + wait
    waitUntil((wait > 0 ? this.#ports.sleep(wait) : Promise.resolve()).then(() => this.flush()))
  }

  /** Sends what is held; resolves when it has arrived or is lost. One flush at a time, so that no batch overtakes another. */
  async flush(): Promise<void> {
    this.#dueAt = null
    const wanted = this.#batchNumber
    let flight = this.#flight
    while (flight && !flight.isOver) {
      await Promise.race([flight.ended, this.#ports.sleep(FLIGHT_MS)])
      // A flight that never ends was dropped by the platform together with its request.
      flight.isOver = true
      if (flight.number >= wanted) return
      flight = this.#flight
    }
    if (this.#events > 0) await this.#fly()
  }

  #fly(): Promise<void> {
    this.#flushedAt = this.#ports.now()
    const rows = [...this.#rows.values()]
    const jobs = this.#jobs
    const shadowCounts = this.#shadowCounts
    const events = this.#events
    const lost = this.#lost
    this.#rows = new Map()
    this.#jobs = new Map()
    this.#shadowCounts = {}
    this.#events = 0
    this.#bodyBytes = 0
    this.#lost = 0
    const ended = this.#send(rows, jobs, shadowCounts, lost).catch(() => {
      this.#lost += events + lost
      this.#alreadySent.clear()
    })
    const flight = { number: this.#batchNumber++, ended, isOver: false }
    this.#flight = flight
    return ended.then(() => {
      flight.isOver = true
    })
  }

  async #send(
    rows: CounterBatch['rows'],
    jobs: Map<number, LedgerBatch>,
    shadowCounts: Record<string, number>,
    lost: number,
  ): Promise<void> {
    const { source, shard, ledger, onSnapshot } = this.#ports
    const calls: Promise<unknown>[] = [
      shard()
        .flush({ source, seq: ++this.#seq, rows, lost })
        .then(onSnapshot),
      ...[...jobs].map(([index, batch]) => ledger(index).flush(batch)),
    ]
    if (Object.keys(shadowCounts).length > 0) calls.push(ledger(0).shadowCounts(shadowCounts))
    const ends = await Promise.allSettled(calls.map((call) => within(FLUSH_MS, call)))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) throw failed.reason
  }

  #batch(owner: string): LedgerBatch {
    const index = this.#ports.ledgerIndex(owner)
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
