/** The planned sample of a mean: enough for the power that was asked for, and not much more, whatever an effect does to the spread. */
import { expect, it } from 'vitest'
import type { MetricPlan } from '../../../src/core/experiment.ts'
import { readiness } from '../../../src/core/report/readiness.ts'
import { normalSf } from '../../../src/core/stats/distributions.ts'
import { upperNormalQuantile } from '../../../src/core/stats/power.ts'
import { PLAN } from '../experiment-fixtures.ts'

const MDE = 0.1
const SPEND: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase', mde: MDE }
const [N, MEAN, VARIANCE] = [100_000, 2, 2]
const known = { n: N, meanY: MEAN, m2Y: VARIANCE * (N - 1), meanX: 1, m2X: 0, cxy: 0 }

it.each([50, 20, 5, 1])('has the planned power within two points, with the candidate at %s percent', (percent) => {
  const gpuSeconds = { control: known, candidate: known }
  const evidence = { now: 0, sinceMs: 0, untilMs: null, fixed: null, percent, gpuSeconds }
  const { planned } = readiness(evidence, [SPEND], PLAN, () => ({ control: known, candidate: known }))
  // The variance of counts grows as their mean does, that of values which all become larger as its square.
  for (const growth of [1 + MDE, (1 + MDE) ** 2]) {
    const se = Math.sqrt(VARIANCE / planned!.control + (growth * VARIANCE) / planned!.candidate)
    const power = normalSf(upperNormalQuantile((PLAN.alpha * 0.8) / 2) - (MDE * MEAN) / se)
    expect(Math.abs(power - PLAN.power), `${growth}`).toBeLessThan(0.02)
  }
})
