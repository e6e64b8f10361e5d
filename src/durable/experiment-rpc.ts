/** What ledgers are told and asked of an experiment: values of subjects, and sums over them. Shapes only. */
import type { DaySpread, DaySums, MetricPlan, StratumSums, Trait } from '../core/experiment.ts'

/** One value of a subject. `row` numbers it in the answer. */
export interface EventRow {
  row: number
  /** All names that the subject may have in this ledger. */
  owners: string[]
  metric: string
  value: number
  atMs: number | null
  id: string | null
}

/** Numbers of rows that were not counted. */
export interface RowsTaken {
  /** Their id was seen before. */
  repeated: number[]
  /** Their metric is one name too many. */
  refused: number[]
  /** They are about nobody who was exposed here: no report would ever count them. */
  unexposed?: number[]
}

/** Subjects by the epoch of their first exposure; `expected` of them should be the candidate's. */
export type SplitCount = { epoch: number; n: number; candidate: number; expected: number }

export interface ExperimentQuestion {
  epochs: number[]
  /** `observeDays`: so many days after the one of a subject's first exposure count, and that one; absent: all. */
  metrics: Pick<MetricPlan, 'name' | 'kind' | 'observeDays'>[]
  /** Sums are also kept by this trait. */
  strata?: Trait | undefined
  /** UTC days (days since 1970) that don't count, from and to, inclusive. */
  excluded: [number, number][]
  /** When the run began, unix ms: from then on each subject counts once in `splits`. */
  sinceMs: number
}

/** Control's subjects by parts, for the self-check: values beyond a bucket count as its edge. */
export interface PartsQuestion {
  metrics: (ExperimentQuestion['metrics'][number] & Record<'low' | 'high', { bucket: number; edge: number }>)[]
  /** UTC. */
  today: number
}

/** Sums over subjects; all of it may be added up over ledgers. `day` is that of a subject's first exposure. */
export interface ExperimentSums {
  splits: SplitCount[]
  /** Subjects that are not in the sums yet, after a change of what is counted: another call goes on with them. */
  uncounted: number
  /** Subjects that saw both arms and are left out. */
  crossed: number
  /** `y` is the sum of a subject's values (1 or 0 for a proportion), `x` how many there were. */
  metrics: DaySums[]
  /** Of quantile metrics, which are not in `metrics`. */
  spreads: DaySpread[]
  /** Of subjects with values from before their first exposure: `y` as above, `x` what those come to. */
  before: DaySums[]
  /** As `metrics`, by the trait that was asked for. */
  strata: StratumSums[]
  /** `y` is the seconds that a subject's jobs ran, `x` how many of them succeeded. */
  gpuSeconds: DaySums[]
  traits: { trait: string; bucket: string; control: number; candidate: number }[]
}
