/** What a subject counts with, and under which names that is kept: those of metrics, with what it is of them behind a blank. */
import type { MetricPlan } from '../../core/experiment.ts'
import { spreadBucketOf } from '../../core/stats/spread.ts'
import { bucketOf } from '../../core/stats/winsorise.ts'

/** No metric has a blank in its name. */
export const GPU_SECONDS = ' gpu_seconds'
export const BEFORE = ' before'
export const IN = ' in '
export const SPREAD = ' spread'

/** What a subject's values come to. `x`: how many there were; of GPU seconds, how many jobs succeeded. */
export interface Value {
  metric: string
  bucket: number
  y: number
  x: number
}

/** 1 or 0 of a proportion; the bucket of a ratio is that of its value for each event. Of a quantile the mean of the values. */
export function valueOf(metric: string, kind: MetricPlan['kind'], sum: number, x: number): Value {
  if (kind === 'quantile') return { metric: `${metric}${SPREAD}`, bucket: spreadBucketOf(sum / x), y: sum / x, x }
  const y = kind === 'proportion' ? Number(sum > 0) : sum
  return { metric, bucket: bucketOf(kind === 'ratio' && x > 0 ? y / x : y), y, x }
}

/** The same value beside what the subject's values from before its first exposure come to. */
export function withHistory(value: Value, before: number): Value {
  return { ...value, metric: `${value.metric}${BEFORE}`, x: before }
}

/** The same value once more, under the subject's stratum. */
export function inStratum(value: Value, stratum: string): Value {
  return { ...value, metric: `${value.metric}${IN}${stratum}` }
}

export function gpuSeconds(seconds: number, succeeded: number): Value {
  return { metric: GPU_SECONDS, bucket: bucketOf(seconds), y: seconds, x: succeeded }
}
