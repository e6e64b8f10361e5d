/** Sums over subjects → the A/B report, with all that it is read by. Pure; what follows from it is decision.ts'. */
import type { Arm } from './arm.ts'
import { type Decision, type DecisionReason, decide } from './decision.ts'
import type { ArmSums, DaySums, Evidence, ExperimentPlan, MetricPlan, SelfCheck } from './experiment.ts'
import { addedSums, armSums, cutValue, estimateOf, measured } from './metric-sums.ts'
import { costReport, type CostReport } from './report-cost.ts'
import { type HistoryReport, historyReport } from './report-history.ts'
import type { Interval } from './stats/hybrid-interval.ts'
import { bandOf, type MetricReport, metricReport } from './report-metric.ts'
import { type PairReport, pairReports } from './report-pairs.ts'
import { type QuantileReport, quantileReports } from './report-quantiles.ts'
import { type Needed, neededFor } from './report-needed.ts'
import { readiness, type Readiness } from './report-readiness.ts'
import { type StrataReport, strataReport } from './report-strata.ts'
import { splitReport, type SplitReport } from './report-split.ts'
import { noPairs } from './stats/moments.ts'
import { benjaminiHochberg, holm } from './stats/multiplicity.ts'
import { homogeneity, SRM_ALPHA } from './stats/srm.ts'
import type { Cut } from './stats/winsorise.ts'

interface BySubject {
  /** `immature`: subjects of the last days, which are left out until they were observed for so many. Null without an end. */
  observed: { days: number; immature: { control: number; candidate: number } } | null
  history: HistoryReport | null
  stratified: StrataReport | null
  /** Of a quantile metric. */
  quantiles: QuantileReport[]
}

export interface Report {
  release: string
  stage: string
  percent: number | null
  /** Unix ms. */
  at: number
  since: number | null
  until: number | null
  /** `needed`: what would change it; see report-needed.ts. */
  decision: Decision<DecisionReason & { needed: Needed | null }>
  /** False where the split is not what was dealt: then no figure below may be believed. */
  valid: boolean
  readiness: Readiness
  srm: SplitReport
  /** Subjects that saw both arms: left out. */
  crossed: number
  metrics: (MetricReport & BySubject)[]
  /** Of each primary metric, by day of first exposure (days since 1970, UTC): all subjects up to then, with a band that may be read at any time. */
  series: { metric: string; points: ({ day: number; n: number; lift: number } & Interval)[] }[]
  cost: CostReport
  signals: { metric: string; arm: Arm; n: number; mean: number; sd: number | null; last: number }[]
  pairs: PairReport[]
  self_check: { at: number; metrics: SelfCheck[] } | null
  /** Shares in [0, 1]. */
  representativeness: {
    trait: string
    p_value: number
    status: 'alike' | 'differs' | 'unknown'
    buckets: { bucket: string; all: number; candidate: number }[]
  }[]
}

export function buildReport(evidence: Evidence, metrics: readonly MetricPlan[], plan: ExperimentPlan): Report {
  const own = metrics.map((metric) => ({ metric, ...measured(evidence, metric) }))
  const today = new Map(own.map(({ metric, sums }) => [metric.name, sums]))
  const sumsOf = (name: string) => today.get(name)!
  const fixed = evidence.fixed?.metrics ?? {}
  const reports = adjusted(
    own.map(({ metric, immature, cut, sums }) => ({
      ...metricReport(metric, sums, fixed[metric.name] ?? null, plan, cutValue(cut)),
      observed: metric.observeDays === undefined ? null : { days: metric.observeDays, immature },
      history: historyReport(evidence, metric),
      stratified: strataReport(evidence, metric),
      quantiles: quantileReports(metric, sums),
    })),
  )
  const body = {
    release: evidence.release,
    stage: evidence.stage,
    percent: evidence.percent,
    at: evidence.now,
    since: evidence.sinceMs,
    until: evidence.untilMs,
    readiness: readiness(evidence, metrics, plan, sumsOf),
    srm: splitReport(evidence.splits),
    crossed: evidence.crossed,
    metrics: reports,
    series: own
      .filter(({ metric }) => metric.role === 'primary')
      .map(({ metric, mature, cut }) => seriesOf(mature, cut, metric, plan.alpha)),
    cost: costReport(evidence, plan.maxCostIncrease, plan.alpha),
    signals: signalsOf(evidence),
    pairs: pairReports(evidence.pairs, plan),
    self_check: evidence.selfCheck && { at: evidence.selfCheck.atMs, metrics: evidence.selfCheck.metrics },
    representativeness: representativeness(evidence.traits),
  }
  const { decision, reasons } = decide(body, plan.alpha)
  const of = { evidence, metrics, plan, readiness: body.readiness, sumsOf }
  const withNeeded = reasons.map((reason) => ({ ...reason, needed: neededFor(reason, of) }))
  return { ...body, valid: !body.srm.mismatch, decision: { decision, reasons: withNeeded } }
}

/** A sum that no number can hold says nothing, and must not take the report with it. */
function signalsOf({ signals }: Evidence): Report['signals'] {
  return signals
    .filter(({ mean, last }) => Number.isFinite(mean) && Number.isFinite(last))
    .map(({ metric, arm, n, mean, m2, last }) => {
      const sd = n > 1 ? Math.sqrt(m2 / (n - 1)) : null
      return { metric, arm, n, mean, sd: sd !== null && Number.isFinite(sd) ? sd : null, last }
    })
}

/** Holm over the primaries, since the decision rests on any of them; BH over what is only looked at; guardrails as they are. */
function adjusted<R extends MetricReport>(reports: R[]): R[] {
  const families = { primary: holm, secondary: benjaminiHochberg }
  const byName = new Map(reports.map((report) => [report.metric, report]))
  for (const [role, adjust] of Object.entries(families)) {
    const family = reports.filter((report) => report.role === role)
    const fixed = adjust(family.map(({ test }) => test?.p_value ?? 1))
    const sequential = adjust(family.map(({ always_valid }) => always_valid?.p_value ?? 1))
    for (const [i, report] of family.entries()) {
      byName.set(report.metric, {
        ...report,
        test: report.test && { ...report.test, p_adjusted: fixed[i]! },
        always_valid: report.always_valid && { ...report.always_valid, p_adjusted: sequential[i]! },
      })
    }
  }
  return reports.map(({ metric }) => byName.get(metric)!)
}

/** All days up to each, with the same extremes cut. */
function seriesOf(own: readonly DaySums[], cut: Cut, metric: MetricPlan, alpha: number): Report['series'][number] {
  const points: Report['series'][number]['points'] = []
  let sofar: ArmSums = { control: noPairs(), candidate: noPairs() }
  for (const [day, sums] of [...Map.groupBy(own, (each) => each.day)].sort(([a], [b]) => a - b)) {
    const its = armSums(sums, cut, metric)
    sofar = { control: addedSums(sofar.control, its.control), candidate: addedSums(sofar.candidate, its.candidate) }
    const [control, candidate] = [estimateOf(metric.kind, sofar.control), estimateOf(metric.kind, sofar.candidate)]
    const band = bandOf(metric.kind, sofar, alpha)
    if (control && candidate && band)
      points.push({ day, n: control.n + candidate.n, lift: candidate.value / control.value - 1, ...band })
  }
  return { metric: metric.name, points }
}

function representativeness(traits: Evidence['traits']): Report['representativeness'] {
  return [...Map.groupBy(traits, ({ trait }) => trait)].map(([trait, buckets]) => {
    const all = buckets.reduce((sum, b) => sum + b.control + b.candidate, 0)
    const candidate = buckets.reduce((sum, b) => sum + b.candidate, 0)
    const { p } = homogeneity(buckets)
    const known = buckets.some(({ bucket }) => bucket !== 'unknown')
    return {
      trait,
      p_value: p,
      status: !known || candidate === 0 ? 'unknown' : p < SRM_ALPHA ? 'differs' : 'alike',
      buckets: buckets
        .map((b) => ({
          bucket: b.bucket,
          all: all > 0 ? (b.control + b.candidate) / all : 0,
          candidate: candidate > 0 ? b.candidate / candidate : 0,
        }))
        .sort((a, b) => b.all - a.all),
    }
  })
}
