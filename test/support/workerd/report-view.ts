/** An A/B report with the product's own numbers, made by the real core from invented sums. */
import type { ReportView } from '../../../src/control/api-experiment.ts'
import { buildReport } from '../../../src/core/report.ts'
import { atTheEnd, COMPLAINTS, PLAN, PLAY, seconds } from '../../core/experiment-fixtures.ts'

/** Better, but too dear: the case that people have to read most carefully. */
export function aReport(release: string): ReportView {
  const given = atTheEnd({ release, gpuSeconds: { control: seconds(61), candidate: seconds(83) } })
  const report = buildReport(given, [PLAY, COMPLAINTS], PLAN)
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    ...report,
    at: new Date(report.at).toISOString(),
    since: iso(report.since),
    until: iso(report.until),
    readiness: { ...report.readiness, read_at: iso(report.readiness.read_at) },
    series: report.series.map(({ metric, points }) => ({
      metric,
      points: points.map((point) => ({
        ...point,
        day: new Date(point.day * 86_400_000).toISOString().slice(0, 10),
      })),
    })),
  }
}
