/** What the A/B report is made of, part by part: a metric, shadow pairs, the self-check. No behaviour here. */
import * as v from 'valibot'
import { DIRECTIONS, METRIC_KINDS, METRIC_ROLES } from '../core/experiment.ts'
import { MARGIN_STATUSES } from '../core/report/metric.ts'
import { PAIR_OUTCOMES } from '../core/report/pairs.ts'
import { isoTime, numbers } from './release.ts'

export const interval = { low: v.number(), high: v.number() }
export const lift = v.nullable(v.object({ lift: v.number(), ...interval }))
/** Each arm with its own 95 % interval: whether two of them overlap says nothing of the difference. */
const armEstimate = v.object({
  n: v.number(),
  estimate: v.nullable(v.number()),
  interval: v.nullable(v.object(interval)),
})
const quantileEstimate = v.object({ estimate: v.number(), interval: v.nullable(v.object(interval)) })
export const perArm = v.object({ control: v.number(), candidate: v.number() })

export const metricReportSchema = v.object({
  metric: v.string(),
  kind: v.picklist(METRIC_KINDS),
  role: v.picklist(METRIC_ROLES),
  direction: v.picklist(DIRECTIONS),
  /** Of a quantile metric: which one is judged. `n` of its arms are subjects that have a value. */
  quantile: v.nullable(v.number()),
  control: armEstimate,
  candidate: armEstimate,
  /** Candidate − control, and candidate/control − 1, with 95 % intervals; the latter is null at a control of 0. */
  absolute: lift,
  relative: lift,
  /** `final`: read once, from the data of the planned end; before that a preview that decides nothing. */
  test: v.nullable(
    v.object({
      name: v.picklist(['two_proportion_z', 'fisher_exact', 'welch_t', 'ratio_delta_z', 'common_quantile_z']),
      statistic: v.nullable(v.number()),
      df: v.nullable(v.number()),
      p_value: v.number(),
      p_adjusted: v.nullable(v.number()),
      final: v.boolean(),
    }),
  ),
  /** May be read at any time; null below 50 events an arm. */
  always_valid: v.nullable(
    v.object({
      p_value: v.number(),
      p_adjusted: v.nullable(v.number()),
      absolute: v.object(interval),
      relative: v.nullable(v.object(interval)),
    }),
  ),
  /** Of guardrail metrics: whether the candidate is worse by less than the margin. */
  non_inferiority: v.nullable(
    v.object({
      margin: v.number(),
      method: v.picklist(['fixed', 'sequential']),
      p_value: v.nullable(v.number()),
      status: v.picklist(MARGIN_STATUSES),
    }),
  ),
  mde: v.nullable(v.number()),
  /** How many days of a subject count; `immature` subjects are left out until they were observed for so many. */
  observed: v.nullable(v.object({ days: v.number(), immature: perArm })),
  /**
   * The lift less what subjects' values of the 28 days before their first exposure explain (CUPED). It decides nothing.
   * Null where nobody has any, and of ratios and quantiles.
   */
  history: v.nullable(
    v.object({
      /** That have values from before. */
      subjects: perArm,
      /** Of a difference between the arms before anybody was exposed; below 0.001 nothing is adjusted. */
      balance_p_value: v.number(),
      theta: v.number(),
      /** Share of the variance that is gone, in [0, 1]: so many fewer subjects are needed. */
      variance_reduction: v.number(),
      /** Null below 50 subjects, or where the arms differ. */
      absolute: lift,
      relative: lift,
      /** One look. */
      p_value: v.nullable(v.number()),
    }),
  ),
  /**
   * With the mix of all subjects in both arms, by `experiment.strata`, where those with fewer than 50 subjects in an arm
   * are one together. It decides nothing; null without, and of ratios and quantiles.
   */
  stratified: v.nullable(v.object({ strata: v.number(), absolute: lift, relative: lift, p_value: v.number() })),
  /** Of a quantile metric the usual ones beside the one that is judged, with 95 % intervals. They decide nothing. */
  quantiles: v.array(
    v.object({
      quantile: v.number(),
      control: quantileEstimate,
      candidate: quantileEstimate,
      absolute: lift,
      relative: lift,
    }),
  ),
  /** Larger values of a subject count as this one, in both arms; null where none was cut. */
  cut_at: v.nullable(v.number()),
})
export type MetricView = v.InferOutput<typeof metricReportSchema>

/** One metric of both videos of a shadow pair. */
export const scoreSchema = v.object({
  /** The client's id of the control job. */
  job_id: v.string(),
  metric: v.string(),
  epoch: v.number(),
  control: v.number(),
  candidate: v.number(),
  at: isoTime,
})
export type ScoreView = v.InferOutput<typeof scoreSchema>

/** A signal over shadow pairs: candidate − control of the same prompt. It decides nothing. */
export const pairReportSchema = v.object({
  metric: v.string(),
  n: v.number(),
  /** Means over the pairs. */
  control: v.number(),
  candidate: v.number(),
  better: v.picklist(['more', 'less']),
  /** Mean of candidate − control with its 95 % interval by Student's t; null below two pairs. */
  difference: lift,
  /** One look each. */
  t_test: v.nullable(v.object({ statistic: v.number(), df: v.number(), p_value: v.number() })),
  sign_test: v.object(numbers('candidate_higher', 'control_higher', 'equal', 'p_value')),
  /** May be read after every pair; null below 20. The outcome goes by it. */
  always_valid: v.nullable(v.object({ ...interval, p_value: v.number() })),
  outcome: v.picklist(PAIR_OUTCOMES),
  /** Relative to the size of control's mean. */
  mde: v.number(),
  /** Pairs that show a difference of the mde, by the spread seen; null while nobody knows, or at a control of 0. */
  planned: v.nullable(v.number()),
  /** More than there are now; null where nobody can tell, or it is open with all that were planned. */
  needed: v.nullable(v.number()),
})
export type PairsView = v.InferOutput<typeof pairReportSchema>

export const selfCheckSchema = v.object({
  at: isoTime,
  metrics: v.array(
    v.object({
      metric: v.string(),
      /** Of control. */
      subjects: v.number(),
      splits: v.number(),
      false_alarms: v.number(),
      /** Share of splits in which that may happen. */
      expected: v.number(),
      ks_distance: v.number(),
      ks_p_value: v.number(),
      status: v.picklist(['as_expected', 'too_many']),
    }),
  ),
})
