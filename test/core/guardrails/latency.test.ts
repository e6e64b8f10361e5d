import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { ClosedWindow } from '../../../src/core/guardrails/index.ts'
import { addTo, emptySketch } from '../../../src/core/sketch.ts'
import { drawNormal, seededRandom } from '../../../src/core/stats/sampling.ts'
import { counters, foldAll, judgeAt, MINUTE, p99, repeat, verdictOf, windowOf } from './fixtures.ts'

const rule = p99()
const random = seededRandom(7)

/** Control's latencies by the names of their shapes, `jobs` of each. */
const SHAPES: Record<string, (jobs: number) => number[]> = {
  constant: (jobs) => repeat(jobs, 10),
  uniform: (jobs) => Array.from({ length: jobs }, (_, i) => 20 + (40 * i) / jobs),
  lognormal: (jobs) => Array.from({ length: jobs }, () => 40 * Math.exp(0.5 * drawNormal(random))),
  'two-humped': (jobs) => Array.from({ length: jobs }, (_, i) => (i % 50 === 0 ? 300 : 7)),
}

function scaled(times: number, shape: readonly number[]): number[] {
  return shape.map((seconds) => seconds * times)
}

function windows(count: number, candidate: readonly number[], control: readonly number[]): ClosedWindow[] {
  return Array.from({ length: count }, (_, i) =>
    windowOf(i, counters(candidate.length, 0, candidate), counters(control.length, 0, control)),
  )
}

describe('p99 against control × 1.5', () => {
  test.each(Object.keys(SHAPES))('does not trip at 1.49 and trips after five windows at 1.51: %s', (name) => {
    const control = SHAPES[name]!(500)
    expect(verdictOf(rule, windows(9, scaled(1.49, control), control))).toMatchObject({ status: 'pass' })
    expect(verdictOf(rule, windows(4, scaled(1.51, control), control)).status).toBe('inconclusive')
    expect(verdictOf(rule, windows(5, scaled(1.51, control), control)).status).toBe('breach')
  })

  it('keeps 1.49 and 1.51 apart wherever the p99 lies', () => {
    const literal = p99({ literal: true })
    fc.assert(
      fc.property(fc.double({ min: 0.002, max: 50_000, noNaN: true }), (seconds) => {
        const control = [...repeat(30, 0.001), ...repeat(3, seconds)]
        const at = (times: number): string =>
          verdictOf(literal, windows(5, [...repeat(30, 0.001), ...repeat(3, seconds * times)], control)).status
        expect([at(1.49), at(1.51)]).toEqual(['pass', 'breach'])
      }),
    )
  })

  it('is read from at least 400 jobs, windows being merged forward', () => {
    const control = SHAPES['uniform']!(500)
    const slow = scaled(3, SHAPES['uniform']!(100))
    expect(verdictOf(rule, windows(3, slow, control))).toMatchObject({ status: 'inconclusive', value: null, n: 300 })
    expect(verdictOf(rule, windows(4, slow, control))).toMatchObject({
      n: 400,
      windows: { bad: 1, fromMs: 0, toMs: 4 * MINUTE },
    })
    expect(verdictOf(rule, windows(19, slow, control)).status).toBe('inconclusive')
    expect(verdictOf(rule, windows(20, slow, control)).status).toBe('breach')
  })

  it('waits for control to have enough as well', () => {
    const slow = scaled(3, SHAPES['uniform']!(400))
    const few = SHAPES['uniform']!(50)
    expect(verdictOf(rule, windows(7, slow, few))).toMatchObject({
      status: 'inconclusive',
      value: null,
      baselineN: 350,
    })
    expect(verdictOf(rule, windows(8, slow, few))).toMatchObject({ baselineN: 400, n: 3200, windows: { bad: 1 } })
  })

  it('says so where there is no control at all, and holds nothing back for it', () => {
    const state = foldAll(rule, windows(1000, SHAPES['uniform']!(50), []))
    const verdict = judgeAt(rule, state)
    expect(verdict).toMatchObject({ status: 'inconclusive', note: 'no_control' })
    expect(verdict.message).toBe('p99 latency of jobs: no control traffic to compare 50,000 jobs with')
    expect(state.pending).toBeNull()
  })

  describe.each([rule, p99({ method: 'sequential', alpha: 0.01 })])(
    'with a few long jobs at control, by $kind',
    (by) => {
      const LONG = 25
      /** A thousand jobs a window of each arm, some of which have told their age alone by now. */
      const withOpen = (candidate: readonly number[]): ClosedWindow[] =>
        windows(10, candidate, repeat(1000 - LONG, 10)).map((window) => {
          const sketch = emptySketch()
          for (const age of repeat(LONG, 16)) addTo(sketch, age)
          window.control.job!.sketches.open = sketch
          return window
        })

      it('is not tripped by an arm like it, whose long jobs are still open as well', () => {
        expect(verdictOf(by, withOpen([...repeat(1000 - LONG, 10), ...repeat(LONG, 16)])).status).toBe('pass')
      })

      it('is tripped by an arm of which a fifth hangs, or all', () => {
        expect(verdictOf(by, withOpen([...repeat(800, 10), ...repeat(200, 16)])).status).toBe('breach')
        const all = verdictOf(by, withOpen(repeat(1000, 16)))
        expect(all.status).toBe('breach')
        // What it was judged by is what it shows.
        expect(all.evidence?.baselineEvents).toBeGreaterThanOrEqual(LONG)
        expect(all.baselineN).toBeGreaterThanOrEqual(1000)
      })
    },
  )

  it('is not tripped by a ratio that chance explains', () => {
    // The fifth-slowest of 400 is 16 s against 10 s, but only 8 jobs against 4 are slower than control's p99.
    const control = [...repeat(395, 1), 10, 11, 12, 13, 14]
    const candidate = [...repeat(392, 1), 11, 12, 13, 16, 17, 18, 19, 20]
    expect(verdictOf(p99({ literal: true }), windows(5, candidate, control)).status).toBe('breach')
    expect(verdictOf(rule, windows(9, candidate, control))).toMatchObject({
      status: 'pass',
      evidence: { events: 8, baselineEvents: 4 },
    })
  })
})

describe('limits and measures', () => {
  it('p95 needs 80 jobs and p50 the least that the guardrail asks for', () => {
    const jobs = (n: number): ClosedWindow[] => windows(1, repeat(n, 9), repeat(n, 9))
    const p95 = p99({ metric: 'latency_p95' })
    const p50 = p99({ metric: 'latency_p50', minRequests: 8 })
    expect([verdictOf(p95, jobs(79)).value, verdictOf(p95, jobs(80)).value]).toEqual([null, 9])
    expect([verdictOf(p50, jobs(7)).value, verdictOf(p50, jobs(8)).value]).toEqual([null, 9])
  })

  it('an absolute limit needs no control, and holds when control is over it as well', () => {
    const absolute = p99({ maxOverControl: null, maxSeconds: 60 })
    const slow = repeat(400, 80)
    expect(verdictOf(absolute, windows(5, slow, []))).toMatchObject({
      status: 'breach',
      threshold: 60,
      baselineValue: null,
    })
    expect(verdictOf(absolute, windows(5, slow, repeat(400, 59))).status).toBe('breach')
    expect(verdictOf(absolute, windows(5, slow, repeat(400, 79)))).toMatchObject({
      status: 'inconclusive',
      note: 'both_bad',
    })
    expect(verdictOf(absolute, windows(5, repeat(400, 60), [])).status).toBe('pass')
  })

  it('latencies are judged per clip where both arms know their sizes', () => {
    const sized = (jobs: number, clips: number, known = jobs) => {
      const arm = counters(jobs, 0, repeat(jobs, 30 * clips))
      const perClip = emptySketch()
      addTo(perClip, 30, known)
      return { ...arm, sketches: { ...arm.sketches, per_clip: perClip } }
    }
    const longer = Array.from({ length: 5 }, (_, i) => windowOf(i, sized(400, 2), sized(400, 1)))
    expect(verdictOf(rule, longer)).toMatchObject({ status: 'pass', value: 30, baselineValue: 30 })
    expect(verdictOf(rule, longer).message).toContain('per clip')
    expect(verdictOf(p99({ normalise: false }), longer)).toMatchObject({ status: 'breach', value: 60 })
    const partly = Array.from({ length: 5 }, (_, i) => windowOf(i, sized(400, 2, 100), sized(400, 1)))
    expect(verdictOf(rule, partly)).toMatchObject({ status: 'breach', value: 60 })
  })

  it('jobs still open beyond control’s p99 trip it before they end', () => {
    const control = repeat(4000, 40)
    // What the caller adds for jobs that hang: their age so far.
    const hanging = [...repeat(376, 40), ...repeat(24, 70)]
    expect(verdictOf(rule, windows(5, hanging, control)).status).toBe('breach')
  })

  it('the verdict is one sentence with both p99s', () => {
    const verdict = verdictOf(rule, windows(5, repeat(412, 91.2), repeat(38_020, 40.2)))
    expect(verdict.message).toBe(
      'p99 latency of jobs 91.2 s > 60.3 s in 5 of 5 windows (control 40.2 s; 412 jobs against 38,020)',
    )
    expect(verdict.formula).toContain('p99 > 1.5 p99_c')
  })
})

it('a candidate like control is bad in few windows, however heavy the tail of the latencies', () => {
  for (const sigma of [0.5, 1, 2]) {
    let bad = 0
    for (let i = 0; i < 400; i++) {
      const draw = (): number[] => Array.from({ length: 400 }, () => 20 * Math.exp(sigma * drawNormal(random)))
      if (verdictOf(rule, windows(1, draw(), draw())).windows.bad > 0) bad++
    }
    expect(bad / 400).toBeLessThan(0.075)
  }
})
