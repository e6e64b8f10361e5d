/**
 * How often the default guardrails roll a healthy release back, and how many jobs they take with a broken one, beside
 * the theoretical bound and other tools' rules on the same draws. The judging is core's own; this lays out the cells,
 * deals them to workers, and writes bench/results/guardrails.json and the tables of docs/guardrails.md from it.
 *
 *   npm run bench:guardrails -- [--quick] [--seed 1] [--workers 2] [--releases 20] [--only healthy,uneven,slow,failing,late,'slow failing',latency] [--docs]
 *
 * `--quick` prints and writes nothing. `--docs` runs nothing and writes the tables from the results as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { type Cell, type CellResult, type Rule, RULES } from './guardrails-cell.ts'
import {
  type Amounts,
  badCells,
  FULL,
  healthyCells,
  latencyCells,
  QUICK,
  slowBadCells,
  slowCells,
  unevenCells,
} from './guardrails-cells.ts'
import { badTable, healthyTable, slowBadTable, slowTable, type Summary, unevenTable } from './guardrails-tables.ts'
import type { LatencyCell, LatencyResult } from './latency-cell.ts'
import { latencyTable } from './latency-table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** Healthy ones a cell. */
    releases: { type: 'string' },
    docs: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: `${availableParallelism()}` },
    only: { type: 'string', default: 'healthy,uneven,slow,failing,late,slow failing,latency' },
  },
})

/** As kept in bench/results: of each kind of cell what was run last. */
interface Results {
  /** Of each kind, when and with which seed it was run, and for how many seconds. */
  runs: Record<string, { day: string; seed: number; seconds: number }>
  cells: Summary[]
  latency: LatencyResult[]
}

const RESULTS = new URL('results/guardrails.json', import.meta.url)
const DOCS = new URL('../docs/guardrails.md', import.meta.url)

const usual = values.quick ? QUICK : FULL
const amounts: Amounts = { ...usual, seed: Number(values.seed), releases: Number(values.releases ?? usual.releases) }
const CELLS: Record<string, readonly (Cell | LatencyCell)[]> = {
  healthy: healthyCells(amounts),
  uneven: unevenCells(amounts),
  slow: slowCells(amounts),
  failing: badCells('failing', amounts),
  late: badCells('late', amounts),
  'slow failing': slowBadCells(amounts),
  latency: latencyCells(amounts),
}

const results = values.quick ? { runs: {}, cells: [], latency: [] } : kept()
if (!values.docs) {
  for (const kind of values.only.split(',')) {
    await run(kind)
    if (!values.quick) writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`)
  }
}
const text = tables(results)
if (values.quick) console.log(text)
else writeFileSync(DOCS, placed(readFileSync(DOCS, 'utf8'), text))

async function run(kind: string): Promise<void> {
  const cells = CELLS[kind]
  if (!cells) throw new Error(`--only takes ${Object.keys(CELLS).join(', ')}`)
  const began = Date.now()
  const answers = await runAll(cells)
  const seconds = Math.round((Date.now() - began) / 1000)
  console.error(`${kind}: ${cells.length} cells, ${seconds} s`)
  results.runs[kind] = { day: new Date(began).toISOString().slice(0, 10), seed: amounts.seed, seconds }
  if (kind === 'latency') results.latency = answers as LatencyResult[]
  else
    results.cells = [...results.cells.filter((cell) => cell.kind !== kind), ...(answers as CellResult[]).map(summary)]
}

function kept(): Results {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
  } catch {
    return { runs: {}, cells: [], latency: [] }
  }
}

function summary({ kind, rate, jobs, clump, endsAfter, percent, runs, jobsUntil, early }: CellResult): Summary {
  const each = <T>(of: (rule: Rule) => T) =>
    Object.fromEntries(RULES.map((rule) => [rule, of(rule)])) as Record<Rule, T>
  const median = (rule: Rule) => jobsUntil[rule][Math.ceil((runs - early[rule]) / 2) - 1] ?? null
  return {
    kind,
    rate,
    jobs,
    clump,
    endsAfter,
    percent,
    runs,
    acted: each((rule) => jobsUntil[rule].length),
    early,
    median: each(median),
  }
}

/** Deals the cells out to the workers; results come back in the order of the cells. */
async function runAll(cells: readonly (Cell | LatencyCell)[]): Promise<(CellResult | LatencyResult)[]> {
  const answers: (CellResult | LatencyResult)[] = []
  const queue = cells.map((cell, index) => ({ cell, index })).reverse()
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('guardrails-worker.ts', import.meta.url), {
        // Each window is thrown away at once.
        resourceLimits: { maxYoungGenerationSizeMb: 128 },
      })
      const next = (): void => {
        const job = queue.pop()
        if (!job) {
          void worker.terminate()
          resolve()
          return
        }
        worker.once('message', (answer: CellResult | LatencyResult) => {
          answers[job.index] = answer
          next()
        })
        worker.postMessage(job.cell)
      }
      worker.once('error', reject)
      next()
    })
  await Promise.all(Array.from({ length: Math.min(Number(values.workers), cells.length) }, work))
  return answers
}

function tables({ runs, cells, latency }: Results): string {
  const of = (kind: Summary['kind']) => cells.filter((cell) => cell.kind === kind)
  const made = Object.entries(runs).map(
    ([kind, { day, seed, seconds }]) => `${kind} ${day}, seed ${seed}, ${seconds} s`,
  )
  return [
    '### False rollbacks of healthy releases',
    '',
    healthyTable(of('healthy')),
    '',
    'Failures that end earlier or later than the good jobs submitted with them, windows after the submit; six hours of each stage, the last three without traffic:',
    '',
    unevenTable(of('uneven')),
    '',
    'Few jobs that outlast their window, of two arms that fail alike, also far over every limit; stages of 1, 20, 50, 90 and 100 %, twelve hours each, the last six without traffic:',
    '',
    slowTable(of('slow')),
    '',
    '### Candidate jobs until the rollback',
    '',
    badTable(of('failing'), of('late')),
    '',
    'Where failures end windows after their submit; how many windows the median took is its jobs by those a window:',
    '',
    slowBadTable(of('slow failing')),
    '',
    latencyTable(latency),
    `Run: ${made.join('; ')}.`,
  ].join('\n')
}

/** The page with the tables between its marks. */
function placed(page: string, text: string): string {
  const [open, close] = ['<!-- bench: guardrails -->', '<!-- /bench -->']
  const [from, to] = [page.indexOf(open) + open.length, page.indexOf(close)]
  if (to < from) throw new Error(`docs/guardrails.md needs ${open} and ${close}`)
  return `${page.slice(0, from)}\n\n${text}\n\n${page.slice(to)}`
}
