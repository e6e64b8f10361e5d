/** The model of costs: its rates against an isolate's, its prices, and what it asks for. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacityOf, type Load, MONTH_SECONDS } from '../../src/core/capacity.ts'
import { openUpdates } from '../../src/core/polls-a-job.ts'
import { calledPerFlush, flushesPerSecond, ledgersPerFlush, refreshesPerFlush } from '../../src/core/flush-rates.ts'
import { billOf } from '../../src/core/prices.ts'
import { ReportedUpdates } from '../../src/gateway/reported-updates.ts'
import { seededRandom } from '../../src/core/stats/sampling.ts'

const LOAD: Load = {
  submitsPerSecond: 1,
  jobSeconds: 60,
  pollSeconds: 5,
  isolates: 4,
  isolatesAClient: 1,
  counterShards: 1,
  ledgerShards: 1,
  candidateShare: 0.5,
  shadowShare: 0,
  newSubjectShare: 0.2,
  windowSeconds: 60,
  tickSeconds: 1,
  quietAfterSeconds: 120,
  cpuMs: 1.5,
}

describe('the bill', () => {
  it('is the plan alone within what is included', () => {
    const nothing = { workerRequests: 10e6, cpuMs: 0, objectRequests: 1e6, gbSeconds: 400e3, rowsWritten: 50e6 }
    expect(billOf({ ...nothing, rowsRead: 25e9, storedGb: 5 }).total).toBe(5)
  })

  it('is by the published prices beyond that', () => {
    const usage = { workerRequests: 20e6, cpuMs: 80e6, objectRequests: 3e6, gbSeconds: 1.4e6, rowsWritten: 60e6 }
    const { lines, total } = billOf({ ...usage, rowsRead: 26e9, storedGb: 10 })
    const expected = { workerRequests: 3, cpuMs: 1, objectRequests: 0.3, gbSeconds: 12.5, rowsWritten: 10, rowsRead: 1 }
    for (const [name, dollars] of Object.entries({ ...expected, storedGb: 1 }))
      expect(lines[name as keyof typeof lines], name).toBeCloseTo(dollars, 6)
    expect(total).toBeCloseTo(5 + 28.8, 6)
  })
})

describe('how often an isolate calls', () => {
  it('is as often as an isolate does that takes requests at random', () => {
    const random = seededRandom(7)
    for (const rate of [0.05, 0.5, 1, 3, 10]) {
      let [now, flushedAt, dueAt, flushes, refreshes, takenAt] = [0, -Infinity, Infinity, 0, 0, -Infinity]
      const seconds = 40_000 / rate
      while (now < seconds) {
        now -= Math.log(1 - random()) / rate
        if (now >= dueAt) [flushedAt, takenAt, dueAt, flushes] = [dueAt, dueAt, Infinity, flushes + 1]
        if (now - takenAt >= 1.25) [takenAt, refreshes] = [now, refreshes + 1]
        if (dueAt === Infinity) dueAt = Math.max(now, flushedAt + 1)
      }
      expect(flushes / seconds / flushesPerSecond(rate), `flushes at ${rate}/s`).toBeCloseTo(1, 1)
      expect(refreshes / flushes, `refreshes at ${rate}/s`).toBeCloseTo(refreshesPerFlush(rate), 2)
    }
  })

  it('reaches as many ledgers as the entries of a flush fall into', () => {
    expect(ledgersPerFlush(100, 1)).toBeCloseTo(1, 6)
    expect(ledgersPerFlush(0.01, 16)).toBeCloseTo(0.01, 4)
    expect(ledgersPerFlush(1000, 4)).toBeCloseTo(4, 6)
  })

  it('calls ledgers itself where they are three at the most, as often as entries at random have it', () => {
    const random = seededRandom(11)
    const FLUSHES = 20_000
    for (const [mean, ledgers] of [
      [0.5, 1],
      [30, 1],
      [2, 2],
      [3, 4],
      [4, 9],
      [60, 9],
      [3, 256],
    ] as const) {
      let called = 0
      for (let i = 0; i < FLUSHES; i++) {
        const reached = new Set<number>()
        for (let at = -Math.log(1 - random()); at < mean; at -= Math.log(1 - random()))
          reached.add(Math.floor(random() * ledgers))
        if (reached.size <= 3) called += reached.size
      }
      expect(called / FLUSHES, `${mean} entries, ${ledgers} ledgers`).toBeCloseTo(calledPerFlush(mean, ledgers), 1)
    }
  })
})

it('jobs are told of as open as often as isolates tell them', () => {
  for (const [jobSeconds, pollSeconds, quietAfterSeconds] of [
    [60, 5, 120],
    [12, 2, 10],
    [600, 1, 120],
    [3600, 30, 20],
  ] as const) {
    const updates = new ReportedUpdates(quietAfterSeconds * 1000)
    let told = 0
    for (let at = pollSeconds; at < jobSeconds; at += pollSeconds) {
      const job = { upstreamId: 'a', arm: 'control', replica: 0, submittedAt: 0 }
      const update = { job, outcome: null, at: at * 1000, reported: null }
      if (updates.isNew(update as unknown as Parameters<typeof updates.isNew>[0])) told++
    }
    expect(openUpdates({ ...LOAD, jobSeconds, quietAfterSeconds }, pollSeconds)).toBe(told)
  }
})

describe('the capacity', () => {
  const loads = fc.record({
    submitsPerSecond: fc.double({ min: 0.001, max: 5000, noNaN: true }),
    jobSeconds: fc.integer({ min: 1, max: 7200 }),
    pollSeconds: fc.integer({ min: 1, max: 300 }),
    isolates: fc.integer({ min: 1, max: 20_000 }),
    counterShards: fc.integer({ min: 1, max: 256 }),
    ledgerShards: fc.integer({ min: 1, max: 256 }),
    shadowShare: fc.double({ min: 0, max: 1, noNaN: true }),
  })

  it('has finite figures, and costs no less with more traffic', () => {
    fc.assert(
      fc.property(loads, (over) => {
        const load = { ...LOAD, ...over }
        const less = capacityOf(load)
        const more = capacityOf({ ...load, submitsPerSecond: load.submitsPerSecond * 2 })
        for (const n of Object.values(less.month)) expect(Number.isFinite(n) && n >= 0).toBe(true)
        expect(more.bill.total).toBeGreaterThanOrEqual(less.bill.total * (1 - 1e-9))
      }),
    )
  })

  it('asks for as many shards as then are enough, and for no fewer', () => {
    const load = { ...LOAD, submitsPerSecond: 300, isolates: 3000 }
    const { neededShards, neededLedgers } = capacityOf(load)
    const at = (counterShards: number, ledgerShards: number) => capacityOf({ ...load, counterShards, ledgerShards })
    expect(at(neededShards!, 1).shard.requestsPerSecond).toBeLessThanOrEqual(300)
    expect(at(neededShards! - 1, 1).shard.requestsPerSecond).toBeGreaterThan(300)
    const { ledger } = at(1, neededLedgers!)
    expect(ledger.requestsPerSecond).toBeLessThanOrEqual(510)
    expect(ledger.storedGb).toBeLessThanOrEqual(5.1)
  })

  it('has busy isolates call no ledger more often than there are shards to do it, four times a second', () => {
    const busy = { ...LOAD, submitsPerSecond: 5000, isolates: 1000, counterShards: 4, ledgerShards: 16 }
    const { perSecond, month } = capacityOf(busy)
    expect(perSecond.ledgerCalls).toBeLessThan(4 * 4 * 16)
    expect(month.objectRequests / MONTH_SECONDS / busy.isolates).toBeLessThan(1.5)
  })

  it('says so where no number of ledgers is enough', () => {
    expect(capacityOf({ ...LOAD, submitsPerSecond: 100_000, shadowShare: 1 }).neededLedgers).toBeNull()
  })

  it('has the controller ask one of many shards, and each ledger', () => {
    expect(capacityOf({ ...LOAD, counterShards: 256, ledgerShards: 8 }).controller.callsATick).toBe(9)
    expect(capacityOf({ ...LOAD, tickSeconds: 0 }).controller.callsATick).toBe(0)
  })

  it('tells what writes the rows, and all of them', () => {
    const { rows, month } = capacityOf({ ...LOAD, shadowShare: 0.1 })
    const all = Object.values(rows).reduce((sum, n) => sum + n, 0)
    expect(month.rowsWritten).toBeCloseTo(all * MONTH_SECONDS, 3)
    expect(Math.min(...Object.values(rows))).toBeGreaterThan(0)
  })

  it('counts two requests and its polls for a job', () => {
    expect(capacityOf(LOAD).month.workerRequests).toBeCloseTo(14 * MONTH_SECONDS, 3)
  })
})
