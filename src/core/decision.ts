/**
 * A report → what to do about the release, with every reason. An ordered list: a broken split first, harm before all
 * else that could be read, then whether it may be read at all, then what speaks against going on.
 */
import type { CostReport } from './report/cost.ts'
import { type MetricReport, SEQUENTIAL_SHARE } from './report/metric.ts'
import type { Readiness } from './report/readiness.ts'

export const REASON_CODES = [
  'srm_mismatch',
  'primary_worse',
  'no_primary',
  'no_subjects',
  'days',
  'sample',
  'excluded_now',
  'guardrail_worse',
  'guardrail_unproven',
  'cost_exceeded',
  'cost_unproven',
  'not_significant',
  'primary_better',
] as const
export const DECISIONS = ['continue', 'advance', 'hold', 'rollback'] as const

export interface DecisionReason {
  code: (typeof REASON_CODES)[number]
  message: string
  /** The metric that it is about. */
  metric: string | null
}

export interface Decision {
  decision: (typeof DECISIONS)[number]
  reasons: DecisionReason[]
}

export interface Read {
  readiness: Readiness
  srm: { mismatch: boolean; p_value: number }
  metrics: readonly MetricReport[]
  cost: CostReport
}

/** What a primary metric says. `early` is by its confidence sequence; the fixed test counts only where it is final. */
export function primaryOutcome(report: MetricReport, alpha: number): 'better' | 'worse' | 'early_better' | 'open' {
  const lift = report.absolute?.lift ?? 0
  const isGood = report.direction === 'increase' ? lift > 0 : lift < 0
  const early = (report.always_valid?.p_adjusted ?? 1) < alpha * SEQUENTIAL_SHARE
  const { test } = report
  const isFinal = test?.final === true && (test.p_adjusted ?? 1) < alpha * (1 - SEQUENTIAL_SHARE)
  if (isFinal) {
    const wanted = report.direction === 'increase' ? 1 : -1
    return Math.sign(test.statistic ?? 0) === wanted ? 'better' : 'worse'
  }
  // Where most subjects have a value of 0, arms may be told apart whose quantile is the same: neither is better.
  if (!early || lift === 0) return 'open'
  return isGood ? 'early_better' : 'worse'
}

export function decide(read: Read, alpha: number): Decision {
  const { readiness, srm, metrics, cost } = read
  if (srm.mismatch) {
    const message = `the split is not as assigned (p ${figure(srm.p_value)}): do not trust any figure of this report`
    return { decision: 'hold', reasons: [reason('srm_mismatch', message)] }
  }
  const primaries = metrics.filter(({ role }) => role === 'primary')
  if (primaries.length === 0)
    return { decision: 'continue', reasons: [reason('no_primary', 'no primary metric is configured')] }
  const outcomes = primaries.map((report) => ({ report, outcome: primaryOutcome(report, alpha) }))
  const worse = outcomes.filter(({ outcome }) => outcome === 'worse')
  if (worse.length > 0) {
    const reasons = worse.map(({ report }) => reason('primary_worse', `${words(report)}: worse`, report.metric))
    return { decision: 'rollback', reasons }
  }
  const better = outcomes.filter(({ outcome }) => outcome !== 'open')
  const waits = notReadable(readiness, metrics, better.length > 0)
  if (waits.length > 0) return { decision: 'continue', reasons: waits }
  const against = [...guardrailReasons(metrics), ...costReasons(cost)]
  if (better.length === 0) {
    const open = outcomes.map(({ report }) =>
      reason('not_significant', `${words(report)}: no effect was shown`, report.metric),
    )
    return { decision: 'hold', reasons: [...open, ...against] }
  }
  const good = better.map(({ report }) => reason('primary_better', `${words(report)}: better`, report.metric))
  return { decision: against.length > 0 ? 'hold' : 'advance', reasons: [...against, ...good] }
}

/** An effect shown by the sequence need not wait for the planned sample, but for whole days all the same. */
function notReadable(ready: Readiness, metrics: readonly MetricReport[], shownEarly: boolean): DecisionReason[] {
  const { sample } = ready
  const waits: DecisionReason[] = []
  if (sample.control < 2 || sample.candidate < 2)
    waits.push(reason('no_subjects', 'too few subjects have been exposed to both arms'))
  if (ready.excluded_now !== null) waits.push(reason('excluded_now', `excluded time: ${ready.excluded_now}`))
  if (ready.read_at !== null) return waits
  if (ready.days < ready.min_days) waits.push(reason('days', `${ready.days} of ${ready.min_days} whole days`))
  else if (!shownEarly && (ready.days_left ?? 0) > 0)
    waits.push(reason('days', `${ready.days} whole days; the test is read after whole weeks`))
  if (!ready.planned_reached && !shownEarly) {
    const message = sampleWords(ready, metrics)
    if (message !== null) waits.push(reason('sample', message))
  }
  return waits
}

/** What the sample lacks; null where nobody asks for a number of subjects and there are none to speak of. */
function sampleWords(ready: Readiness, metrics: readonly MetricReport[]): string | null {
  const { sample, planned, sample_lacks: lacks } = ready
  const has = `${sample.control} control and ${sample.candidate} candidate subjects`
  const plans = metrics.filter(({ role, mde }) => role === 'primary' && mde !== null)
  const mdes = plans.map(({ metric, mde }) => `${metric} (mde ${percent(mde!)})`)
  if (lacks === 'plan') return `${has}; how many ${mdes.join(', ')} takes is not yet known`
  if (planned && lacks === 'subjects') {
    const margins = metrics.flatMap(({ metric, non_inferiority: shown }) =>
      shown ? [`${metric} (margin ${percent(shown.margin)})`] : [],
    )
    return `${has} of ${planned.control} and ${planned.candidate} planned for ${[...mdes, ...margins].join(', ')}`
  }
  return sample.control < 2 || sample.candidate < 2 ? null : `${has}, too few of them with a value to test a mean`
}

function guardrailReasons(metrics: readonly MetricReport[]): DecisionReason[] {
  return metrics
    .filter(({ role }) => role === 'guardrail')
    .flatMap((report) => {
      const { non_inferiority: shown } = report
      if (shown?.status === 'non_inferior') return []
      const limit = shown ? ` than the margin of ${percent(shown.margin)}` : ''
      return shown?.status === 'worse'
        ? [reason('guardrail_worse', `${words(report)}: worse${limit}`, report.metric)]
        : [reason('guardrail_unproven', `${words(report)}: not yet shown to be no worse${limit}`, report.metric)]
    })
}

function costReasons({ status, relative, always_valid: band, limit }: CostReport): DecisionReason[] {
  if (!relative || status === 'within' || status === 'not_measured') return []
  if (status === 'unproven') {
    const span = band ? ` (${signed(band.low)} to ${signed(band.high)})` : ''
    const message = `the cost of a finished video changed by ${signed(relative.lift)}${span}: not yet shown to be within the limit of ${percent(limit)}`
    return [reason('cost_unproven', message)]
  }
  return [
    reason('cost_exceeded', `a finished video costs ${percent(relative.lift)} more; the limit is ${percent(limit)}`),
  ]
}

function reason(code: DecisionReason['code'], message: string, metric: string | null = null): DecisionReason {
  return { code, message, metric }
}

function words({ metric, relative, absolute }: MetricReport): string {
  if (relative) return `${metric} ${signed(relative.lift)} (${signed(relative.low)} to ${signed(relative.high)})`
  return absolute ? `${metric} ${absolute.lift >= 0 ? '+' : ''}${figure(absolute.lift)}` : `${metric} without data`
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${percent(value)}`
}

function percent(value: number): string {
  return `${Number((100 * value).toFixed(1))} %`
}

function figure(value: number): string {
  return String(Number(value.toPrecision(2)))
}
