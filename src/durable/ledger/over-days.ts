/** Rows of sums that differ in the day of first exposure alone, added up: a report over weeks then costs what one over a day does. */
import type { DaySums } from '../../core/experiment.ts'
import { mergedPairs } from '../../core/stats/moments.ts'
import type { ExperimentQuestion } from '../experiment-rpc.ts'

/** Those of metrics that observe for some days stay apart, since the report leaves out the days that are not over. */
export function overDays<R extends DaySums & { stratum?: string }>(
  rows: readonly R[],
  metrics: ExperimentQuestion['metrics'],
): R[] {
  const observed = new Set(metrics.filter(({ observeDays }) => observeDays !== undefined).map(({ name }) => name))
  const added = new Map<string, R>()
  for (const row of rows) {
    const { metric, arm, day, bucket, stratum = '', moments } = row
    const key = `${metric}|${arm}|${observed.has(metric) ? day : ''}|${bucket}|${stratum}`
    const known = added.get(key)
    added.set(key, known ? { ...known, moments: mergedPairs(known.moments, moments) } : row)
  }
  return [...added.values()]
}
