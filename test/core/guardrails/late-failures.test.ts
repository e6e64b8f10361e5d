/** What failures weigh that end in later windows than their jobs were submitted in. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type MonitorState, openMonitor } from '../../../src/core/guardrails/index.ts'
import { logEvidence } from '../../../src/core/stats/restarts.ts'
import { drawBinomial, drawPoisson, seededRandom } from '../../../src/core/stats/sampling.ts'
import { ODDS, rateAt } from '../../../src/core/stats/two-streams.ts'
import { type Counters, lateness } from '../../../src/core/window.ts'
import { counters, foldAll, guardrail, judgeAt, MINUTE, windowOf } from './fixtures.ts'

const LIMIT = 0.05
/** Never crossed, so that all counts are weighed. */
const rule = guardrail({ method: 'sequential', max: LIMIT, margin: 0, alpha: 1e-300 })

/** Jobs of one arm by the window of their submit: how many, and how many windows later those that fail do. */
interface Cohort {
  n: number
  failAfter: readonly number[]
}

/** The counters of each window: good jobs end where they were submitted. */
function windowsOf(cohorts: readonly Cohort[], windows: number): Counters[] {
  return Array.from({ length: windows }, (_, window) => {
    const ages = cohorts
      .slice(0, window + 1)
      .flatMap(({ failAfter }, i) => failAfter.filter((age) => i + age === window))
    const { n, failAfter } = cohorts[window] ?? { n: 0, failAfter: [] }
    const late: Record<number, number> = {}
    for (const age of ages.filter((each) => each > 0)) {
      const key = lateness(0, age * MINUTE, MINUTE)
      late[key] = (late[key] ?? 0) + 1
    }
    return { ...counters(n - failAfter.length + ages.length, ages.length), submitted: n, late }
  })
}

const atOnce = (cohorts: readonly Cohort[]): Cohort[] =>
  cohorts.map(({ n, failAfter }) => ({ n, failAfter: failAfter.map(() => 0) }))

/** The monitor after each window. */
function statesOf(
  candidate: readonly Counters[],
  control: readonly Counters[] = [],
  from = openMonitor(),
): MonitorState[] {
  let state = from
  return candidate.map((own, i) => (state = foldAll(rule, [windowOf(i, own, control[i] ?? null)], state)))
}

const logE = (state: MonitorState): number => logEvidence(state.evidence!.over)

describe('late failures against the limit', () => {
  it('weigh what they weigh at once', () => {
    const cohorts: Cohort[] = [{ n: 3, failAfter: [1, 1, 2] }]
    const late = statesOf(windowsOf(cohorts, 3)).at(-1)!
    const once = statesOf(windowsOf(atOnce(cohorts), 3)).at(-1)!
    expect(logE(late)).toBeCloseTo(logE(once), 10)
    // Half of the weight, and that of the restart that began with the first window, have all three; the rest has seen nothing.
    const weight = 0.5 + 0.5 - (0.5 * 5000) / 5001
    const each = ODDS.map((odds) => (rateAt(odds, LIMIT) / LIMIT) ** 3)
    const mean = each.reduce((a, b) => a + b, 0) / each.length
    expect(logE(late)).toBeCloseTo(Math.log(weight * mean + 1 - weight), 10)
  })

  it('do not count in what began within the power of two to which their age is rounded', () => {
    const late = statesOf(windowsOf([{ n: 3, failAfter: [3, 3, 3] }], 4)).at(-1)!
    const each = ODDS.map((odds) => (rateAt(odds, LIMIT) / LIMIT) ** 3)
    const mean = each.reduce((a, b) => a + b, 0) / each.length
    // The restart that began with the first window keeps three good jobs.
    const good = ODDS.map((odds) => ((1 - rateAt(odds, LIMIT)) / (1 - LIMIT)) ** 3).reduce((a, b) => a + b, 0)
    const restart = 0.5 - (0.5 * 5000) / 5001
    expect(logE(late)).toBeCloseTo(Math.log(0.5 * mean + restart * (good / ODDS.length) + 0.5 - restart), 10)
  })

  it('at the limit’s rate lag behind what fails at once, and drift nowhere', () => {
    const cohorts = Array.from({ length: 500 }, (): Cohort => ({ n: 20, failAfter: [4] }))
    const late = statesOf(windowsOf(cohorts, 500))
    const once = statesOf(windowsOf(atOnce(cohorts), 500)).at(-1)!
    for (const [i, odds] of ODDS.entries()) {
      const open = 4 * Math.log(odds)
      expect(late.at(-1)!.evidence!.over.gains[i]).toBeCloseTo(once.evidence!.over.gains[i]! - open, 6)
    }
    expect(Math.max(...late.map(logE))).toBeLessThan(0.1)
  })

  const history = fc.array(
    fc
      .nat({ max: 5 })
      .chain((n) => fc.record({ n: fc.constant(n), failAfter: fc.array(fc.nat({ max: 9 }), { maxLength: n }) })),
    { minLength: 1, maxLength: 12 },
  )

  it('are never more evidence than at once, and in the end as much in what began with the epoch', () => {
    fc.assert(
      fc.property(history, (cohorts) => {
        const windows = cohorts.length + 10
        // Some control in each window, so that none is left out.
        const control = Array.from({ length: windows }, () => ({ ...counters(1), submitted: 1 }))
        const late = statesOf(windowsOf(cohorts, windows), control)
        const once = statesOf(windowsOf(atOnce(cohorts), windows), control)
        for (const [i, state] of late.entries()) expect(logE(state)).toBeLessThanOrEqual(logE(once[i]!) + 1e-9)
        const [ended, reference] = [late.at(-1)!, once.at(-1)!]
        for (const [i, gain] of ended.evidence!.over.gains.entries())
          expect(gain).toBeCloseTo(reference.evidence!.over.gains[i]!, 8)
        const { value, n } = judgeAt(rule, ended)
        expect({ value, n }).toEqual((({ value, n }) => ({ value, n }))(judgeAt(rule, reference)))
      }),
    )
  })
})

describe('late failures of control', () => {
  it('are of one job each, also where control’s rate is what is usual', () => {
    const cohorts: Cohort[] = [{ n: 10, failAfter: [1, 1, 1, 2, 2, 2, 3, 3] }]
    const control = windowsOf(cohorts, 4)
    const candidate = control.map(() => ({ ...counters(1), submitted: 1 }))
    expect(statesOf(candidate, control).at(-1)!.control).toEqual({ x: 8, n: 10 })
  })

  it('keep a candidate that fails as often and as late from being worse, however few jobs there are', () => {
    let crossed = 0
    for (let seed = 0; seed < 8; seed++) {
      const random = seededRandom(seed)
      const draw = (mean: number): Cohort => {
        const n = drawPoisson(mean, random)
        return { n, failAfter: Array.from({ length: drawBinomial(n, 0.6, random) }, () => Math.floor(8 * random())) }
      }
      const arm = (mean: number) =>
        windowsOf(
          Array.from({ length: 300 }, () => draw(mean)),
          300,
        )
      const states = statesOf(arm(0.6), arm(0.2))
      const highest = Math.max(...states.map(({ evidence }) => (evidence ? logEvidence(evidence.overControl) : 0)))
      if (highest >= Math.log(20)) crossed++
    }
    // Of any test with 5 % two of eight would be once in twenty seeds.
    expect(crossed).toBeLessThanOrEqual(1)
  })
})

describe('after a resume', () => {
  const resumed = { ...openMonitor(), since: 10 * MINUTE }
  const failing = (late: Record<number, number>) => ({ ...counters(4, 4), submitted: 2, late })

  it('failures whose jobs may be older count for nothing', () => {
    const state = foldAll(rule, [windowOf(12, failing({ 4: 4 }))], resumed)
    expect(state.trial).toMatchObject({ x: 0, n: 2 })
    const some = foldAll(rule, [windowOf(12, failing({ 2: 1, 4: 2 }))], resumed)
    expect(some.trial).toMatchObject({ x: 2, n: 2 })
    // Of which classes they are is not known.
    expect(judgeAt(rule, some).message).toContain('(2 of 4 jobs; ')
  })

  it('good ends of older jobs are no jobs of the new monitor', () => {
    const state = foldAll(rule, [windowOf(12, { ...counters(50), submitted: 3 })], resumed)
    expect(logE(state)).toBe(logE(foldAll(rule, [windowOf(12, { ...counters(3), submitted: 3 })])))
  })
})

it('goes on from what a build without jobs taken up has stored', () => {
  const before = foldAll(rule, [windowOf(0, counters(40, 2), counters(40, 1))])
  expect(before.trial).not.toHaveProperty('takenUp')
  const late = { ...counters(3, 3), submitted: 1, late: { 1: 3 } }
  const after = foldAll(rule, [windowOf(1, late, counters(1))], JSON.parse(JSON.stringify(before)))
  expect(judgeAt(rule, after)).toMatchObject({ n: 41, value: 5 / 41 })
})

describe('late failures of both arms while the split of their jobs moves', () => {
  // Three times as many of the candidate's and a third of control's for forty windows, and then the other way round.
  const isBusy = (window: number) => Math.floor(window / 40) % 2 === 1

  it('are no evidence against a candidate that fails as control does', () => {
    let crossed = 0
    for (let seed = 0; seed < 6; seed++) {
      const random = seededRandom(seed)
      const draw = (mean: number): Cohort => {
        const n = drawPoisson(mean, random)
        return { n, failAfter: Array.from({ length: drawBinomial(n, 0.3, random) }, () => 30) }
      }
      const arm = (busy: number, quiet: number) =>
        windowsOf(
          Array.from({ length: 300 }, (_, window) => draw(isBusy(window) ? busy : quiet)),
          300,
        )
      const states = statesOf(arm(9, 1), arm(0.1, 0.9))
      if (states.some(({ evidence }) => evidence && logEvidence(evidence.overControl) >= Math.log(20))) crossed++
    }
    expect(crossed).toBeLessThanOrEqual(1)
  })

  it('weigh the least that they weigh by the split of any block that their job may be of', () => {
    const submits = (n: number): Counters => ({ ...counters(0), submitted: n })
    const failed = (late: Record<number, number>): Counters => ({ ...counters(1, 1), submitted: 10, late })
    const gainsAfter = (split: readonly [number, number]) => {
      const states = statesOf([submits(split[0]), submits(10)], [submits(split[1]), submits(10)])
      const before = states.at(-1)!
      const late = foldAll(rule, [windowOf(2, failed({ 2: 1 }), submits(10))], before)
      const good = foldAll(rule, [windowOf(2, submits(10), submits(10))], before)
      return late.evidence!.overControl.gains.map((gain, i) => gain - good.evidence!.overControl.gains[i]!)
    }
    const even = gainsAfter([10, 10])
    // Of twice the odds: 2 (1 − r)/(1 − q) q/(2 r) with q the rate at twice the odds of the guess and r between it and that.
    const guess = 1 / (20 + 1 / LIMIT)
    const q = rateAt(2, guess)
    const r = (q + guess) / 2
    expect(even[1]).toBeCloseTo(Math.log(q / (1 - q) / (r / (1 - r))), 10)
    const candidates = gainsAfter([20, 5])
    for (const [i, gain] of candidates.entries()) expect(gain).toBeLessThan(even[i]!)
  })
})
