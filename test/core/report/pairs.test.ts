/** Shadow pairs: tests of known figures, an outcome that chance does not give, and how many pairs it takes. */
import { describe, expect, it } from 'vitest'
import type { PairSums } from '../../../src/core/experiment.ts'
import { pairReports } from '../../../src/core/report/pairs.ts'
import { withValue } from '../../../src/core/stats/moments.ts'
import { pairedT, signTest } from '../../../src/core/stats/pairs.ts'
import { drawNormal, seededRandom } from '../../../src/core/stats/sampling.ts'
import { evidence, PLAN } from '../experiment-fixtures.ts'
import { buildReport } from '../../../src/core/report/index.ts'

function pairsOf(metric: string, values: readonly (readonly [number, number])[]): PairSums {
  let sums: PairSums = { metric, n: 0, mean: 0, m2: 0, control: 0, candidate: 0, higher: 0, lower: 0 }
  for (const [control, candidate] of values)
    sums = {
      ...sums,
      ...withValue(sums, candidate - control),
      control: sums.control + (control - sums.control) / (sums.n + 1),
      candidate: sums.candidate + (candidate - sums.candidate) / (sums.n + 1),
      higher: sums.higher + Number(candidate > control),
      lower: sums.lower + Number(candidate < control),
    }
  return sums
}

/** Prompts differ by far more than the arms do. */
function drawn(n: number, effect: number, seed: number): [number, number][] {
  const random = seededRandom(seed)
  return Array.from({ length: n }, () => {
    const prompt = 0.8 + 0.1 * drawNormal(random)
    return [prompt + 0.02 * drawNormal(random), prompt + effect + 0.02 * drawNormal(random)]
  })
}

describe('the tests of pairs', () => {
  it('are Student’s and the sign test of R’s sleep data', () => {
    // R: t.test(extra ~ group, data = sleep, paired = TRUE) and binom.test(9, 9); ten pairs, one of them equal.
    const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2]
    const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    const sleep = pairsOf(
      'sleep',
      first.map((value, i) => [value, second[i]!]),
    )
    const { t, p_value } = pairedT(sleep)
    expect(t).toBeCloseTo(4.062127683382037, 10)
    expect(p_value).toBeCloseTo(0.00283289019738427, 12)
    expect(signTest(sleep.higher, sleep.lower)).toBeCloseTo(0.00390625, 12)
    const [report] = pairReports([sleep], PLAN)
    expect(report?.difference?.lift).toBeCloseTo(1.58, 12)
    expect(report?.difference?.low).toBeCloseTo(0.7001142, 6)
    expect(report?.difference?.high).toBeCloseTo(2.4598858, 6)
    expect(report?.sign_test).toMatchObject({ candidate_higher: 9, control_higher: 0, equal: 1 })
    expect(report?.always_valid).toBeNull()
    expect(report?.outcome).toBe('open')
  })
})

describe('a report of pairs', () => {
  it('shows a difference that two separate samples of the same videos would not', () => {
    const [report] = pairReports([pairsOf('ssim', drawn(100, -0.02, 1))], PLAN)
    expect(report).toMatchObject({ n: 100, better: 'more', outcome: 'worse', needed: 0 })
    expect(report!.always_valid!.high).toBeLessThan(0)
    expect(report!.always_valid!.low).toBeLessThan(report!.difference!.low)
    // Of separate samples the standard error is 0.1 · √2 / 10, as large as two thirds of the difference.
    expect(report!.difference!.high - report!.difference!.low).toBeLessThan(0.02)
  })

  it('knows which way a signal is better', () => {
    const rise = pairsOf('psnr', drawn(200, 0.05, 2))
    expect(pairReports([rise, { ...rise, metric: 'lpips' }], PLAN).map(({ outcome }) => outcome)).toEqual([
      'better',
      'worse',
    ])
  })

  it('plans as many pairs as show a difference of the mde as often as asked for', () => {
    const [pilot] = pairReports([pairsOf('own', drawn(2000, 0, 3))], { ...PLAN, pairMde: 0.01 })
    const planned = pilot!.planned!
    expect(planned).toBeGreaterThan(100)
    let shown = 0
    for (let run = 0; run < 400; run++) {
      const [report] = pairReports([pairsOf('own', drawn(planned, 0.008, 100 + run))], PLAN)
      shown += report!.outcome === 'worse' ? 1 : 0
    }
    expect(shown / 400).toBeGreaterThan(0.72)
    expect(shown / 400).toBeLessThan(0.88)
  })

  it('says how many are still needed while it is open, and that arms are alike once they are', () => {
    const plan = { ...PLAN, pairMde: 0.01 }
    const [early] = pairReports([pairsOf('own', drawn(40, 0, 4))], plan)
    expect(early?.outcome).toBe('open')
    expect(early?.needed).toBe(early!.planned! - 40)
    const [late] = pairReports([pairsOf('own', drawn(2000, 0, 5))], plan)
    expect(late).toMatchObject({ outcome: 'alike', needed: 0 })
    const [same] = pairReports(
      [
        pairsOf(
          'own',
          Array.from({ length: 20 }, () => [0.1, 0.3]),
        ),
      ],
      plan,
    )
    expect(same).toMatchObject({ outcome: 'worse', t_test: null })
  })

  it('leaves out what no number can hold, and stands in the report', () => {
    const good = pairsOf('ssim', drawn(30, 0, 6))
    const poisoned = { ...good, metric: 'poison', m2: Infinity }
    const { pairs } = buildReport(evidence({ pairs: [poisoned, good] }), [], PLAN)
    expect(pairs.map(({ metric }) => metric)).toEqual(['ssim'])
  })
})
