/** What the experiment takes and answers: rows of signals and events, and what became of a batch. No behaviour here. */
import * as v from 'valibot'
import { instantText } from '../config/fields.ts'
import { fault } from '../config/issue-words.ts'
import { ARMS } from '../core/arm.ts'
import { DECISIONS, REASON_CODES } from '../core/decision.ts'
import { COST_STATUSES } from '../core/report/cost.ts'
import { SAMPLE_LACKS } from '../core/report/readiness.ts'
import { detailSchema, isoTime, numbers } from './index.ts'
import { interval, lift, metricReportSchema, pairReportSchema, perArm, selfCheckSchema } from './report-parts.ts'

export { type MetricView, type PairsView, scoreSchema, type ScoreView } from './report-parts.ts'

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

const decisionSchema = v.object({
  decision: v.picklist(DECISIONS),
  reasons: v.array(
    v.object({
      code: v.picklist(REASON_CODES),
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
    /** Whole days since the split began, less those that fall into an excluded time. */
    days: v.number(),
    min_days: v.number(),
    /** Until the fixed tests may be read, as far as days go: enough of them, and whole weeks. Null after the split's end. */
    days_left: v.nullable(v.number()),
    /**
     * Subjects of the metric that has fewest: one that observes them for some days leaves the latest out, a quantile who
     * has no value. Without a primary metric all that saw one arm.
     */
    sample: perArm,
    /** By the primaries' mde, guardrail metrics' margins and control's figures; null without an mde or figures yet. */
    planned: v.nullable(perArm),
    planned_reached: v.boolean(),
    /**
     * Why it is not: how many subjects the mde takes is not yet known, there are too few or no primary metric counts them, or
     * too few of them have a value of a mean, ratio or quantile.
     */
    sample_lacks: v.nullable(v.picklist(SAMPLE_LACKS)),
    /** Why now is an excluded time; null where it isn't. */
    excluded_now: v.nullable(v.string()),
    /** When the planned end was reached and the fixed tests were read, once and for all. */
    read_at: v.nullable(isoTime),
    /** Days and sample are there, and it is the day after whole weeks: the fixed tests may be read. */
    due: v.boolean(),
  }),
  srm: v.object({
    /** Over all epochs; may be read at any time. */
    p_value: v.number(),
    /** Pearson's, added up over epochs: a description, not the test. */
    chi2: v.number(),
    mismatch: v.boolean(),
    expected: perArm,
    observed: perArm,
    epochs: v.array(
      v.object({
        epoch: v.number(),
        stage: v.string(),
        ...numbers('percent', 'control', 'candidate', 'expected_candidate', 'p_value'),
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
  /** Per successful job, null without a price or a successful job; a job counts as one GPU. */
  cost: v.object({
    control: v.nullable(v.number()),
    candidate: v.nullable(v.number()),
    relative: lift,
    /** May be read at any time; the status goes by it. Null below 50 subjects an arm. */
    always_valid: v.nullable(v.object(interval)),
    /** Relative increase that is still accepted. */
    limit: v.number(),
    status: v.picklist(COST_STATUSES),
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
  self_check: v.nullable(selfCheckSchema),
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
