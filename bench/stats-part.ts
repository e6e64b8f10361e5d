/** What the parts of the report's bench have in common: the plan, figures, and what a part comes to. */
import { type ExperimentPlan, type MetricPlan } from '../src/core/experiment.ts'
import type { MetricReport } from '../src/core/report/metric.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'
import { intervalZ } from '../src/core/stats/distributions.ts'
import type { Shape } from './stats-draws.ts'

export interface Sizes {
  isQuick: boolean
  seed: number
  /** Runs of this part, a cell. */
  runs: number
}

/** A line of what is to be shown. */
export interface Verdict {
  line: string
  seen: string
  holds: boolean
}

export interface Part {
  head: string[]
  rows: string[][]
  verdicts: Verdict[]
}

export const PLAN: ExperimentPlan = {
  minDays: 7,
  alpha: 0.05,
  power: 0.8,
  maxCostIncrease: 0.2,
  pairMde: 0.05,
  exclude: [],
}

export function planOf({ kind }: Pick<Shape, 'kind'>): MetricPlan {
  return { name: 'm', kind, role: 'primary', direction: 'increase' }
}

/** In percent, with the 95 % Wilson interval. */
export function percent(x: number, n: number): string {
  const { low, high } = wilsonInterval({ x, n })
  const text = (p: number) => (100 * p).toFixed(1)
  return `${text(x / n)} (${text(low)} to ${text(high)})`
}

/** Whether a rate of at most `most` is refuted by none of the cells together: each at a thousandth. */
export function mayBeAtMost(counts: readonly number[], n: number, most: number): boolean {
  return counts.every((x) => wilsonInterval({ x, n }, intervalZ(0.998)).low <= most)
}

/** A family of one metric. */
export function withOwnP(report: MetricReport): MetricReport {
  const { test, always_valid: anytime } = report
  return {
    ...report,
    test: test && { ...test, p_adjusted: test.p_value },
    always_valid: anytime && { ...anytime, p_adjusted: anytime.p_value },
  }
}

/** Of the candidate's values to control's, where arms are apart. */
export const LIFT = 1.1
export const HELD = 0.95
/** By which an interval may hold less often than it says. */
export const SLACK = 0.02
export const POWER_POINTS = 0.02

/** Whether power is other than planned, by more than is allowed and chance would do. */
export function isOffPower(shown: number, runs: number): boolean {
  const { low, high } = wilsonInterval({ x: shown, n: runs })
  return low > PLAN.power + POWER_POINTS || high < PLAN.power - POWER_POINTS
}
