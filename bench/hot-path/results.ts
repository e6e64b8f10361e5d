/** What was measured: kept as JSON, drawn, and written as a table into the docs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withParts } from '../../scripts/docs/markdown.ts'
import { table } from '../table.ts'

/** `few`, `many`: submits over 4 and over 64 connections, all else over 32. */
export type Work = 'submits' | 'few' | 'many' | 'polls' | 'downloads' | 'idle' | 'memory'

/** One pair of slices. `ratio`: the figure that counts, in the unit of its work. */
export interface Result {
  work: Work
  system: string
  ratio: number
  requests: number
  failed: number
  cpuMs: number
  p50Ms: number
  p99Ms: number
  /** Of Durable Objects by the isolate, a second; null for what has none. */
  calls: number | null
  bare: { cpuMs: number; p50Ms: number }
}

export interface Run {
  starts: number
  /** Of slices, at each start. */
  pairs: number
  sliceMs: number
  machine: string
  /** The load average just before: what else the machine was doing. */
  busyBefore: number
  /** Only a full run goes into the docs. */
  isFull: boolean
}

const RESULTS = join(import.meta.dirname, '..', 'results')
const DOCS = join(import.meta.dirname, '..', '..', 'docs', 'performance.md')
const UNITS: Record<Work, string> = {
  submits: 'CPU of a submit, to bare',
  few: 'the same, 4 connections',
  many: 'the same, 64 connections',
  polls: 'CPU of a poll, to bare',
  downloads: 'CPU of a 10 MB download, to bare',
  idle: 'ms added to the median submit, one connection',
  memory: 'MB more growth than bare, 32 downloads at once',
}

interface Row {
  work: Work
  system: string
  min: number
  median: number
  max: number
  failed: number
  calls: number | null
}

export function publish(results: readonly Result[], run: Run): void {
  const rows = summary(results)
  const shown = (Object.keys(UNITS) as Work[]).flatMap((work) => {
    const own = rows.filter((row) => row.work === work)
    if (own.length === 0) return []
    const lines = own.map(({ system, median, min, max, failed, calls }) => [
      system,
      median.toFixed(2),
      `${min.toFixed(2)} to ${max.toFixed(2)}`,
      String(failed),
      calls?.toFixed(1) ?? '',
    ])
    return [table([UNITS[work], 'median', 'spread', 'failed', 'object calls/s'], lines)]
  })
  const text = shown.join('\n\n')
  console.log(`\n${text}`)
  mkdirSync(RESULTS, { recursive: true })
  const date = new Date().toISOString().slice(0, 10)
  // What the docs show is a whole run's.
  const name = run.isFull ? 'hot-path' : 'hot-path-part'
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify({ date, ...run, rows, results }, null, 1)}\n`)
  writeFileSync(join(RESULTS, `${name}.svg`), plot(rows))
  if (!run.isFull) return
  const method = [
    `Measured on ${date}, on ${run.machine}, with a load average of ${run.busyBefore.toFixed(1)} before it began;`,
    `${run.starts} starts of each system with ${run.pairs} pairs of slices of ${run.sliceMs / 1000} s.`,
  ].join(' ')
  writeFileSync(DOCS, withParts(readFileSync(DOCS, 'utf8'), { 'hot-path': `${method}\n\n${text}` }))
}

function summary(results: readonly Result[]): Row[] {
  const groups = Map.groupBy(results, ({ work, system }) => `${work}|${system}`)
  return [...groups.values()].map((group) => {
    const ratios = group.map(({ ratio }) => ratio).sort((a, b) => a - b)
    const middle = (ratios[(ratios.length - 1) >> 1]! + ratios[ratios.length >> 1]!) / 2
    const { work, system } = group[0]!
    const failed = group.reduce((sum, each) => sum + each.failed, 0)
    const calls = group[0]!.calls === null ? null : Math.max(...group.map((each) => each.calls ?? 0))
    return { work, system, min: ratios[0]!, median: middle, max: ratios.at(-1)!, failed, calls }
  })
}

/** A bar a system for submits and polls, with its spread. */
function plot(rows: readonly Row[]): string {
  const shown = rows.filter(({ work }) => work === 'submits' || work === 'polls')
  const longest = Math.max(1, ...shown.map(({ max }) => max))
  const x = (value: number) => 260 + (value / longest) * 400
  const bars = shown.map(({ work, system, median, min, max }, i) => {
    const y = 20 + i * 22
    return `<text x="250" y="${y + 11}" text-anchor="end">${work}: ${system}</text>
<rect x="260" y="${y}" width="${(x(median) - 260).toFixed(1)}" height="14" fill="${work === 'polls' ? '#7aa2c8' : '#2f6690'}"/>
<line x1="${x(min).toFixed(1)}" x2="${x(max).toFixed(1)}" y1="${y + 7}" y2="${y + 7}" stroke="#222"/>
<text x="${(x(max) + 6).toFixed(1)}" y="${y + 11}">${median.toFixed(2)}</text>`
  })
  const height = 40 + shown.length * 22
  return `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="${height}" font-family="sans-serif" font-size="11">
<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="10" y2="${height - 20}" stroke="#999" stroke-dasharray="3 3"/>
<text x="${x(1).toFixed(1)}" y="${height - 6}" text-anchor="middle">bare Worker</text>
${bars.join('\n')}
</svg>
`
}
