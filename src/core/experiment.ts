/** What an experiment is made of: its plan, and the sums over subjects that it is read from. Shapes only. */
import type { Arm } from './arm.ts'
import type { Moments, PairMoments } from './stats/moments.ts'
import type { Spread } from './stats/spread.ts'

/** What is known of each subject at its first exposure. */
export const TRAITS = ['region', 'prompt', 'duration', 'visitor'] as const
export type Trait = (typeof TRAITS)[number]

export const METRIC_KINDS = ['proportion', 'mean', 'ratio', 'quantile'] as const
export const METRIC_ROLES = ['primary', 'secondary', 'guardrail'] as const
export const DIRECTIONS = ['increase', 'decrease'] as const

export interface MetricPlan {
  name: string
  /** Of a subject: did it or not; its total; its total over how many values; a quantile of subjects' means. */
  kind: (typeof METRIC_KINDS)[number]
  role: (typeof METRIC_ROLES)[number]
  direction: (typeof DIRECTIONS)[number]
  /** Relative effect that the experiment is planned to see. */
  mde?: number | undefined
  /** Relative worsening that a guardrail metric may have. */
  margin?: number | undefined
  /** Of a quantile metric: which one is judged, strictly between 0 and 1. */
  quantile?: number | undefined
  /** Only so many UTC days after the day of a subject's first exposure count, and that day; absent: all. */
  observeDays?: number | undefined
}

export interface ExperimentPlan {
  minDays: number
  alpha: number
  power: number
  maxCostIncrease: number
  /** Difference of shadow pairs that is worth finding, relative to control's mean. */
  pairMde: number
  /** A trait of subjects. */
  strata?: Trait | undefined
  exclude: readonly { fromMs: number; toMs: number; why: string }[]
}

/**
 * `active`: subjects whose value is not 0, of a quantile those expected beyond it; `held`: the part of the mean of y that
 * extremes were cut down to. Absent in a reading that an older build has kept. `quantile` stands in
 * the place of moments.
 */
export type MetricSums = PairMoments & { active?: number; held?: number; quantile?: Quantile }

/** Which quantile, and the subjects' values that it is read from. */
export interface Quantile {
  q: number
  spread: Spread
}

export type ArmSums = Record<Arm, MetricSums>

/** Subjects of a metric and arm by day of first exposure (days since 1970, UTC) and by the bucket of their value. */
export interface DaySums {
  metric: string
  arm: Arm
  day: number
  /**
   * Of `bucketOf`: of a subject's value, or of its value per event for a ratio; 1 or 0 for a proportion. Of a quantile
   * that of `spreadBucketOf`, and of its moments `n` alone.
   */
  bucket: number
  moments: PairMoments
}

/** The same of the subjects of one stratum, such as a region. */
export type StratumSums = DaySums & { stratum: string }

/** Subjects of a quantile metric by the bucket of their value, of one arm and day of first exposure. */
export interface DaySpread {
  metric: string
  arm: Arm
  day: number
  /** Of `spreadBucketOf`, each once, and as many counts. */
  buckets: number[]
  counts: number[]
}

/** Sums per metric as they stood when the planned end was reached: what the fixed test reads, once. */
export interface FixedReading {
  atMs: number
  metrics: Record<string, ArmSums>
}

/** The test tried on control's own subjects, split against each other. */
export interface SelfCheck {
  metric: string
  /** Of control. */
  subjects: number
  splits: number
  /** Splits in which the test at the planned end, at four fifths of α, finds a difference. */
  false_alarms: number
  /** Share of splits in which that may happen. */
  expected: number
  /** Largest distance of the p-values' distribution from the even one, and its p-value (Kolmogorov, Smirnov). */
  ks_distance: number
  ks_p_value: number
  /** `too_many`: even the lower end of the 95 % interval of the false alarms is above what is expected and chance allows. */
  status: 'as_expected' | 'too_many'
}

export interface StoredSelfCheck {
  atMs: number
  metrics: SelfCheck[]
}

/** Subjects of one epoch, each in the epoch of its first exposure. `expected` of them should be the candidate's. */
export interface Split {
  epoch: number
  stage: string
  percent: number
  n: number
  candidate: number
  expected: number
}

export interface SignalEvidence {
  metric: string
  arm: Arm
  n: number
  mean: number
  m2: number
  last: number
}

/** One signal over shadow pairs: moments of candidate − control, means of the sides, and which side was higher how often. */
export interface PairSums extends Moments {
  metric: string
  control: number
  candidate: number
  /** Pairs where the candidate's value is. */
  higher: number
  lower: number
}

/** Everything that a report is made from. Metrics are those of the span: the epochs of the present split. */
export interface Evidence {
  release: string
  now: number
  stage: string
  /** The split of the span; null while there has been none. */
  percent: number | null
  sinceMs: number | null
  /** End of the span; null while it lasts. */
  untilMs: number | null
  splits: readonly Split[]
  /** Subjects that saw both arms within the span. */
  crossed: number
  days: readonly DaySums[]
  /** The same of subjects that have values from before their first exposure: `x` is what those come to. */
  before: readonly DaySums[]
  /** By the trait that the experiment is stratified by; empty without one. */
  strata: readonly StratumSums[]
  /** Seconds that a subject's jobs ran, over how many succeeded. */
  gpuSeconds: { control: PairMoments; candidate: PairMoments }
  costPerGpuSecond: { control: number | null; candidate: number | null }
  signals: readonly SignalEvidence[]
  pairs: readonly PairSums[]
  traits: readonly { trait: string; bucket: string; control: number; candidate: number }[]
  fixed: FixedReading | null
  /** Null where nobody has asked for it in this split. */
  selfCheck: StoredSelfCheck | null
}
