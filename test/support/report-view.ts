/** An A/B report with the product's own numbers, made by the real core from invented sums. */
import type { ReportView } from '../../src/api/experiment.ts'
import type { Evidence } from '../../src/core/experiment.ts'
import { buildReport } from '../../src/core/report/index.ts'
import { atTheEnd, COMPLAINTS, counts, DAY_MS, PLAN, PLAY, seconds, share, START } from '../core/experiment-fixtures.ts'

/** Better, but too dear: the case that people have to read most carefully. */
export function aReport(release: string, over: Partial<Evidence> = {}): ReportView {
  const days = [1, 0, 3, 1, 2, 4, 1].flatMap((luck, day) => [
    ...counts('play', share(1152, 1714), share(1250 + luck, 1714), day),
    ...counts('complaints', share(32, 1714), share(31, 1714), day),
  ])
  const given = atTheEnd({
    release,
    days,
    gpuSeconds: { control: seconds(61), candidate: seconds(83) },
    signals: [
      { metric: 'fvd', arm: 'control', n: 212, mean: 212, m2: 900, last: 210 },
      { metric: 'fvd', arm: 'candidate', n: 212, mean: 180, m2: 800, last: 181 },
    ],
    pairs: [{ metric: 'ssim', n: 120, mean: -0.012, m2: 0.06, control: 0.91, candidate: 0.898, higher: 40, lower: 80 }],
    selfCheck: {
      atMs: START + DAY_MS,
      metrics: [
        {
          ...{ metric: 'play', subjects: 12_000, splits: 1000, false_alarms: 38, expected: 0.04 },
          ...{ ks_distance: 0.021, ks_p_value: 0.77, status: 'as_expected' },
        },
      ],
    },
    traits: [
      { trait: 'region', bucket: 'CN', control: 7320, candidate: 7440 },
      { trait: 'region', bucket: 'DE', control: 4680, candidate: 4560 },
      { trait: 'prompt', bucket: 'short', control: 5280, candidate: 5400 },
      { trait: 'prompt', bucket: 'long', control: 6720, candidate: 6600 },
      { trait: 'visitor', bucket: 'unknown', control: 12_000, candidate: 12_000 },
    ],
  })
  const report = buildReport({ ...given, ...over }, [PLAY, COMPLAINTS], PLAN)
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    ...report,
    at: new Date(report.at).toISOString(),
    since: iso(report.since),
    until: iso(report.until),
    self_check: report.self_check && { ...report.self_check, at: iso(report.self_check.at)! },
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
