/** Sums over subjects → the A/B report, with all that it is read by. Pure; what follows from it is decision.ts'. */
import { decide } from '../decision.ts'
import type { ArmSums, DaySums, Evidence, ExperimentPlan, MetricPlan } from '../experiment.ts'
import { addedSums, armSums, cutValue, estimateOf, measured } from '../metric-sums.ts'
import { costReport } from './cost.ts'
import { historyReport } from './history.ts'
import type { Interval } from '../stats/hybrid-interval.ts'
import { bandOf, type MetricReport, metricReport } from './metric.ts'
import { pairReports } from './pairs.ts'
import { quantileReports } from './quantiles.ts'
import { neededFor } from './needed.ts'
import { readiness } from './readiness.ts'
import { strataReport } from './strata.ts'
import { splitReport } from './split.ts'
import { noPairs } from '../stats/moments.ts'
import { benjaminiHochberg, holm } from '../stats/multiplicity.ts'
import { homogeneity, SRM_ALPHA } from '../stats/srm.ts'
import type { Cut } from '../stats/winsorise.ts'

/**
 * As the API shows it, where `reportSchema` says what each member is; here times are unix ms, and days those since 1970
 * (UTC).
 */
export type Report = ReturnType<typeof buildReport>

export function buildReport(evidence: Evidence, metrics: readonly MetricPlan[], plan: ExperimentPlan) {
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
function signalsOf({ signals }: Evidence) {
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
function seriesOf(own: readonly DaySums[], cut: Cut, metric: MetricPlan, alpha: number) {
  const points: ({ day: number; n: number; lift: number } & Interval)[] = []
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

function representativeness(traits: Evidence['traits']) {
  return [...Map.groupBy(traits, ({ trait }) => trait)].map(([trait, buckets]) => {
    const all = buckets.reduce((sum, b) => sum + b.control + b.candidate, 0)
    const candidate = buckets.reduce((sum, b) => sum + b.candidate, 0)
    const { p } = homogeneity(buckets)
    const known = candidate > 0 && buckets.some(({ bucket }) => bucket !== 'unknown')
    const status: 'alike' | 'differs' | 'unknown' = !known ? 'unknown' : p < SRM_ALPHA ? 'differs' : 'alike'
    return {
      trait,
      p_value: p,
      status,
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
