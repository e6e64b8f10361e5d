/**
 * How often the default guardrails roll a healthy release back, and how long they take with a broken one: printed as
 * tables. The judging is core's own; this file only lays out the cells and hands them to workers.
 *
 *   npm run bench:guardrails -- [--quick] [--seed 1] [--releases 400] [--runs 100] [--traffic 1,10,100,10000]
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Cell, CellResult, DetectionResult, HealthyResult, Rules } from './guardrails-cell.ts'
import type { LatencyCell, LatencyResult } from './latency-cell.ts'
import { latencyTable } from './latency-table.ts'
import { per10000, table } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    releases: { type: 'string', default: '400' },
    runs: { type: 'string', default: '100' },
    /** Jobs of both arms a minute, for the healthy releases. */
    traffic: { type: 'string', default: '1,10,100,10000' },
  },
})
const quick = values.quick
const seed = Number(values.seed)
const releases = quick ? 6 : Number(values.releases)
const runs = quick ? 5 : Number(values.runs)

const TRAFFIC = [1, 10, 100, 10_000]
const ERROR_RATES = [0.015, 0.02, 0.05, 0.2, 1]
const STAGES = [1, 20]
const RULES: readonly Rules[] = ['threshold', 'sequential', 'default']

const healthy: Cell[] = values.traffic.split(',').map((jobsPerMinute, i) => ({
  kind: 'healthy',
  seed: seed * 1000 + i,
  jobsPerMinute: Number(jobsPerMinute),
  releases,
  bakeMinutes: 30,
  lastDays: quick ? 0.1 : 7,
}))
const detection: Cell[] = STAGES.flatMap((percent, i) =>
  TRAFFIC.flatMap((jobsPerMinute, j) =>
    ERROR_RATES.map((errorRate, k): Cell => ({
      kind: 'detection',
      seed: seed * 1000 + 100 + 25 * i + 5 * j + k,
      jobsPerMinute,
      errorRate,
      percent,
      runs,
      horizonDays: quick ? 0.2 : 3,
    })),
  ),
)

/** Equal arms under a limit of nothing, and under one of half as much again a candidate that is slower by just that. */
const AT_THE_LIMIT = [
  { maxOverControl: 0, times: 1 },
  { maxOverControl: 0.5, times: 1.5 },
]
const ARMS = [
  [100, 100],
  [300, 30],
  [20, 20],
  [2, 98],
] as const
const latency: LatencyCell[] = [0.6, 2].flatMap((sigma, i) =>
  ARMS.flatMap(([candidateJobs, controlJobs], j) =>
    [
      ...AT_THE_LIMIT,
      { maxOverControl: 0, times: 2 },
      { maxOverControl: 0.5, times: 2 },
      { maxOverControl: 0.5, times: 3 },
    ].map(({ maxOverControl, times }, k): LatencyCell => ({
      kind: 'latency',
      seed: seed * 1000 + 200 + 20 * i + 5 * j + k,
      candidateJobs,
      controlJobs,
      maxOverControl,
      sigma,
      times,
      runs: k < AT_THE_LIMIT.length ? releases : runs,
      jobs: (k < AT_THE_LIMIT.length ? 100 : 1000) * Math.max(candidateJobs, 20),
    })),
  ),
)

const started = Date.now()
const results = await runAll([...healthy, ...detection, ...latency])
console.log(healthyTable(results.filter((r): r is HealthyResult => r.kind === 'healthy')))
console.log(detectionTables(results.filter((r): r is DetectionResult => r.kind === 'detection')))
console.log(latencyTable(results.filter((r): r is LatencyResult => r.kind === 'latency')))
console.log(`seed ${seed}, ${Math.round((Date.now() - started) / 1000)} s`)

/** Deals the cells out to one worker a core; results come back in the order of the cells. */
async function runAll(cells: readonly Cell[]): Promise<CellResult[]> {
  const answers: CellResult[] = []
  // The dearest first, so that no core idles at the end.
  const queue = cells.map((cell, index) => ({ cell, index })).reverse()
  queue.sort((a, b) => Number(a.cell.kind === 'healthy') - Number(b.cell.kind === 'healthy'))
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('guardrails-worker.ts', import.meta.url))
      const next = (): void => {
        const job = queue.pop()
        if (!job) {
          void worker.terminate()
          resolve()
          return
        }
        worker.once('message', (answer: CellResult) => {
          answers[job.index] = answer
          next()
        })
        worker.postMessage(job.cell)
      }
      worker.once('error', reject)
      next()
    })
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), cells.length) }, work))
  return answers
}

function healthyTable(rows: readonly HealthyResult[]): string {
  const [first] = rows
  return [
    '## False rollbacks per 10,000 healthy releases',
    '',
    `True error rate 0.5 % in both arms, for submits and for jobs; latencies lognormal (sigma 0.6), equal in both arms.`,
    `A release is the whole ladder: 1, 5, 20 % for ${first?.bakeMinutes} min each, then 50 % and 100 % for ${first?.lastDays} days each (harder than one`,
    'last stage of that length: at 100 % there is no control for p99 to be compared with). Scaled up from the number simulated;',
    'in brackets the 95 % Wilson interval. The requirement is at most 100 in the last column.',
    '',
    table(
      ['jobs a minute', 'simulated', ...RULES.map(ruleName)],
      rows.map((row) => [
        row.jobsPerMinute.toLocaleString('en-US'),
        `${row.releases}`,
        ...RULES.map((rules) => per10000(row.falseRollbacks[rules], row.releases)),
      ]),
    ),
    '',
  ].join('\n')
}

function detectionTables(rows: readonly DetectionResult[]): string {
  return RULES.map((rules) =>
    [
      `## Time to roll back, ${ruleName(rules)}: median / p95 of ${rows[0]?.runs} releases`,
      '',
      'Jobs of the candidate fail at the rate given from the start of the stage; control and all submits fail at 0.5 %. Latencies are',
      'equal and left out. A time is that of the verdict, at the end of a window or, for the fast trip, of ten seconds.',
      'Where fewer than half (or 95 of 100) were rolled back in time, the share that was.',
      '',
      table(
        ['stage', 'jobs a minute', ...ERROR_RATES.map((rate) => `${rate * 100} %`)],
        STAGES.flatMap((percent) =>
          TRAFFIC.map((jobsPerMinute) => [
            `${percent} %`,
            jobsPerMinute.toLocaleString('en-US'),
            ...rows
              .filter((row) => row.percent === percent && row.jobsPerMinute === jobsPerMinute)
              .map((row) => timeText(row.afterMs[rules], row.runs, row.horizonDays)),
          ]),
        ),
      ),
      '',
    ].join('\n'),
  ).join('\n')
}

function ruleName(rules: Rules): string {
  return { threshold: 'error rate, 5 windows', sequential: 'error rate, sequential', default: 'whole default set' }[
    rules
  ]
}

function timeText(sorted: readonly number[], n: number, horizonDays: number): string {
  const at = (q: number): string | null => {
    const ms = sorted[Math.ceil(q * n) - 1]
    return ms === undefined ? null : durationText(ms)
  }
  const share = `${Math.round((sorted.length / n) * 100)} % in ${horizonDays} d`
  const median = at(0.5)
  return median === null ? share : `${median} / ${at(0.95) ?? share}`
}

function durationText(ms: number): string {
  if (ms < 60_000) return `${ms / 1000} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  return `${Number((ms / 3_600_000).toPrecision(2))} h`
}
