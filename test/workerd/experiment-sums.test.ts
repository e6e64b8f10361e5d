/** The ledger's running sums are what adding everything up anew would give, and cost as little to read for many subjects. */
import { env } from 'cloudflare:workers'
import { runInDurableObject } from 'cloudflare:test'
import { expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { Arm } from '../../src/core/arm.ts'
import { sumsOf } from '../../src/core/metric-sums.ts'
import { seededRandom } from '../../src/core/stats/sampling.ts'
import { spreadBucketOf } from '../../src/core/stats/spread.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { partsOf } from '../../src/durable/ledger/control-parts.ts'
import { ExperimentTable } from '../../src/durable/ledger/experiment-table.ts'
import type { EventRow, ExperimentQuestion, ExperimentSums } from '../../src/durable/experiment-rpc.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'

const DAY_MS = 86_400_000
const FIRST_DAY = 20_000
const QUESTION: ExperimentQuestion = {
  epochs: [3, 4],
  metrics: [
    { name: 'play', kind: 'proportion' },
    { name: 'spend', kind: 'mean', observeDays: 1 },
    { name: 'rate', kind: 'ratio' },
    { name: 'wait', kind: 'quantile' },
  ],
  excluded: [[FIRST_DAY + 2, FIRST_DAY + 2]],
  sinceMs: FIRST_DAY * DAY_MS,
  strata: 'prompt',
}

/** A table in a ledger of its own; `rowsRead` counts what its statements read. */
async function inLedger<T>(
  index: number,
  work: (table: ExperimentTable, sql: SqlStorage, rowsRead: () => number) => T,
) {
  const stub = ledgerAt(env as unknown as Env, 'measured', index) as unknown as DurableObjectStub<JobLedger>
  return runInDurableObject(stub, (_, { storage }) => {
    const cursors: { rowsRead: number }[] = []
    const sql = new Proxy(storage.sql, {
      get: (target, key) =>
        key === 'exec'
          ? (...given: Parameters<SqlStorage['exec']>) => {
              const cursor = target.exec(...given)
              cursors.push(cursor)
              return cursor
            }
          : Reflect.get(target, key),
    })
    const rowsRead = () => cursors.splice(0).reduce((sum, cursor) => sum + cursor.rowsRead, 0)
    return work(new ExperimentTable(sql), sql, rowsRead)
  })
}

const exposure = (owner: string, epoch: number, arm: Arm, at: number) => ({
  owner,
  epoch,
  arm,
  percent: 50,
  at,
  traits: { region: null, prompt: owner.endsWith('1') ? 'long' : 'short', duration: null, visitor: null },
})

function event(row: number, owner: string, metric: string, value: number, day: number): EventRow {
  return { row, owners: [owner], metric, value, atMs: day * DAY_MS + row, id: `e${row}` }
}

/** Figures of each metric and arm, to nine digits. */
function figures({ metrics, ...sums }: Required<ExperimentSums>) {
  const rounded = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(9)) : value)
  const arms = QUESTION.metrics.map((metric) => {
    const all = metrics.map((row) => ({ ...row, bucket: row.bucket && 1 }))
    return Object.values(sumsOf({ days: all, now: 0 }, metric)).map((arm) => Object.values(arm).map(rounded))
  })
  const before = QUESTION.metrics.map((metric) => {
    const all = sums.before.filter(({ moments }) => moments.n > 0).map((row) => ({ ...row, bucket: row.bucket && 1 }))
    return Object.values(sumsOf({ days: all, now: 0 }, metric)).map((arm) => Object.values(arm).map(rounded))
  })
  const byStratum = Map.groupBy(sums.strata, ({ metric, arm, stratum }) => `${metric} ${arm} ${stratum}`)
  const strata = Array.from(byStratum, ([key, its]) => {
    const total = (of: 'meanY' | 'meanX') => its.reduce((sum, { moments }) => sum + moments.n * moments[of], 0)
    return `${key} ${its.reduce((sum, { moments }) => sum + moments.n, 0)} ${rounded(total('meanY'))} ${rounded(total('meanX'))}`
  }).sort((a, b) => a.localeCompare(b))
  const seconds = sums.gpuSeconds.map(({ arm, moments }) => [arm, moments.n * moments.meanY, moments.n * moments.meanX])
  return {
    arms,
    before,
    spreads: sums.spreads,
    strata,
    crossed: sums.crossed,
    splits: sums.splits,
    traits: sums.traits,
    seconds: seconds.map((row) => row.map(rounded).join(' ')).sort((a, b) => a.localeCompare(b)),
  }
}

it('running sums are those of adding up anew, whatever came in which order', async () => {
  await inLedger(11, (table, sql) => {
    const random = seededRandom(5)
    const draw = (n: number) => Math.floor(random() * n)
    table.sums({ ...QUESTION, epochs: [3] })
    for (let step = 0; step < 1500; step++) {
      const owner = `owner-${draw(120)}`
      const day = FIRST_DAY + draw(4)
      const kind = draw(10)
      if (kind < 3)
        table.expose(
          exposure(
            owner,
            3 + draw(2),
            random() < 0.9 === (owner.length % 2 === 0) ? 'control' : 'candidate',
            day * DAY_MS + draw(DAY_MS),
          ),
        )
      else if (kind < 8) {
        const metric = ['play', 'spend', 'rate', 'wait', 'other'][draw(5)]!
        const value =
          metric === 'play' ? draw(2) : metric === 'spend' && draw(3) === 0 ? -random() : 1e3 * random() ** 4
        table.record([event(step, owner, metric, value, day)], ['play', 'spend', 'rate', 'wait', 'other'], day * DAY_MS)
      } else if (kind === 8) {
        sql.exec(
          `INSERT INTO jobs (key, owner, arm, epoch, shadow, status, run_seconds, submitted_at) VALUES (?, ?, ?, ?, 0, 'open', NULL, 0)`,
          `job-${step}`,
          owner,
          random() < 0.5 ? 'control' : 'candidate',
          3 + draw(2),
        )
      } else {
        const status = draw(3) === 0 ? 'failed' : 'succeeded'
        sql.exec(
          `UPDATE jobs SET status = ?, run_seconds = ? WHERE owner = ? AND shadow = 0`,
          status,
          10 + draw(50),
          owner,
        )
      }
      if (step % 97 === 0) table.sums({ ...QUESTION, epochs: step < 700 ? [3] : [3, 4] })
    }
    const running = table.sums(QUESTION)
    // Another question, and the same one again: all is counted anew.
    table.sums({ ...QUESTION, epochs: [9], sinceMs: 0 })
    const anew = table.sums(QUESTION)
    expect(figures(running)).toEqual(figures(anew))
    expect(running.crossed).toBeGreaterThan(3)
    const [control] = Object.values(sumsOf({ days: running.metrics, now: 0 }, { name: 'play', kind: 'proportion' }))
    expect(control!.n).toBeGreaterThan(20)
    expect(running.gpuSeconds.length).toBeGreaterThan(0)
    expect(running.before.length).toBeGreaterThan(0)
    expect(running.spreads.length).toBeGreaterThan(3)
    expect([...running.metrics, ...running.before].map(({ metric }) => metric)).not.toContain('wait')
    const subjects = (rows: ExperimentSums['metrics']) => rows.reduce((sum, { moments }) => sum + moments.n, 0)
    expect(subjects(running.strata)).toBe(subjects(running.metrics))
    expect(new Set(running.strata.map(({ stratum }) => stratum))).toEqual(new Set(['long', 'short']))
  })
})

it('of a metric that observes so many days only they count, from each subject’s own first day on', async () => {
  await inLedger(14, (table) => {
    const metrics = [
      { name: 'spend', kind: 'mean' as const, observeDays: 2 },
      { name: 'all', kind: 'mean' as const },
    ]
    const question = { ...QUESTION, metrics, excluded: [] }
    table.sums(question)
    const at = (day: number) => (FIRST_DAY + day) * DAY_MS + 80_000_000
    table.expose(exposure('early', 3, 'control', at(0)))
    table.expose(exposure('late', 3, 'candidate', at(4)))
    const days = [0, 1, 2, 3, 4, 5, 6, 7]
    const rows = days.flatMap((day) =>
      ['early', 'late'].flatMap((owner) =>
        ['spend', 'all'].map((metric, i) => ({
          ...event(4 * day + i, owner, metric, 10 ** day, FIRST_DAY + day),
          id: null,
        })),
      ),
    )
    table.record(rows, [], at(7))
    const totals = () =>
      table
        .sums(question)
        .metrics.map(({ metric, arm, moments }) => `${metric} ${arm} ${moments.n * moments.meanY}`)
        .sort((a, b) => a.localeCompare(b))
    expect(totals()).toEqual([
      'all candidate 11110000',
      'all control 11111111',
      'spend candidate 1110000',
      'spend control 111',
    ])
    // An exposure that came late moves the window.
    table.expose(exposure('late', 3, 'candidate', at(3)))
    expect(totals()).toContain('spend candidate 111000')
  })
})

it('of a quantile metric each subject with values counts once, by their mean, wherever it moves', async () => {
  await inLedger(21, (table) => {
    const question = { ...QUESTION, metrics: [{ name: 'wait', kind: 'quantile' as const }], excluded: [] }
    table.sums(question)
    const at = (day: number) => (FIRST_DAY + day) * DAY_MS + 1000
    for (const owner of ['one', 'two', 'three', 'silent']) table.expose(exposure(owner, 3, 'control', at(0)))
    const waits = (owner: string, values: number[], first: number) =>
      values.map((value, i) => event(first + i, owner, 'wait', value, FIRST_DAY))
    table.record(
      [...waits('one', [10, 20, 60], 1), ...waits('two', [30], 10), ...waits('three', [4, 4], 20)],
      [],
      at(1),
    )
    const spreads = () => table.sums(question).spreads
    const row = { metric: 'wait', arm: 'control', day: FIRST_DAY }
    const [four, thirty] = [4, 30].map(spreadBucketOf)
    expect(spreads()).toEqual([{ ...row, buckets: [four, thirty], counts: [1, 2] }])
    // A later value moves its subject, and one that sees the other arm too is taken out.
    table.record(waits('one', [26], 30), [], at(1))
    expect(spreads()).toEqual([{ ...row, buckets: [four, spreadBucketOf(29), thirty], counts: [1, 1, 1] }])
    table.expose(exposure('three', 3, 'candidate', at(1)))
    expect(spreads()).toEqual([{ ...row, buckets: [spreadBucketOf(29), thirty], counts: [1, 1] }])
    expect(table.sums(question).metrics).toEqual([])
  })
})

it('values from before the first exposure ever stand beside those after it', async () => {
  await inLedger(15, (table) => {
    const question = { ...QUESTION, epochs: [4], metrics: [{ name: 'spend', kind: 'mean' as const }], excluded: [] }
    table.sums(question)
    const at = (day: number) => (FIRST_DAY + day) * DAY_MS + 1000
    table.expose(exposure('new', 4, 'control', at(2)))
    table.expose(exposure('old', 4, 'control', at(2)))
    table.expose(exposure('silent', 4, 'control', at(2)))
    const values = (owner: string, byDay: Record<number, number>) =>
      Object.entries(byDay).map(([day, value], i) => ({
        ...event(i, owner, 'spend', value, FIRST_DAY + Number(day)),
        id: null,
      }))
    table.record(values('new', { 2: 5 }), [], at(9))
    table.record(values('old', { [-30]: 1000, [-20]: 3, 1: 4, 2: 10, 3: 1 }), [], at(9))
    table.record(values('silent', { 0: 2 }), [], at(9))
    const before = () => {
      const { before: rows, metrics } = table.sums(question)
      const total = (of: 'meanX' | 'meanY') => rows.reduce((sum, { moments }) => sum + moments.n * moments[of], 0)
      const n = rows.reduce((sum, { moments }) => sum + moments.n, 0)
      return { n, x: total('meanX'), y: total('meanY'), all: metrics.reduce((sum, { moments }) => sum + moments.n, 0) }
    }
    // A value of thirty days ago is too old; who has none from before is in the metric's own sums alone.
    expect(before()).toEqual({ n: 2, x: 3 + 4 + 2, y: 11, all: 3 })
    // The candidate's doing since an earlier stage is no history.
    table.expose(exposure('old', 3, 'control', at(0)))
    expect(before()).toEqual({ n: 2, x: 3 + 2, y: 11, all: 3 })
  })
})

it('parts of control hold its subjects as cut, silent ones too, and those of few days not yet', async () => {
  await inLedger(16, (table, sql) => {
    const metrics = [
      { name: 'spend', kind: 'mean' as const },
      { name: 'rate', kind: 'ratio' as const, observeDays: 2 },
    ]
    const question = { ...QUESTION, metrics, excluded: [] }
    table.sums(question)
    for (let i = 0; i < 300; i++) {
      const owner = (i * 7_919_317_003).toString(16).padStart(12, '0').slice(-12).split('').toReversed().join('')
      table.expose(exposure(owner, 3, i % 3 === 0 ? 'candidate' : 'control', (FIRST_DAY + (i % 2)) * DAY_MS))
      const rows = ['spend', 'rate'].map((metric) => event(i, owner, metric, i === 1 ? 1e9 : 1, FIRST_DAY + 1))
      if (i % 5 !== 0) table.record(rows, [], FIRST_DAY * DAY_MS)
    }
    table.sums(question)
    const edges = { low: { bucket: -1e9, edge: 0 }, high: { bucket: 150, edge: 7 } }
    const today = FIRST_DAY + 3
    const parts = partsOf(sql, { metrics: metrics.map((metric) => ({ ...metric, ...edges })), today })
    const total = (name: string, of: 'n' | 'y' | 'yy' | 'x') => parts[name]!.reduce((sum, part) => sum + part[of], 0)
    // 200 of control, of whom 160 did something; one did far too much.
    expect([total('spend', 'n'), total('spend', 'y'), total('spend', 'yy')]).toEqual([200, 159 + 7, 159 + 49])
    expect(total('spend', 'x')).toBe(160)
    expect(total('rate', 'n')).toBe(100)
    expect(parts['spend']!.length).toBeGreaterThan(50)
    expect(Math.max(...parts['spend']!.map(({ part }) => part))).toBeLessThan(1024)
  })
})

it('strata beyond the twentieth are one', async () => {
  await inLedger(17, (table) => {
    const question = {
      ...QUESTION,
      metrics: [{ name: 'spend', kind: 'mean' as const }],
      excluded: [],
      strata: 'region' as const,
    }
    table.sums(question)
    for (let i = 0; i < 90; i++) {
      const traits = { region: `R${i % 30}`, prompt: null, duration: null, visitor: null }
      table.expose({ ...exposure(`o${i}`, 3, i % 2 === 0 ? 'control' : 'candidate', FIRST_DAY * DAY_MS), traits })
      // The last third is silent.
      if (i < 60) table.record([event(i, `o${i}`, 'spend', 2, FIRST_DAY)], [], FIRST_DAY * DAY_MS)
    }
    const { strata } = table.sums(question)
    const subjects = (rows: typeof strata) => rows.reduce((sum, { moments }) => sum + moments.n, 0)
    expect(new Set(strata.map(({ stratum }) => stratum)).size).toBe(21)
    expect(subjects(strata)).toBe(90)
    expect(subjects(strata.filter(({ stratum }) => stratum === 'other'))).toBe(30)
    expect(strata.reduce((sum, { moments }) => sum + moments.n * moments.meanY, 0)).toBe(120)
  })
})

it('reading the sums costs the same for ten times the subjects', async () => {
  const cost = (index: number, subjects: number) =>
    inLedger(index, (table, _, rowsRead) => {
      table.sums(QUESTION)
      for (let i = 0; i < subjects; i++) {
        const arm = i % 2 === 0 ? 'control' : 'candidate'
        table.expose(exposure(`o${i}`, 3, arm, FIRST_DAY * DAY_MS + i))
        table.record([event(i, `o${i}`, 'spend', 1 + (i % 5), FIRST_DAY)], [], FIRST_DAY * DAY_MS)
      }
      rowsRead()
      const sums = table.sums(QUESTION)
      expect(sums.metrics.reduce((n, { metric, moments }) => n + (metric === 'spend' ? moments.n : 0), 0)).toBe(
        subjects,
      )
      return rowsRead()
    })
  const [few, many] = [await cost(12, 100), await cost(13, 1000)]
  expect(many).toBeLessThan(1.2 * few)
  expect(many).toBeLessThan(200)
})

it('sums by stratum and from before are no more rows for weeks than for a day, but of a metric that observes for days', async () => {
  await inLedger(18, (table) => {
    const metrics = [
      { name: 'spend', kind: 'mean' as const },
      { name: 'soon', kind: 'mean' as const, observeDays: 1 },
    ]
    const question = { ...QUESTION, metrics, excluded: [] }
    table.sums(question)
    for (let i = 0; i < 28; i++) {
      table.expose(exposure(`o${i}`, 3, 'control', (FIRST_DAY + i) * DAY_MS))
      const rows = [i, i - 3].flatMap((day) =>
        ['spend', 'soon'].map((metric) => ({ ...event(i, `o${i}`, metric, 2, FIRST_DAY + day), id: null })),
      )
      table.record(rows, [], (FIRST_DAY + 28) * DAY_MS)
    }
    const { strata, before } = table.sums(question)
    const of = (rows: ExperimentSums['metrics'], name: string) => rows.filter(({ metric }) => metric === name)
    const subjects = (rows: ExperimentSums['metrics']) => rows.reduce((sum, { moments }) => sum + moments.n, 0)
    // Those whose names end in 1 are a stratum of their own.
    expect([of(strata, 'spend').length, of(before, 'spend').length]).toEqual([2, 1])
    expect([of(strata, 'soon').length, of(before, 'soon').length]).toEqual([28, 28])
    for (const rows of [strata, before])
      expect([subjects(of(rows, 'spend')), subjects(of(rows, 'soon'))]).toEqual([28, 28])
  })
})
