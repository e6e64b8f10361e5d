/** An A/B report in words: headline, reasons, figures with their signs. */
import type { MetricView, PairsView, ReportView } from '../api/experiment.ts'
import { differedBefore } from '../describe/evidence.ts'
import { pFigure, quantileName, signedPercent } from '../describe/figures.ts'
import { group, type Part, percent, share, significant, span } from './format.ts'
import type { Text } from './text/index.ts'

type Reason = ReportView['decision']['reasons'][number]

/** The first reason is the one that decided. */
export function reportHeadline(report: ReportView, t: Text): string {
  const [first] = report.decision.reasons
  return first ? t.report.headline[first.code] : t.report.decision[report.decision.decision]
}

/** How the candidate was split, and for how long. */
export function sinceWords({ percent: split, since, until, at }: ReportView, t: Text): string {
  if (split === null || since === null) return t.report.never
  const seconds = (Date.parse(until ?? at) - Date.parse(since)) / 1000
  return t.report.since(percent(split, t), span(seconds, t))
}

export function reasonWords(reason: Reason, report: ReportView, t: Text): Part[] {
  const words = t.report.reason
  switch (reason.code) {
    case 'srm_mismatch':
      return words.srm_mismatch(pFigure(report.srm.p_value))
    case 'days':
      return report.readiness.days < report.readiness.min_days
        ? words.days(String(report.readiness.days), String(report.readiness.min_days))
        : words.weeks
    case 'excluded_now':
      return words.excluded_now(report.readiness.excluded_now ?? '')
    case 'cost_exceeded':
      return words.cost_exceeded(share(report.cost.relative?.lift ?? 0, t), share(report.cost.limit, t))
    case 'cost_unproven': {
      const { always_valid: band, relative, limit } = report.cost
      const change = band ? t.report.to(signed(band.low, t), signed(band.high, t)) : signed(relative?.lift ?? 0, t)
      return words.cost_unproven(change, share(limit, t))
    }
    case 'no_primary':
    case 'no_subjects':
      return words[reason.code]
    case 'sample':
      return report.readiness.sample_lacks === 'values' ? words.thin : words.sample
    default: {
      const relative = report.metrics.find(({ metric }) => metric === reason.metric)?.relative
      return words[reason.code](reason.metric ?? '', relative ? signed(relative.lift, t) : t.report.noLift)
    }
  }
}

/** What is still missing for the decision to change; nothing where more data changes nothing. */
export function neededWords({ needed }: Reason, t: Text): Part[] {
  if (!needed) return []
  const { subjects, jobs, days } = needed
  const time = days === null ? null : group(days, 1)
  const units = jobs ?? subjects
  if (units) return t.report.needed.units(group(units.control), group(units.candidate), time, jobs !== null)
  return time === null ? [] : t.report.needed.days(time)
}

/** `+8.8 %`: a relative change. */
export function signed(value: number, t: Text): string {
  return t.unit.percent(signedPercent(value))
}

/** Each signal's means, control's first: `212 → 180`. */
export function signalWords({ signals }: ReportView): { name: string; words: string }[] {
  return [...Map.groupBy(signals, ({ metric }) => metric)].map(([metric, its]) => {
    const mean = (of: 'control' | 'candidate') => {
      const found = its.find(({ arm }) => arm === of)
      return found ? significant(found.mean) : '–'
    }
    return { name: metric, words: `${mean('control')} → ${mean('candidate')}` }
  })
}

/** A line of the report's table. */
export interface EffectWords {
  name: string
  /** Null: the cost of a finished video. */
  role: string | null
  control: string
  candidate: string
  lift: MetricView['relative']
  /** The lift that it must not cross. */
  limit: number | null
  tone: 'good' | 'bad' | 'quiet'
  evidence: string
}

/** Each metric, then the cost where any is known. */
export function effectWords({ metrics, cost }: ReportView, t: Text): EffectWords[] {
  const rows = metrics.map((metric): EffectWords => {
    const { role, quantile, kind, non_inferiority: shown, direction, relative } = metric
    return {
      name: metric.metric,
      role: quantile === null ? t.report.role[role] : `${t.report.role[role]} · ${quantileName(quantile)}`,
      control: estimateWords(metric.control.estimate, kind, t),
      candidate: estimateWords(metric.candidate.estimate, kind, t),
      lift: relative,
      // The side of the margin on which a guardrail metric would be worse.
      limit: shown && (direction === 'increase' ? -shown.margin : shown.margin),
      tone: toneOf(metric),
      evidence: evidenceWords(metric, t),
    }
  })
  if (cost.control === null && cost.candidate === null) return rows
  const paid: EffectWords = {
    name: t.report.cost,
    role: null,
    control: estimateWords(cost.control, 'mean', t),
    candidate: estimateWords(cost.candidate, 'mean', t),
    lift: cost.relative,
    limit: cost.limit,
    tone: cost.status === 'cost_exceeded' ? 'bad' : 'quiet',
    evidence: t.report.costLimit(signed(cost.limit, t)),
  }
  return [...rows, paid]
}

function estimateWords(value: number | null, kind: MetricView['kind'], t: Text): string {
  if (value === null) return '–'
  return kind === 'proportion' ? t.unit.percent((100 * value).toFixed(1)) : significant(value)
}

/** What the last column tells: a guardrail's result, or the p-value that counts now. */
function evidenceWords({ test, always_valid, non_inferiority }: MetricView, t: Text): string {
  if (non_inferiority) return t.report.margin[non_inferiority.status]
  if (test?.final) return t.report.p(pFigure(test.p_adjusted ?? test.p_value))
  if (always_valid) return t.report.anytime(pFigure(always_valid.p_adjusted ?? always_valid.p_value))
  return test ? `${t.report.p(pFigure(test.p_value))} (${t.report.preview})` : '–'
}

function toneOf(metric: MetricView): EffectWords['tone'] {
  if (metric.non_inferiority) {
    const { status } = metric.non_inferiority
    return status === 'non_inferior' ? 'good' : status === 'worse' ? 'bad' : 'quiet'
  }
  const { relative } = metric
  if (!relative || (relative.low <= 0 && relative.high >= 0)) return 'quiet'
  return relative.lift > 0 === (metric.direction === 'increase') ? 'good' : 'bad'
}

/** `−0.012 (−0.02 to −0.004), 120 pairs, worse`. */
export function pairWords({ n, difference, always_valid, outcome, needed }: PairsView, t: Text): string {
  const shown = always_valid ?? difference
  const value = (of: number) => `${of > 0 ? '+' : ''}${significant(of)}`
  return [
    ...(difference && shown ? [`${value(difference.lift)} (${t.report.to(value(shown.low), value(shown.high))})`] : []),
    t.report.pair.n(group(n)),
    t.report.pair[outcome],
    ...(needed ? [t.report.pair.needed(group(needed))] : []),
  ].join(' · ')
}

/** Estimates beside the raw lift: of what, and the figures. */
export function besideWords({ metrics, self_check }: ReportView, t: Text): { name: string; words: string }[] {
  const checks = (self_check?.metrics ?? []).map((check) => {
    const { metric, splits, false_alarms, expected, ks_distance, status } = check
    const words = t.report.selfChecked(
      group(splits),
      group(false_alarms),
      group(Math.round(expected * splits)),
      significant(ks_distance),
    )
    return { name: t.report.selfCheck(metric), words: status === 'too_many' ? `${words} · ${t.report.tooMany}` : words }
  })
  const histories = metrics.flatMap(({ metric, history }) => {
    if (!history) return []
    const { relative, variance_reduction } = history
    const words = relative
      ? `${liftWords(relative, t)} · ${t.report.variance(signed(-variance_reduction, t))}`
      : differedBefore(history)
        ? t.report.unbalanced
        : t.report.fewKnown
    return [{ name: t.report.byHistory(metric), words }]
  })
  const strata = metrics.flatMap(({ metric, stratified }) =>
    stratified
      ? [
          {
            name: t.report.byStrata(metric),
            words: `${liftWords(stratified.relative, t)} · ${t.report.strata(group(stratified.strata))}`,
          },
        ]
      : [],
  )
  const quantiles = metrics.flatMap((metric) =>
    metric.quantiles.map(({ quantile, control, candidate, relative }) => ({
      name: `${metric.metric} ${quantileName(quantile)}`,
      words: `${significant(control.estimate)} → ${significant(candidate.estimate)} · ${liftWords(relative, t)}`,
    })),
  )
  return [...quantiles, ...strata, ...histories, ...checks]
}

/** `+8.8 % (+7.0 % to +10.6 %)` */
export function liftWords(lift: MetricView['relative'], t: Text): string {
  return lift ? `${signed(lift.lift, t)} (${t.report.to(signed(lift.low, t), signed(lift.high, t))})` : '–'
}

export interface Check {
  ok: boolean
  words: string
}

export function checks(report: ReportView, t: Text): Check[] {
  const { readiness: r, srm, crossed, metrics } = report
  const sample = group(r.sample.control + r.sample.candidate)
  const planned = r.planned && group(r.planned.control + r.planned.candidate)
  const p = pFigure(srm.p_value)
  const exposed = group(srm.observed.control + srm.observed.candidate)
  return [
    { ok: r.days >= r.min_days, words: t.report.days(r.days, r.min_days) },
    {
      ok: r.planned_reached,
      words: planned ? t.report.planned(sample, planned) : t.report.unplanned(sample, r.sample_lacks === 'plan'),
    },
    { ok: !srm.mismatch, words: t.report.srm(exposed, p, srm.mismatch) },
    {
      ok: r.excluded_now === null,
      words: r.excluded_now === null ? t.report.noneExcluded : `${t.report.headline.excluded_now} ${r.excluded_now}`,
    },
    { ok: true, words: t.report.crossed(crossed) },
    ...metrics.flatMap(({ metric, observed }) => {
      const left = observed ? observed.immature.control + observed.immature.candidate : 0
      return observed ? [{ ok: left === 0, words: t.report.immature(metric, group(left), observed.days) }] : []
    }),
  ]
}
