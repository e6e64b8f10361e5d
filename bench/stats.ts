/**
 * What the A/B report's figures are worth: false decisions when looked at after every ten subjects, coverage of its
 * intervals, power at the planned sample, the split's test. The judging is core's own. Each line of what is to be shown
 * gets a verdict, and one that does not hold ends it with 1. A whole run keeps its figures in bench/results/stats.json.
 *
 *   npm run bench:stats -- [--quick] [--seed 1] [--only looks,coverage,power,srm,uniform,signals,pairs,history,selfcheck,quantileLooks,quantileCoverage,quantileReadings]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { history, pairs, selfcheck, signals } from './stats-beside.ts'
import { uniform } from './stats-even.ts'
import { looks, srm } from './stats-looks.ts'
import type { Part, Sizes } from './stats-part.ts'
import { quantileLooks } from './stats-quantile-looks.ts'
import { quantileCoverage, quantileReadings } from './stats-quantiles.ts'
import { coverage, power } from './stats-tests.ts'
import { table } from './table.ts'

/** Runs a cell: so many that the claim of the part can be told from its opposite. */
const PARTS: Record<string, { part: (sizes: Sizes) => Part; runs: number }> = {
  looks: { part: looks, runs: 1000 },
  coverage: { part: coverage, runs: 4000 },
  power: { part: power, runs: 10_000 },
  srm: { part: srm, runs: 3000 },
  uniform: { part: uniform, runs: 4000 },
  signals: { part: signals, runs: 1000 },
  pairs: { part: pairs, runs: 300 },
  history: { part: history, runs: 1000 },
  quantileLooks: { part: quantileLooks, runs: 1000 },
  quantileCoverage: { part: quantileCoverage, runs: 1000 },
  quantileReadings: { part: quantileReadings, runs: 2000 },
  selfcheck: { part: selfcheck, runs: 60 },
}
const RESULTS = new URL('results/stats.json', import.meta.url)

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: Object.keys(PARTS).join(',') },
  },
})
const seed = Number(values.seed)
const kept: Record<string, object> = readResults()
let failed = 0
for (const name of values.only.split(',')) {
  const of = PARTS[name]
  if (!of) throw new Error(`no part ${name}; there are ${Object.keys(PARTS).join(', ')}`)
  const runs = values.quick ? Math.ceil(of.runs / 20) : of.runs
  const started = process.cpuUsage()
  const { head, rows, verdicts } = of.part({ runs, seed, isQuick: values.quick })
  const { user } = process.cpuUsage(started)
  const cpuSeconds = Math.round(user / 1e6)
  console.log(`\n${table(head, rows)}\n(${name}: ${runs} runs a cell, ${cpuSeconds} s CPU)`)
  for (const { line, seen, holds } of verdicts) console.log(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${line}: ${seen}`)
  failed += verdicts.filter(({ holds }) => !holds).length
  const day = new Date().toISOString().slice(0, 10)
  if (values.quick) continue
  const cells = rows.map((row) => Object.fromEntries(head.map((of, i) => [of, row[i]])))
  kept[name] = { day, seed, runs, cpu_seconds: cpuSeconds, cells, verdicts }
  writeFileSync(RESULTS, `${JSON.stringify(kept, null, 2)}\n`)
}
console.log(failed === 0 ? '\nevery line holds' : `\n${failed} lines do not hold`)
// A few runs judge nothing.
process.exitCode = failed === 0 || values.quick ? 0 : 1

/** Parts that are not run again keep their figures. */
function readResults(): Record<string, object> {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Record<string, object>
  } catch {
    return {}
  }
}
