/**
 * Many isolates that flush to N counter shards, simulated: how long a flush takes as calls queue, how many are given up,
 * and how long after a rollback the last isolate knows of it. No process, no network; the same figures each time.
 *
 *   npm run bench:scale -- [--isolates 10000] [--service 1]
 */
import { parseArgs } from 'node:util'
import { busiestShare } from '../src/core/capacity.ts'
import { drawNormal, seededRandom } from '../src/core/stats/sampling.ts'
import { FLUSH_MS, SNAPSHOT_BESIDE_MS } from '../src/gateway/deadlines.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: { isolates: { type: 'string', default: '10000' }, service: { type: 'string', default: '1' } },
})
const ISOLATES = Number(values.isolates)
const SHARDS = [8, 16, 24, 32, 40, 64, 128, 256]
/** Seconds; between two flushes of an isolate, and from a snapshot's arrival on until it is asked for where no flush has brought one. */
const FLUSH_EVERY = 1
const REFRESH_AFTER = 1.25
/** Of a shard for one flush; a snapshot is read from memory. */
const FLUSH_SERVICE = Number(values.service) / 1000
const SNAPSHOT_SERVICE = FLUSH_SERVICE / 5
/** One way between an isolate and its shard: the median, and the spread of its logarithm (p99 is 128 ms). */
const LATENCY = 0.03
const LATENCY_SPREAD = 0.62
const WARM_SECONDS = 15
const AFTER_SECONDS = 30

type Kind = 'flush' | 'snapshot' | 'push'
interface Arrival {
  at: number
  kind: Kind
  /** Of the isolate; of the shard for a push. */
  index: number
  sentAt: number
}

/** Arrivals in the order of their times. */
class Arrivals {
  readonly #heap: Arrival[] = []

  add(arrival: Arrival): void {
    const heap = this.#heap
    let i = heap.push(arrival) - 1
    while (i > 0 && heap[(i - 1) >> 1]!.at > arrival.at) {
      heap[i] = heap[(i - 1) >> 1]!
      i = (i - 1) >> 1
    }
    heap[i] = arrival
  }

  next(): Arrival | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (!last || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}

interface Cell {
  callsASecond: number
  p50: number
  p99: number
  lost: number
  /** Seconds after the rollback; null where some isolate never hears of it. */
  half: number | null
  last: number | null
}

/** Every isolate takes requests all the time. A shard answers one call after the other, in the order of their arrival. */
function simulate(shards: number): Cell {
  const random = seededRandom(shards)
  const latency = () => LATENCY * Math.exp(LATENCY_SPREAD * drawNormal(random))
  const shardOf = Array.from({ length: ISOLATES }, () => Math.floor(random() * shards))
  const freeAt = new Float64Array(shards)
  const knowsFrom = new Float64Array(shards).fill(Infinity)
  const told = new Float64Array(ISOLATES).fill(Infinity)
  const takenAt = new Float64Array(ISOLATES)
  const arrivals = new Arrivals()
  const send = (kind: Kind, index: number, sentAt: number) =>
    arrivals.add({ at: sentAt + latency(), kind, index, sentAt })
  for (let i = 0; i < ISOLATES; i++) send('flush', i, random() * FLUSH_EVERY)
  for (let i = 0; i < shards; i++) send('push', i, WARM_SECONDS)
  const times: number[] = []
  let lost = 0
  let calls = 0
  const warm = WARM_SECONDS - 5
  for (let next = arrivals.next(); next && next.at < WARM_SECONDS + AFTER_SECONDS; next = arrivals.next()) {
    const { at, kind, index, sentAt } = next
    const shard = kind === 'push' ? index : shardOf[index]!
    // Asked for only where no flush has brought one meanwhile.
    if (kind === 'snapshot' && takenAt[index]! > sentAt - REFRESH_AFTER && takenAt[index]! <= sentAt) continue
    const done = Math.max(at, freeAt[shard]!) + (kind === 'snapshot' ? SNAPSHOT_SERVICE : FLUSH_SERVICE)
    freeAt[shard] = done
    if (kind === 'push') {
      knowsFrom[shard] = done
      continue
    }
    const answered = done + latency()
    const isLost = answered - sentAt > FLUSH_MS / 1000
    if (!isLost) takenAt[index] = Math.max(takenAt[index]!, answered)
    if (done >= knowsFrom[shard]! && !isLost) told[index] = Math.min(told[index]!, answered)
    const isMeasured = sentAt >= warm && sentAt < WARM_SECONDS
    if (isMeasured) calls++
    if (kind === 'snapshot') {
      send('snapshot', index, sentAt + SNAPSHOT_BESIDE_MS / 1000)
      continue
    }
    if (isMeasured) {
      times.push(answered - sentAt)
      lost += Number(isLost)
    }
    const over = isLost ? sentAt + FLUSH_MS / 1000 : answered
    send('flush', index, Math.max(sentAt + FLUSH_EVERY, over))
    send('snapshot', index, over + REFRESH_AFTER)
  }
  times.sort((a, b) => a - b)
  told.sort()
  const of = (sorted: ArrayLike<number>, share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  const after = (share: number) => (Number.isFinite(of(told, share)) ? of(told, share) - WARM_SECONDS : null)
  const callsASecond = calls / (WARM_SECONDS - warm) / shards
  return {
    callsASecond,
    p50: of(times, 0.5),
    p99: of(times, 0.99),
    lost: lost / times.length,
    half: after(0.5),
    last: after(1),
  }
}

const ms = (seconds: number) => String(Math.round(seconds * 1000))
const inSeconds = (value: number | null) => (value === null ? 'never' : value.toFixed(1))
const rows = SHARDS.map((shards) => {
  const { callsASecond, p50, p99, lost, half, last } = simulate(shards)
  const busiest = callsASecond * busiestShare(ISOLATES, shards)
  const figures = [Math.round(callsASecond), Math.round(busiest), ms(p50), ms(p99), `${(lost * 100).toFixed(1)} %`]
  return [shards, ...figures, inSeconds(half), inSeconds(last)].map(String)
})
console.log(`${ISOLATES} isolates, ${values.service} ms a flush\n`)
console.log(
  table(
    [
      'shards',
      'calls a second each',
      'the busiest',
      'flush p50, ms',
      'p99, ms',
      'given up',
      'half know, s',
      'the last, s',
    ],
    rows,
  ),
)
