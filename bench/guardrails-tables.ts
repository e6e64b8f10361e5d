/** The tables of the guardrail bench, in Markdown. */
import { type Cell, type EndsAfter, HEALTHY, LADDER, type Rule, RULES } from './guardrails-cell.ts'
import {
  BAD_RATES,
  CLUMPS,
  FEW,
  HEALTHY_RATES,
  SLOW,
  SLOW_BAD_RATES,
  SLOW_FEW,
  SLOW_RATES,
  SLOW_STAGES,
  SLOW_TRAFFIC,
  TRAFFIC,
  UNEVEN,
} from './guardrails-cells.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'
import { table } from './table.ts'

/** What is kept of one cell. */
export interface Summary {
  kind: Cell['kind']
  rate: number
  jobs: number
  clump: number
  endsAfter: EndsAfter
  percent: number
  runs: number
  /** Rolled back: in a healthy cell falsely, else after the fault. */
  acted: Record<Rule, number>
  early: Record<Rule, number>
  /** Candidate jobs from the fault on, of all that were still running then; null where fewer than half were rolled back. */
  median: Record<Rule, number | null>
}

const NAMES: Record<Rule, string> = { sluice: 'Sluice', argo: 'Argo', flagger: 'Flagger', plain: 'plain' }

/** A group's name, and whether a cell is in it. */
type Group = [string, (cell: Summary) => boolean]

const byRate = (rate: number): Group => [`${share(rate, 1)} fail`, (cell) => cell.rate === rate]
const bySize = (jobs: number): Group => [`${jobs.toLocaleString('en-US')} jobs a window`, (cell) => cell.jobs === jobs]
const isOf = (cell: Summary, endsAfter: EndsAfter): boolean =>
  Object.entries(endsAfter).every(([of, windows]) => cell.endsAfter[of as keyof EndsAfter] === windows)
const byEnds = (ends: EndsAfter): Group => {
  const { candidate, control, failed } = ends
  const name = `good ones after ${candidate} (control's ${control}), failures after ${failed}`
  return [name, (cell) => isOf(cell, ends)]
}

/** False rollbacks by rate, traffic and clumps: each row sums the other two up. */
export function healthyTable(rows: readonly Summary[]): string {
  const name = (clump: number) => (clump === 1 ? 'failures alone' : `in clumps of ${clump}`)
  return falseRollbacks(rows, [
    ...HEALTHY_RATES.map(byRate),
    ...TRAFFIC.map(bySize),
    ...CLUMPS.map((clump): Group => [name(clump), (cell) => cell.clump === clump]),
  ])
}

/** The same where failures end earlier or later than good jobs. */
export function unevenTable(rows: readonly Summary[]): string {
  return falseRollbacks(rows, [...HEALTHY_RATES.map(byRate), ...TRAFFIC.map(bySize), ...UNEVEN.map(byEnds)])
}

/** The same of few jobs that outlast their window. */
export function slowTable(rows: readonly Summary[]): string {
  return falseRollbacks(rows, [...SLOW_RATES.map(byRate), ...SLOW_TRAFFIC.map(bySize), ...SLOW.map(byEnds)])
}

function falseRollbacks(rows: readonly Summary[], groups: readonly Group[]): string {
  const row = (name: string, of: readonly Summary[]): string[] => {
    const n = of.reduce((sum, { runs }) => sum + runs, 0)
    const acted = (rule: Rule) => of.reduce((sum, cell) => sum + cell.acted[rule], 0)
    const upper = wilsonInterval({ x: acted('sluice'), n }).high
    const worst = Math.max(...of.map((cell) => cell.acted.sluice))
    return [
      name,
      `${n}`,
      `${acted('sluice')}`,
      share(upper, 2),
      `${worst} of ${of[0]?.runs ?? 0}`,
      ...RULES.slice(1).map((rule) => share(acted(rule) / n, 0)),
    ]
  }
  if (rows.length === 0) return 'Not run.'
  return table(
    [
      'healthy, in both arms',
      'releases',
      'rolled back',
      'at most (Wilson)',
      'worst cell',
      ...RULES.slice(1).map((r) => NAMES[r]),
    ],
    [row('all', rows), ...groups.map(([name, isIn]) => row(name, rows.filter(isIn)))],
  )
}

/** Median candidate jobs until the rollback, beside the bound and the other rules. */
export function badTable(rows: readonly Summary[], late: readonly Summary[]): string {
  const find = (of: readonly Summary[], rate: number, percent: number, jobs: number) =>
    of.find((cell) => cell.rate === rate && cell.percent === percent && cell.jobs === jobs)
  return table(
    ['fails', 'stage', 'jobs a window', 'bound', 'Sluice', 'bad after 3 days', ...RULES.slice(1).map((r) => NAMES[r])],
    BAD_RATES.flatMap((rate) =>
      LADDER.flatMap((percent) =>
        FEW.flatMap((jobs) => {
          const cell = find(rows, rate, percent, jobs)
          if (!cell) return []
          return [
            [
              share(rate, 0),
              `${percent} %`,
              `${jobs}`,
              `${Math.ceil(waldBound(rate, percent))}`,
              text(cell, 'sluice'),
              text(find(late, rate, percent, jobs), 'sluice'),
              ...RULES.slice(1).map((rule) => text(cell, rule)),
            ],
          ]
        }),
      ),
    ),
  )
}

/** Median candidate jobs until the rollback, by how many windows after their submit failures end. */
export function slowBadTable(rows: readonly Summary[]): string {
  if (rows.length === 0) return 'Not run.'
  return table(
    ['fails', 'stage', 'jobs a window', 'bound', ...SLOW.map(({ failed }) => `Sluice, after ${failed}`)],
    SLOW_BAD_RATES.flatMap((rate) =>
      SLOW_STAGES.flatMap((percent) =>
        SLOW_FEW.map((jobs) => {
          const cells = rows.filter((cell) => cell.rate === rate && cell.percent === percent && cell.jobs === jobs)
          const medians = SLOW.map((endsAfter) =>
            text(
              cells.find((cell) => isOf(cell, endsAfter)),
              'sluice',
            ),
          )
          return [share(rate, 0), `${percent} %`, `${jobs}`, `${Math.ceil(waldBound(rate, percent))}`, ...medians]
        }),
      ),
    ),
  )
}

function text(cell: Summary | undefined, rule: Rule): string {
  if (!cell) return ''
  const { runs, early, median, acted } = cell
  const before = early[rule] > 0 ? `, ${share(early[rule] / runs, 0)} before` : ''
  const left = runs - early[rule]
  return `${median[rule] ?? `${share(left === 0 ? 0 : acted[rule] / left, 0)} act`}${before}`
}

/**
 * Wald's bound on the mean number of candidate jobs of any test that knew both rates and had α = 0.01 to itself: ln(1/α)
 * over what a job tells against the nearer of both nulls, the limit of 1 % and control's rate.
 */
export function waldBound(rate: number, percent: number): number {
  const aboveLimit = divergence(rate, 0.01)
  const each = (100 - percent) / percent
  const common = (rate + each * HEALTHY) / (1 + each)
  const aboveControl = percent === 100 ? Infinity : divergence(rate, common) + each * divergence(HEALTHY, common)
  return Math.log(100) / Math.min(aboveLimit, aboveControl)
}

function divergence(p: number, q: number): number {
  return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q))
}

function share(value: number, digits: number): string {
  return `${Number((100 * value).toFixed(digits))} %`
}
