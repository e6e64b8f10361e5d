/** Post-stratified lifts: of a known example, narrower where strata differ, and withheld where they can't be told. */
import { describe, expect, it } from 'vitest'
import type { MetricPlan, StratumSums } from '../../../src/core/experiment.ts'
import { strataReport } from '../../../src/core/report/strata.ts'
import { mergedPairs, noPairs } from '../../../src/core/stats/moments.ts'
import { drawBinomial, seededRandom } from '../../../src/core/stats/sampling.ts'
import { PLAY, share } from '../experiment-fixtures.ts'

/** Shares of who played, by stratum: control's x of n, candidate's x of n. */
function evidenceOf(counts: Record<string, [[number, number], [number, number]]>) {
  const strata: StratumSums[] = Object.entries(counts).flatMap(([stratum, arms]) =>
    (['control', 'candidate'] as const).flatMap((arm, i) => {
      const [x, n] = arms[i]!
      const row = { metric: 'play', arm, day: 0, stratum }
      return [
        { ...row, bucket: 1, moments: share(x, x) },
        { ...row, bucket: 0, moments: { ...noPairs(), n: n - x } },
      ].filter(({ moments }) => moments.n > 0)
    }),
  )
  const days = [...Map.groupBy(strata, ({ arm, bucket }) => `${arm}|${bucket}`).values()].map((its) => ({
    ...its[0]!,
    moments: its.reduce((sum, { moments }) => mergedPairs(sum, moments), noPairs()),
  }))
  return { now: 0, days, strata }
}

describe('a post-stratified lift', () => {
  it('weighs each stratum by all of its subjects', () => {
    // By chance the candidate got more of those who play anyway: raw 55.0 % against 62.5 %, in each stratum the same.
    const evidence = evidenceOf({
      CN: [
        [900, 1000],
        [1350, 1500],
      ],
      DE: [
        [200, 1000],
        [100, 500],
      ],
    })
    const report = strataReport(evidence, PLAY)!
    expect(report.strata).toBe(2)
    expect(report.absolute.lift).toBeCloseTo(0, 12)
    expect(report.relative!.lift).toBeCloseTo(0, 12)
    expect(report.p_value).toBe(1)
    // w = 2,500 and 1,500 of 4,000; own variances by n − 1; pooled by arm sizes of 2,000 each they are the same.
    const variance = (w: number, p: number, n: number) => (w * w * p * (1 - p)) / (n - 1)
    const own =
      variance(0.625, 0.9, 1000) + variance(0.625, 0.9, 1500) + variance(0.375, 0.2, 1000) + variance(0.375, 0.2, 500)
    expect(report.absolute.high).toBeCloseTo(1.959963984540054 * Math.sqrt(own), 9)
  })

  it('misses the effect as seldom as it says, and is narrower than the raw one', () => {
    const random = seededRandom(9)
    let [missed, narrower] = [0, 0]
    for (let run = 0; run < 1000; run++) {
      const n = () => drawBinomial(1000, 0.5, random)
      const arm = (rates: [number, number]): [[number, number], [number, number]] => {
        const [a, b] = [n(), n()]
        return [
          [drawBinomial(a, rates[0], random), a],
          [drawBinomial(b, rates[1], random), b],
        ]
      }
      const [cn, de] = [arm([0.8, 0.85]), arm([0.2, 0.25])]
      const { absolute } = strataReport(evidenceOf({ CN: cn, DE: de }), PLAY)!
      if (absolute.low > 0.05 || absolute.high < 0.05) missed++
      const raw = 2 * 1.96 * Math.sqrt((2 * 0.25) / 1000)
      if (absolute.high - absolute.low < raw) narrower++
    }
    expect(missed).toBeGreaterThan(30)
    expect(missed).toBeLessThan(72)
    expect(narrower).toBeGreaterThan(950)
  })

  it('takes small strata together, and is withheld of one, of ratios and where nobody asked', () => {
    const large: [[number, number], [number, number]] = [
      [500, 1000],
      [550, 1000],
    ]
    const few: [[number, number], [number, number]] = [
      [15, 30],
      [14, 30],
    ]
    expect(strataReport(evidenceOf({ CN: large, DE: few, FR: few }), PLAY)!.strata).toBe(2)
    expect(strataReport(evidenceOf({ CN: large, DE: large, FR: few }), PLAY)!.strata).toBe(2)
    expect(strataReport(evidenceOf({ CN: large, DE: few }), PLAY)).toBeNull()
    const evidence = evidenceOf({ CN: large, DE: large })
    expect(strataReport(evidence, { ...PLAY, kind: 'ratio' } satisfies MetricPlan)).toBeNull()
    expect(strataReport({ ...evidence, strata: [] }, PLAY)).toBeNull()
  })
})
