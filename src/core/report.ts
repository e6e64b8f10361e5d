/**
 * Sums over subjects → the A/B report: every metric, whether it may be read yet, split, cost, signals and who was
 * measured. Pure; what follows from it is decision.ts'.
 */
import { type Decision, decide } from './decision.ts'
import type { ArmSums, Evidence, ExperimentPlan, MetricPlan } from './experiment.ts'
import { costReport, type CostReport } from './report-cost.ts'
import { estimateOf, type Interval, type MetricReport, metricReport, sequenceOfLift } from './report-metric.ts'
import { readiness, type Readiness } from './report-readiness.ts'
import { mergedPairs, noPairs } from './stats/moments.ts'
import { benjaminiHochberg, holm } from './stats/multiplicity.ts'
import { homogeneity, pearson, SRM_ALPHA } from './stats/srm.ts'

export interface Report {
  release: string
  stage: string
  percent: number | null
  /** Unix ms. */
  at: number
  since: number | null
  until: number | null
  decision: Decision
  /** False where the split is not what was dealt: then no figure below may be believed. */
  valid: boolean
  readiness: Readiness
  srm: {
    p_value: number
    chi2: number
    mismatch: boolean
    expected: { control: number; candidate: number }
    observed: { control: number; candidate: number }
    epochs: {
      epoch: number
      stage: string
      percent: number
      control: number
      candidate: number
      expected_candidate: number
      p_value: number
    }[]
  }
  /** Subjects that saw both arms: left out. */
  crossed: number
  metrics: MetricReport[]
  /** Of each primary metric, by day of first exposure (days since 1970, UTC): all subjects up to then, with a band that may be read at any time. */
  series: { metric: string; points: ({ day: number; n: number; lift: number } & Interval)[] }[]
  cost: CostReport
  signals: { metric: string; arm: 'control' | 'candidate'; n: number; mean: number; sd: number | null; last: number }[]
  /** Shares in [0, 1]. */
  representativeness: {
    trait: string
    p_value: number
    status: 'alike' | 'differs' | 'unknown'
    buckets: { bucket: string; all: number; candidate: number }[]
  }[]
}

export function buildReport(evidence: Evidence, metrics: readonly MetricPlan[], plan: ExperimentPlan): Report {
  const reports = adjusted(
    metrics.map((metric) =>
      metricReport(metric, sumsOf(evidence, metric.name), evidence.fixed?.metrics[metric.name] ?? null, plan),
    ),
  )
  const body = {
    release: evidence.release,
    stage: evidence.stage,
    percent: evidence.percent,
    at: evidence.now,
    since: evidence.sinceMs,
    until: evidence.untilMs,
    readiness: readiness(evidence, metrics, plan, (name) => sumsOf(evidence, name)),
    srm: srmOf(evidence),
    crossed: evidence.crossed,
    metrics: reports,
    series: metrics.filter(({ role }) => role === 'primary').map((metric) => seriesOf(evidence, metric, plan.alpha)),
    cost: costReport(evidence, plan.maxCostIncrease),
    signals: evidence.signals.map(({ metric, arm, n, mean, m2, last }) => ({
      metric,
      arm,
      n,
      mean,
      sd: n > 1 ? Math.sqrt(m2 / (n - 1)) : null,
      last,
    })),
    representativeness: representativeness(evidence.traits),
  }
  return { ...body, valid: !body.srm.mismatch, decision: decide(body, plan.alpha) }
}

/** All days together. */
export function sumsOf(evidence: Pick<Evidence, 'days'>, metric: string): ArmSums {
  const sums: ArmSums = { control: noPairs(), candidate: noPairs() }
  for (const { metric: of, arm, moments } of evidence.days)
    if (of === metric) sums[arm] = mergedPairs(sums[arm], moments)
  return sums
}

/** Holm over the primaries, since the decision rests on any of them; BH over what is only looked at; guardrails as they are. */
function adjusted(reports: MetricReport[]): MetricReport[] {
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

/** Each subject once, in the epoch of its first exposure; expected counts are summed over epochs, never pooled. */
function srmOf({ splits }: Evidence): Report['srm'] {
  const total = splits.reduce(
    (sum, { n, candidate, expected }) => ({
      n: sum.n + n,
      candidate: sum.candidate + candidate,
      expected: sum.expected + expected,
    }),
    { n: 0, candidate: 0, expected: 0 },
  )
  const { p, chi2 } = splitTest(total)
  return {
    p_value: p,
    chi2,
    mismatch: p < SRM_ALPHA,
    expected: { control: total.n - total.expected, candidate: total.expected },
    observed: { control: total.n - total.candidate, candidate: total.candidate },
    epochs: splits.map((split) => ({
      epoch: split.epoch,
      stage: split.stage,
      percent: split.percent,
      control: split.n - split.candidate,
      candidate: split.candidate,
      expected_candidate: split.expected,
      p_value: splitTest(split).p,
    })),
  }
}

function splitTest({ n, candidate, expected }: { n: number; candidate: number; expected: number }) {
  if (n === 0 || expected <= 0 || expected >= n) return { p: 1, chi2: 0 }
  const { p_value, chi2 } = pearson([n - candidate, candidate], [n - expected, expected])
  return { p: p_value, chi2 }
}

function seriesOf({ days }: Evidence, { name, kind }: MetricPlan, alpha: number): Report['series'][number] {
  const points: Report['series'][number]['points'] = []
  const sofar: ArmSums = { control: noPairs(), candidate: noPairs() }
  const byDay = Map.groupBy(
    days.filter(({ metric }) => metric === name),
    ({ day }) => day,
  )
  for (const [day, sums] of [...byDay].sort(([a], [b]) => a - b)) {
    for (const { arm, moments } of sums) sofar[arm] = mergedPairs(sofar[arm], moments)
    const [control, candidate] = [estimateOf(kind, sofar.control), estimateOf(kind, sofar.candidate)]
    const band = control && candidate && sequenceOfLift(control, candidate, alpha)
    if (!band) continue
    const n = sofar.control.n + sofar.candidate.n
    points.push({ day, n, lift: candidate.value / control.value - 1, ...band })
  }
  return { metric: name, points }
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
