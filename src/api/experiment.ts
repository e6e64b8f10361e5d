/** What the experiment takes and answers: rows of signals and events, and what became of a batch. No behaviour here. */
import * as v from 'valibot'
import { instantText } from '../config/fields.ts'
import { fault } from '../config/issue-words.ts'
import { ARMS } from '../core/arm.ts'
import { detailSchema } from './index.ts'

const isoTime = v.pipe(v.string(), v.isoTimestamp())
const arm = v.picklist(ARMS)

/** Of one value, in size. */
const MAX_VALUE = 1e12

const metricName = v.pipe(
  v.string(),
  v.regex(/^[^\s/|]{1,100}$/u, fault('not_metric_name', 'a name of 1 to 100 characters without blanks')),
)
const rowId = v.pipe(v.string(), v.minLength(1), v.maxLength(200))
const common = {
  release: v.string(),
  metric: metricName,
  /** Bounded, so that no row can make the sums and squares of its metric unreadable. */
  value: v.pipe(v.number(), v.finite(), v.minValue(-MAX_VALUE), v.maxValue(MAX_VALUE)),
  at: v.optional(instantText),
  /** A row whose id was seen before is not counted again. */
  id: v.optional(rowId),
}

/** One measurement of an arm: quality, resources, cost. With `job_id` it counts in that job's epoch. */
export const signalSchema = v.strictObject({ ...common, arm, job_id: v.optional(v.string()) })
export type Signal = v.InferOutput<typeof signalSchema>

/** Something that a subject did; `subject` is its plain id, as the data plane reads it. */
export const eventSchema = v.pipe(
  v.strictObject({
    ...common,
    subject: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(500))),
    job_id: v.optional(v.string()),
  }),
  v.check(
    (row) => (row.subject === undefined) !== (row.job_id === undefined),
    fault('subject_or_job_id', 'give either subject or job_id'),
  ),
)
export type Event = v.InferOutput<typeof eventSchema>

export const MAX_BATCH_ROWS = 1000

/** `details` names each bad row by its number, from 0. */
export const batchAnswerSchema = v.object({
  accepted: v.number(),
  repeated: v.number(),
  details: v.array(detailSchema),
})
export type BatchAnswer = v.InferOutput<typeof batchAnswerSchema>

const interval = { low: v.number(), high: v.number() }
const lift = v.nullable(v.object({ lift: v.number(), ...interval }))
/** Each arm with its own 95 % interval: whether two of them overlap says nothing of the difference. */
const armEstimate = v.object({
  n: v.number(),
  estimate: v.nullable(v.number()),
  interval: v.nullable(v.object(interval)),
})
const perArm = v.object({ control: v.number(), candidate: v.number() })
const role = v.picklist(['primary', 'secondary', 'guardrail'])

export const metricReportSchema = v.object({
  metric: v.string(),
  kind: v.picklist(['proportion', 'mean', 'ratio']),
  role,
  direction: v.picklist(['increase', 'decrease']),
  control: armEstimate,
  candidate: armEstimate,
  /** Candidate − control, and candidate/control − 1, with 95 % intervals. */
  absolute: lift,
  relative: lift,
  /** `final`: read once, from the data of the planned end; before that a preview that decides nothing. */
  test: v.nullable(
    v.object({
      name: v.picklist(['two_proportion_z', 'fisher_exact', 'welch_t', 'ratio_delta_z']),
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
  non_inferiority: v.nullable(
    v.object({
      margin: v.number(),
      method: v.picklist(['fixed', 'sequential']),
      p_value: v.nullable(v.number()),
      status: v.picklist(['non_inferior', 'not_shown', 'worse']),
    }),
  ),
  mde: v.nullable(v.number()),
  /** How many days of a subject count; `immature` subjects are left out until they were observed for so many. */
  observed: v.nullable(v.object({ days: v.number(), immature: perArm })),
  /**
   * The lift less what subjects' values of the 28 days before their first exposure explain (CUPED). It decides nothing.
   * Null where nobody has any, and of ratios.
   */
  history: v.nullable(
    v.object({
      subjects: perArm,
      /** Of a difference between the arms before anybody was exposed; below 0.001 nothing is adjusted. */
      balance_p_value: v.number(),
      theta: v.number(),
      variance_reduction: v.number(),
      absolute: lift,
      relative: lift,
      p_value: v.nullable(v.number()),
    }),
  ),
  /** With the mix of all subjects in both arms, by `experiment.strata`. It decides nothing; null without, and of ratios. */
  stratified: v.nullable(v.object({ strata: v.number(), absolute: lift, relative: lift, p_value: v.number() })),
  /** Larger values of a subject count as this one, in both arms; null where none was cut. */
  cut_at: v.nullable(v.number()),
})
export type MetricView = v.InferOutput<typeof metricReportSchema>

export const decisionSchema = v.object({
  decision: v.picklist(['continue', 'advance', 'hold', 'rollback']),
  reasons: v.array(
    v.object({
      code: v.picklist([
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
      ]),
      message: v.string(),
      metric: v.nullable(v.string()),
      /** What would change the decision, if the figures stay as they are; null where more data would not. */
      needed: v.nullable(
        v.object({
          /** More than there are now. */
          subjects: v.nullable(perArm),
          /** That succeed. */
          jobs: v.nullable(perArm),
          /** For subjects and jobs: at the rate so far. */
          days: v.nullable(v.number()),
        }),
      ),
    }),
  ),
})

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
const pairReportSchema = v.object({
  metric: v.string(),
  n: v.number(),
  control: v.number(),
  candidate: v.number(),
  better: v.picklist(['more', 'less']),
  /** With its 95 % interval. */
  difference: lift,
  /** One look each. */
  t_test: v.nullable(v.object({ statistic: v.number(), df: v.number(), p_value: v.number() })),
  sign_test: v.object({
    candidate_higher: v.number(),
    control_higher: v.number(),
    equal: v.number(),
    p_value: v.number(),
  }),
  /** May be read after every pair; null below 20. The outcome goes by it. */
  always_valid: v.nullable(v.object({ ...interval, p_value: v.number() })),
  /** `alike`: shown to differ by less than the mde. */
  outcome: v.picklist(['better', 'worse', 'alike', 'open']),
  /** Relative to the size of control's mean. */
  mde: v.number(),
  planned: v.nullable(v.number()),
  /** More than there are now; null where nobody can tell. */
  needed: v.nullable(v.number()),
})
export type PairsView = v.InferOutput<typeof pairReportSchema>

export const reportSchema = v.object({
  release: v.string(),
  stage: v.string(),
  /** Of the split that is read; null while there has been none with both arms. */
  percent: v.nullable(v.number()),
  at: isoTime,
  since: v.nullable(isoTime),
  until: v.nullable(isoTime),
  decision: decisionSchema,
  /** False where the split is not what was dealt: no figure may be believed. */
  valid: v.boolean(),
  readiness: v.object({
    days: v.number(),
    min_days: v.number(),
    /** Until the fixed tests may be read, as far as days go; null after the split's end. */
    days_left: v.nullable(v.number()),
    sample: perArm,
    planned: v.nullable(perArm),
    planned_reached: v.boolean(),
    excluded_now: v.nullable(v.string()),
    read_at: v.nullable(isoTime),
    due: v.boolean(),
  }),
  srm: v.object({
    p_value: v.number(),
    chi2: v.number(),
    mismatch: v.boolean(),
    expected: perArm,
    observed: perArm,
    epochs: v.array(
      v.object({
        epoch: v.number(),
        stage: v.string(),
        percent: v.number(),
        control: v.number(),
        candidate: v.number(),
        expected_candidate: v.number(),
        p_value: v.number(),
      }),
    ),
  }),
  /** Subjects that saw both arms: left out. */
  crossed: v.number(),
  metrics: v.array(metricReportSchema),
  /** Lift of each primary metric by UTC day of first exposure, with a band that may be read at any time. */
  series: v.array(
    v.object({
      metric: v.string(),
      points: v.array(v.object({ day: v.pipe(v.string(), v.isoDate()), n: v.number(), lift: v.number(), ...interval })),
    }),
  ),
  /** Per successful job. */
  cost: v.object({
    control: v.nullable(v.number()),
    candidate: v.nullable(v.number()),
    relative: lift,
    /** May be read at any time; the status goes by it. Null below 50 subjects an arm. */
    always_valid: v.nullable(v.object(interval)),
    limit: v.number(),
    /** `cost_exceeded`: all of `always_valid` is above the limit; `within`: none of it is. */
    status: v.picklist(['within', 'cost_exceeded', 'unproven', 'not_measured']),
  }),
  signals: v.array(
    v.object({
      metric: v.string(),
      arm,
      n: v.number(),
      mean: v.number(),
      sd: v.nullable(v.number()),
      last: v.number(),
    }),
  ),
  /** Signals of which both videos of a shadow pair were measured. */
  pairs: v.array(pairReportSchema),
  /** The tests tried on control's own subjects, split against each other; null where nobody has asked for it in this split. */
  self_check: v.nullable(
    v.object({
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
    }),
  ),
  /** Shares of all traffic and of the candidate's, in [0, 1]. */
  representativeness: v.array(
    v.object({
      trait: v.string(),
      p_value: v.number(),
      status: v.picklist(['alike', 'differs', 'unknown']),
      buckets: v.array(v.object({ bucket: v.string(), all: v.number(), candidate: v.number() })),
    }),
  ),
})
export type ReportView = v.InferOutput<typeof reportSchema>
