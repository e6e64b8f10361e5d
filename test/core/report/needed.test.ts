import { describe, expect, it } from 'vitest'
import type { Evidence, MetricPlan } from '../../../src/core/experiment.ts'
import { buildReport } from '../../../src/core/report/index.ts'
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
} from '../experiment-fixtures.ts'

function reasonsOf(given: Evidence, metrics: MetricPlan[], plan = PLAN) {
  const { decision, reasons } = buildReport(given, metrics, plan).decision
  return { decision, of: Object.fromEntries(reasons.map(({ code, needed }) => [code, needed])) }
}

const NOTHING = { subjects: null, jobs: null, days: null }
const play = (control: number, candidate: number, n = 12_000) =>
  counts('play', share(control * n, n), share(candidate * n, n))
const complaints = (control: number, candidate: number, n: number) =>
  counts('complaints', share(control * n, n), share(candidate * n, n))

describe('what would change a decision', () => {
  it('days are those until the reading: whole weeks, without excluded days', () => {
    const days = (elapsed: number, plan = PLAN) =>
      reasonsOf(evidence({ now: START + elapsed * DAY_MS }), [{ ...PLAY, mde: 0.001 }], plan).of['days']
    const early = { ...PLAN, alpha: 1e-300 }
    expect(days(3, early)).toEqual({ ...NOTHING, days: 4 })
    const campaign = { fromMs: START + 4 * DAY_MS, toMs: START + 5 * DAY_MS, why: 'campaign' }
    expect(days(3, { ...early, exclude: [campaign] })).toEqual({ ...NOTHING, days: 11 })
    expect(days(3, { ...early, minDays: 5, exclude: [campaign] })).toEqual({ ...NOTHING, days: 3 })
  })

  it('an eighth day waits for the second week, and is no end that showed nothing', () => {
    const eighth = evidence({ now: START + 8.5 * DAY_MS, days: play(0.672, 0.673) })
    expect(reasonsOf(eighth, [PLAY])).toEqual({ decision: 'continue', of: { days: { ...NOTHING, days: 6 } } })
    const shownEarly = evidence({ now: START + 8.5 * DAY_MS, days: play(0.672, 0.731) })
    expect(reasonsOf(shownEarly, [PLAY]).decision).toBe('advance')
  })

  it('subjects are those of the plan, with the days that they take at the rate so far', () => {
    // 14,226 planned (see report.test.ts), 12,000 there after seven days: 2,226 · 7 / 12,000 = 1.2985 days.
    const given = evidence({ days: [...play(0.672, 0.673), ...complaints(0.019, 0.019, 12_000)] })
    expect(reasonsOf(given, [PLAY, COMPLAINTS]).of['sample']).toEqual({
      ...NOTHING,
      subjects: { control: 2226, candidate: 2226 },
      days: 1.3,
    })
  })

  it('an excluded time needs its end', () => {
    const exclude = [{ fromMs: START, toMs: START + 7.25 * DAY_MS, why: 'festival' }]
    expect(reasonsOf(evidence(), [PLAY], { ...PLAN, exclude }).of['excluded_now']).toEqual({ ...NOTHING, days: 0.3 })
  })

  it.each([
    ['a guardrail metric that is not shown to be within its margin', 'guardrail_unproven', 0.019, 0.7, 0.731],
    ['an effect that the reading did not show', 'not_significant', 0.019, 0.672, 0.682],
  ])('%s passes with so many more subjects, and not with 3 % fewer', (_, code, rate, control, candidate) => {
    const n = 6000
    const { fixed } = atTheEnd({ days: [...play(control, candidate, n), ...complaints(rate, rate, n)] })
    const at = (size: number) => {
      const days = [...play(control, candidate, size), ...complaints(rate, rate, size)]
      return reasonsOf(evidence({ fixed, days, splits: [] }), [PLAY, COMPLAINTS])
    }
    const now = at(n)
    expect(now.decision).toBe('hold')
    const more = now.of[code]!.subjects!
    expect(more.control).toBeGreaterThan(1000)
    expect(more.candidate).toBe(more.control)
    // The sums hold whole counts, so that the rates move a little.
    expect(at(n + Math.ceil(1.003 * more.control)).of).not.toHaveProperty(code)
    expect(at(n + Math.floor(0.97 * more.control)).of).toHaveProperty(code)
  })

  it('a cost that is not shown to be within its limit wants jobs, and 1 % more of them show it', () => {
    const spread = (mean: number, n: number) => ({ ...seconds(mean, n), m2Y: n * 1600 })
    const at = (n: number) => {
      const gpuSeconds = { control: spread(60, n), candidate: spread(69, n) }
      return reasonsOf(atTheEnd({ gpuSeconds }), [PLAY])
    }
    expect(at(1000).decision).toBe('hold')
    const { jobs, days } = at(1000).of['cost_unproven']!
    expect(jobs!.candidate).toBe(jobs!.control)
    expect(days).toBe(Math.ceil((70 * jobs!.control) / 1000) / 10)
    expect(at(1000 + Math.ceil(1.01 * jobs!.control)).decision).toBe('advance')
    expect(at(1000 + Math.floor(0.97 * jobs!.control)).of).toHaveProperty('cost_unproven')
  })

  it('nothing is promised where more data of the same would change nothing', () => {
    const equal = atTheEnd({ days: play(0.672, 0.672) })
    expect(reasonsOf(equal, [PLAY]).of).toEqual({ not_significant: null })
    const broken = [{ epoch: 3, stage: 'canary-50', percent: 50, n: 24_000, candidate: 11_000, expected: 12_000 }]
    expect(reasonsOf(atTheEnd({ splits: broken }), [PLAY]).of).toEqual({ srm_mismatch: null })
    const ended = evidence({ untilMs: START + 3 * DAY_MS, days: play(0.672, 0.673) })
    expect(reasonsOf(ended, [PLAY]).of).toEqual({ days: null })
    expect(reasonsOf(evidence({ days: [] }), [PLAY]).of).toEqual({
      no_subjects: { ...NOTHING, subjects: { control: 2, candidate: 2 } },
      sample: null,
    })
  })
})
