/**
 * What a release costs at a given load, and how near its objects come to their limits: calls, rows and bytes, added up
 * from what the code does for one request, job, flush and tick. test/workerd/capacity.test.ts counts the same for real.
 */
import { calledPerFlush, flushesPerSecond, ledgersPerFlush, POST_PAUSE_MS, refreshesPerFlush } from './flush-rates.ts'
import { JOB_BYTES, JOBS_KEPT_SECONDS, MOST_FLUSHES, READ, ROWS, WINDOW_BYTES, WINDOWS_KEPT } from './object-work.ts'
import { copyPolls, copyRows, openUpdates, quietPolls } from './polls-a-job.ts'
import { MOST_COPIES_A_LEDGER } from './poll-schedule.ts'
import { billOf, MOST_OBJECT_GB, MOST_OBJECT_REQUESTS, OBJECT_GB, type Usage } from './prices.ts'
import { groupsFromTop } from './shard-groups.ts'

/** Rates are averages over the month. */
export interface Load {
  submitsPerSecond: number
  jobSeconds: number
  /** Between two polls of a client. */
  pollSeconds: number
  /** That take traffic at the same time. */
  isolates: number
  /** Over which one client's requests spread. */
  isolatesAClient: number
  counterShards: number
  ledgerShards: number
  /** Of submits, sent to the candidate. */
  candidateShare: number
  /** Of submits, copied to the candidate. */
  shadowShare: number
  /** Of submits, by subjects that are new since the split was last changed: each is written down once. */
  newSubjectShare: number
  windowSeconds: number
  /** Between two ticks of the controller; 0: the release is not running. */
  tickSeconds: number
  quietAfterSeconds: number
  /** Of the Worker, for one request. */
  cpuMs: number
}

export const MONTH_SECONDS = 30 * 86_400

/** How long the ledger waits for a poll of its own, and so for others to become due. */
const POLL_SECONDS = 0.3
const MOST_BATCH = 24
/** An object gets half of what it could take, so that an hour twice as busy as the month still fits. */
export const HEADROOM = 0.5
export const MOST_SHARDS = 256

export type Capacity = ReturnType<typeof capacityOf>

/** Rates by the second, of the whole release. */
function ratesOf(load: Load) {
  const { submitsPerSecond: submits, jobSeconds, pollSeconds, isolates, isolatesAClient, shadowShare } = load
  const pollsAJob = Math.max(1, Math.ceil(jobSeconds / pollSeconds))
  const apart = pollSeconds * isolatesAClient
  const polls = submits * pollsAJob
  const requests = submits + polls + submits
  const flushes = isolates * flushesPerSecond(requests / isolates)
  const seen = submits * openUpdates(load, apart) * isolatesAClient
  const copies = submits * shadowShare
  const quiet = apart > load.quietAfterSeconds ? quietPolls(load.quietAfterSeconds, apart) / apart : 0
  const ownPolls = copies * copyPolls(jobSeconds) + submits * jobSeconds * quiet
  return { submits, polls, requests, flushes, seen, copies, ownPolls }
}

function flushRows(load: Load, { submits, polls, copies, flushes }: ReturnType<typeof ratesOf>): number {
  const { candidateShare: c } = load
  const byArm = [submits, polls, submits].flatMap((n) => [n * (1 - c), n * c])
  return flushes > 0 ? seriesIn(flushes, [...byArm, copies]) / flushes : 0
}

/** How many series so many batches hold in all, where each series comes that often. */
function seriesIn(batches: number, rates: readonly number[]): number {
  return rates.reduce((sum, n) => sum + (batches > 0 ? batches * (1 - Math.exp(-n / batches)) : 0), 0)
}

/** Series that have rows in each window: submits, polls and downloads at the shards, jobs at the ledgers. */
function seriesOf({ candidateShare, shadowShare }: Load): { shard: number; ledger: number } {
  const arms = candidateShare > 0 ? 2 : 1
  const copies = Number(shadowShare > 0)
  return { shard: 3 * arms + copies, ledger: arms + copies }
}

export function capacityOf(load: Load) {
  const { counterShards, ledgerShards, candidateShare, isolates, windowSeconds, tickSeconds } = load
  const rates = ratesOf(load)
  const { submits, polls, requests, flushes, seen, copies, ownPolls } = rates
  const batchesOf = (n: number) => (flushes > 0 ? flushes * ledgersPerFlush(n / flushes, ledgerShards) : 0)
  // A copy is asked for in one flush and told in another.
  const entries = 2 * submits + seen + 2 * copies
  const ledgerBatches = batchesOf(entries)
  const copyBatches = batchesOf(2 * copies)
  // Jobs taken up and ended, by arm.
  const toldTogether = seriesIn(ledgerBatches, [2 * submits * (1 - candidateShare), 2 * submits * candidateShare])
  const ledgerCalls = ledgerCallsOf(load, flushes, entries)
  const refreshes = flushes * refreshesPerFlush(requests / isolates)
  const ticks = tickSeconds > 0 ? 1 / tickSeconds : 0
  const { wakes, batches } = wakesOf(load, ownPolls)
  const series = seriesOf(load)
  const windowRows = (counterShards * series.shard + ledgerShards * series.ledger) / windowSeconds
  const rows = {
    flushes: flushes * (ROWS.shardFlush + flushRows(load, rates) * ROWS.series) + windowRows * ROWS.forgotten,
    jobs:
      submits * (ROWS.job + load.newSubjectShare * ROWS.exposed + ROWS.jobEnd + ROWS.forgotten) +
      toldTogether * ROWS.series,
    polls: seen * ROWS.seenOpen + (ownPolls - copies * copyPolls(load.jobSeconds)) * ROWS.poll,
    copies:
      copies * (copyRows(load.jobSeconds) + ROWS.forgotten) +
      copyBatches * ROWS.copyFlush +
      Math.min(flushes, copies) * ROWS.copySteps +
      Math.min(wakes, copies) * ROWS.copyEnds,
    ticks: ticks * (ROWS.tickState + ROWS.tickAlarm) + wakes * ROWS.alarms,
  }
  const rowsWritten = Object.values(rows).reduce((sum, n) => sum + n, 0)
  const rowsRead =
    flushes * READ.shardFlush +
    ledgerBatches * READ.ledgerFlush +
    (submits + seen + copies) * READ.job +
    (submits + copies) * READ.jobEnd +
    ownPolls * READ.poll +
    ticks * (READ.tick + ledgerShards * READ.ledgerTick) +
    windowRows
  const objects = counterShards + ledgerShards + Number(ticks > 0)
  const shardGb = (WINDOWS_KEPT * series.shard * WINDOW_BYTES) / 1e9
  const jobsGb = ((submits + copies) * JOBS_KEPT_SECONDS * JOB_BYTES) / 1e9
  const ledgerGb = jobsGb / ledgerShards + (WINDOWS_KEPT * series.ledger * WINDOW_BYTES) / 1e9
  const calls = flushes + refreshes + ledgerCalls + ticks * (1 + counterShards + ledgerShards) + wakes
  const month: Usage = {
    workerRequests: requests * MONTH_SECONDS,
    cpuMs: requests * MONTH_SECONDS * load.cpuMs,
    objectRequests: calls * MONTH_SECONDS,
    gbSeconds: objects * OBJECT_GB * MONTH_SECONDS,
    rowsWritten: rowsWritten * MONTH_SECONDS,
    rowsRead: rowsRead * MONTH_SECONDS,
    storedGb: counterShards * shardGb + ledgerShards * ledgerGb,
  }
  const callsAShard = (n: number) => ((flushes + refreshes) / n) * busiestShare(isolates, n) + ticks
  return {
    month,
    bill: billOf(month),
    perSecond: {
      requests,
      polls,
      flushes,
      ledgerCalls,
      // Backends are called for each request and each copy, and for what the ledger polls.
      subrequests: requests + copies + flushes + refreshes + ledgerCalls + ownPolls + batches,
    },
    /** Written a second, by what writes them. */
    rows,
    /** What a single request may call at the most: backends and objects. */
    mostSubrequests: 3 + ledgerShards + Number(copies > 0),
    /** Of objects `requestsPerSecond` are those of the busiest one. */
    shard: { count: counterShards, requestsPerSecond: callsAShard(counterShards), storedGb: shardGb },
    ledger: {
      count: ledgerShards,
      requestsPerSecond: ledgerCalls / ledgerShards + ticks + wakes / ledgerShards,
      storedGb: ledgerGb,
      copiesInFlight: (copies * load.jobSeconds) / ledgerShards,
    },
    controller: {
      count: 1,
      requestsPerSecond: ticks,
      storedGb: 0,
      callsATick: ticks > 0 ? groupsFromTop(counterShards).length + ledgerShards : 0,
    },
    /** What is needed; null where no number is enough. */
    neededShards: fewest((n) => callsAShard(n) <= HEADROOM * MOST_FLUSHES),
    neededLedgers: fewest(
      (n) =>
        ledgerCallsOf({ ...load, ledgerShards: n }, flushes, entries) / n + ticks <= HEADROOM * MOST_OBJECT_REQUESTS &&
        jobsGb / n <= HEADROOM * MOST_OBJECT_GB &&
        (copies * load.jobSeconds) / n <= MOST_COPIES_A_LEDGER,
    ),
  }
}

/** Calls of all ledgers a second: by isolates, and by the counter shards for those that have something for many. */
function ledgerCallsOf({ ledgerShards, counterShards }: Load, flushes: number, entries: number): number {
  if (flushes === 0) return 0
  const called = calledPerFlush(entries / flushes, ledgerShards)
  const pairs = ledgerShards * counterShards
  const posted = (flushes * Math.max(0, ledgersPerFlush(entries / flushes, ledgerShards) - called)) / pairs
  return flushes * called + (posted > 0 ? pairs / (1 / posted + POST_PAUSE_MS / 1000) : 0)
}

/** Alarms of the ledgers, and batches of polls that they send, a second. */
function wakesOf({ ledgerShards, jobSeconds, pollSeconds, quietAfterSeconds, isolatesAClient }: Load, polls: number) {
  const each = polls / ledgerShards
  const own = each > 0 ? 1 / (1 / each + POLL_SECONDS) : 0
  // An alarm for a client's job finds that the client has polled meanwhile, and is set anew.
  const apart = Math.min(jobSeconds / 5, quietAfterSeconds / 2) + pollSeconds * isolatesAClient
  const vain = 1 / Math.max(1, quietAfterSeconds - apart)
  const batches = ledgerShards * Math.min(each, Math.max(4, each / MOST_BATCH))
  return { wakes: ledgerShards * Math.max(own, vain), batches }
}

/** Isolates fall on shards by a hash: by how much the busiest one has more than its part, three standard deviations. */
export function busiestShare(isolates: number, shards: number): number {
  return shards === 1 ? 1 : Math.min(shards, 1 + 3 / Math.sqrt(isolates / shards))
}

function fewest(isEnough: (shards: number) => boolean): number | null {
  for (let n = 1; n <= MOST_SHARDS; n++) if (isEnough(n)) return n
  return null
}
