import { describe, expect, it } from 'vitest'
import type { Evidence, MetricPlan } from '../../src/core/experiment.ts'
import { buildReport } from '../../src/core/report/index.ts'
import { drawBinomial, seededRandom } from '../../src/core/stats/sampling.ts'
import {
  atTheEnd,
  COMPLAINTS,
  counts,
  DAY_MS,
  evidence,
  PLAN,
  PLAY,
  seconds,
  share,
  START,
} from './experiment-fixtures.ts'

function decided(of: Evidence, metrics: MetricPlan[] = [PLAY, COMPLAINTS], plan = PLAN) {
  const { decision, reasons } = buildReport(of, metrics, plan).decision
  return [decision, ...reasons.map(({ code }) => code)]
}

const complaints = (control: number, candidate: number) =>
  counts('complaints', share(control, 12_000), share(candidate, 12_000))
const play = (control: number, candidate: number) => counts('play', share(control, 12_000), share(candidate, 12_000))

describe('the decision', () => {
  it('is to advance when the primary is better, guardrails are no worse and the cost is within its limit', () => {
    expect(decided(atTheEnd())).toEqual(['advance', 'primary_better'])
  })

  it('is to continue before whole days and the planned sample, unless the effect shows early', () => {
    const day3 = START + 3 * DAY_MS
    expect(decided(evidence({ now: day3 }))).toEqual(['continue', 'days'])
    const small = [...counts('play', share(67, 100), share(73, 100))]
    expect(decided(evidence({ days: small }), [PLAY])).toEqual(['continue', 'sample'])
    const early = evidence({ days: play(8064, 8772) })
    expect(decided(early, [{ ...PLAY, mde: 0.001 }])).toEqual(['advance', 'primary_better'])
  })

  it('says of a sample what was planned and by what, and nothing of a plan that nobody asked for', () => {
    const messageOf = (days: Evidence['days'], metrics: MetricPlan[]) =>
      buildReport(evidence({ days }), metrics, PLAN).decision.reasons.map(({ code, message }) => `${code}: ${message}`)
    const play = counts('play', share(67, 100), share(73, 100))
    const both = [...play, ...counts('complaints', share(2, 100), share(2, 100))]
    expect(messageOf(play, [PLAY])).toEqual([
      expect.stringMatching(
        /^sample: 100 control and 100 candidate subjects of \d+ and \d+ planned for play \(mde 8 %\)$/,
      ),
    ])
    expect(messageOf(both, [PLAY, COMPLAINTS])[0]).toMatch(/ planned for play \(mde 8 %\), complaints \(margin 25 %\)$/)
    expect(messageOf(counts('play', share(0, 100), share(3, 100)), [PLAY])).toEqual([
      'sample: 100 control and 100 candidate subjects; how many play (mde 8 %) takes is not yet known',
    ])
    const watched: MetricPlan = { name: 'watched', kind: 'mean', role: 'primary', direction: 'increase' }
    expect(messageOf(counts('watched', seconds(60, 40), seconds(60, 40)), [watched])).toEqual([
      'sample: 40 control and 40 candidate subjects, too few of them with a value to test a mean',
    ])
    expect(messageOf(counts('watched', seconds(60, 1), seconds(60, 40)), [watched])).toEqual([
      'no_subjects: too few subjects have been exposed to both arms',
    ])
  })

  it('is to hold when better but dearer than allowed', () => {
    const gpuSeconds = { control: seconds(61), candidate: seconds(83) }
    expect(decided(atTheEnd({ gpuSeconds }))).toEqual(['hold', 'cost_exceeded', 'primary_better'])
  })

  it('calls a cost exceeded, or within its limit, only where all of its interval is', () => {
    const at = (candidate: number, n: number, m2 = 900) => {
      const of = (mean: number) => ({ ...seconds(mean, n), m2Y: n * m2 })
      return decided(atTheEnd({ gpuSeconds: { control: of(60), candidate: of(candidate) } }))
    }
    expect(at(75, 200)).toEqual(['hold', 'cost_unproven', 'primary_better'])
    expect(at(66, 200)).toEqual(['hold', 'cost_unproven', 'primary_better'])
    expect(at(75, 12_000)).toEqual(['hold', 'cost_exceeded', 'primary_better'])
    expect(at(66, 12_000)).toEqual(['advance', 'primary_better'])
    // Where each video takes the same seconds, from 50 subjects on.
    expect(at(66, 50, 0)).toEqual(['advance', 'primary_better'])
    expect(at(66, 49, 0)).toEqual(['hold', 'cost_unproven', 'primary_better'])
  })

  it('calls a cost at its limit exceeded in at most α of runs that are looked at every day', () => {
    const random = seededRandom(15)
    let wrong = 0
    for (let run = 0; run < 100; run++) {
      const sums = { control: 0, candidate: 0 }
      for (let day = 1; day <= 14; day++) {
        // A job takes 30 or 90 seconds on control, 20 % more on the candidate.
        sums.control += drawBinomial(100, 0.5, random)
        sums.candidate += drawBinomial(100, 0.5, random)
        const of = (x: number, times: number) => {
          const { n, meanY, ...rest } = share(x, 100 * day)
          return { ...rest, n, meanY: times * (30 + 60 * meanY), m2Y: rest.m2Y * (60 * times) ** 2 }
        }
        const gpuSeconds = { control: of(sums.control, 1), candidate: of(sums.candidate, 1.2) }
        if (decided(atTheEnd({ gpuSeconds }))[1] !== 'cost_unproven') {
          wrong++
          break
        }
      }
    }
    expect(wrong / 100).toBeLessThan(0.05)
  })

  it('is to hold when a guardrail metric is worse, or only not shown to be no worse', () => {
    const worse = atTheEnd({ days: [...play(8064, 8772), ...complaints(228, 400)] })
    expect(decided(worse)).toEqual(['hold', 'guardrail_worse', 'primary_better'])
    const open = atTheEnd({ days: [...play(8064, 8772), ...complaints(22, 24)] })
    expect(decided(open)).toEqual(['hold', 'guardrail_unproven', 'primary_better'])
  })

  it('takes no small arm for harmless that has missed the large values', () => {
    const cost: MetricPlan = { name: 'cost', kind: 'mean', role: 'guardrail', direction: 'decrease', margin: 0.05 }
    const arm = (n: number, mean: number, variance: number) => ({ ...seconds(mean, n), m2Y: variance * (n - 1) })
    const of = (n: number) => [...play(8064, 8772), ...counts('cost', arm(9900, 1, 9), arm(n, 0.6, 0.25))]
    const few = atTheEnd({ days: of(100) })
    expect(decided(few, [PLAY, cost])).toEqual(['hold', 'guardrail_unproven', 'primary_better'])
    const many = atTheEnd({ days: of(5000) })
    expect(decided(many, [PLAY, cost])).toEqual(['advance', 'primary_better'])
  })

  it('is to hold when no effect was shown at the end, however long one goes on looking', () => {
    const atEnd = atTheEnd({ days: [...play(8064, 8100), ...complaints(228, 219)] })
    expect(decided(atEnd)).toEqual(['hold', 'not_significant'])
    const later = { ...atEnd, now: START + 30 * DAY_MS, days: [...play(8064, 8280), ...complaints(228, 219)] }
    expect(decided(later)).toEqual(['hold', 'not_significant'])
  })

  it('lets a guardrail metric pass after the reading that did not show it, by data that came later', () => {
    const read = atTheEnd({ days: [...play(8064, 8772), ...complaints(22, 24)] })
    expect(decided(read)).toEqual(['hold', 'guardrail_unproven', 'primary_better'])
    const many = counts('complaints', share(22_000, 1_200_000), share(22_000, 1_200_000))
    const later = { ...read, days: [...play(8064, 8772), ...many] }
    expect(decided(later)).toEqual(['advance', 'primary_better'])
    const worse = counts('complaints', share(22_000, 1_200_000), share(33_000, 1_200_000))
    expect(decided({ ...atTheEnd(), days: [...play(8064, 8772), ...worse] })[1]).toBe('guardrail_worse')
  })

  it('is not taken on three subjects an arm, however they differ', () => {
    const days = counts('play', share(3, 3), share(0, 3))
    expect(decided(atTheEnd({ days }), [{ ...PLAY, mde: undefined }])).toEqual(['hold', 'not_significant'])
  })

  it('is to roll back when the primary is worse, also before the end', () => {
    expect(decided(atTheEnd({ days: play(8772, 8064) }), [PLAY])).toEqual(['rollback', 'primary_worse'])
    const early = evidence({ now: START + DAY_MS, days: play(8772, 8064) })
    expect(decided(early, [PLAY])).toEqual(['rollback', 'primary_worse'])
    const fewer = { ...PLAY, direction: 'decrease' as const }
    expect(decided(atTheEnd(), [fewer])).toEqual(['rollback', 'primary_worse'])
  })

  it('is to hold on a broken split, whatever the metrics say', () => {
    const splits = [{ epoch: 3, stage: 'canary-50', percent: 50, n: 24_000, candidate: 11_000, expected: 12_000 }]
    expect(decided(atTheEnd({ splits, days: play(8772, 8064) }))).toEqual(['hold', 'srm_mismatch'])
  })

  it('is not taken in an excluded time, nor without a primary metric', () => {
    const exclude = [{ fromMs: START + 6.5 * DAY_MS, toMs: START + 9 * DAY_MS, why: 'festival' }]
    const [decision, ...reasons] = decided(atTheEnd(), [PLAY], { ...PLAN, exclude })
    expect(decision).toBe('continue')
    expect(reasons).toContain('excluded_now')
    expect(decided(atTheEnd(), [COMPLAINTS])).toEqual(['continue', 'no_primary'])
  })

  it('calls a difference where there is none in at most α of runs that are looked at every day', () => {
    const random = seededRandom(20_261_124)
    const runs = 200
    let wrong = 0
    for (let run = 0; run < runs; run++) {
      let [control, candidate] = [0, 0]
      for (let day = 1; day <= 14; day++) {
        control += drawBinomial(800, 0.7, random)
        candidate += drawBinomial(800, 0.7, random)
        const days = counts('play', share(control, 800 * day), share(candidate, 800 * day))
        const at = { now: START + day * DAY_MS, days, splits: [] }
        const decision = decided(day === 14 ? atTheEnd(at) : evidence(at), [{ ...PLAY, mde: 0.02 }], {
          ...PLAN,
          minDays: day === 14 ? 14 : 1,
        })[0]
        if (decision === 'advance' || decision === 'rollback') {
          wrong++
          break
        }
      }
    }
    expect(wrong / runs).toBeLessThan(0.075)
    expect(wrong).toBeGreaterThan(0)
  })
})
