import { describe, expect, it } from 'vitest'
import { type Guardrail, openMonitor } from '../../src/core/guardrails.ts'
import { drawBinomial, drawNormal, seededRandom } from '../../src/core/stats/sampling.ts'
import {
  counters,
  errorMinutes,
  foldAll,
  guardrail,
  judgeAt,
  type Minute,
  p99,
  repeat,
  verdictOf,
  windowOf,
} from './monitor-fixtures.ts'

const rule = guardrail({ id: 'error_rate:job:sequential', method: 'sequential' })
const slow = p99({ id: 'latency_p99:job:sequential', method: 'sequential' })

describe('error rate, job by job', () => {
  it('trips on the fourth failure in a row, and never on the third', () => {
    expect(verdictOf(rule, errorMinutes(repeat(3, [1, 1]))).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes(repeat(4, [1, 1])))).toMatchObject({ status: 'breach', n: 4 })
  })

  it('asks for two more where a control without a single error must be outdone as well', () => {
    const one: Minute = [1, 1, 99, 0]
    expect(verdictOf(rule, errorMinutes(repeat(5, one))).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes(repeat(6, one)))).toMatchObject({ status: 'breach', n: 6 })
  })

  it('is not moved by 1 of 1 or 2 of 3', () => {
    expect(verdictOf(rule, errorMinutes([[1, 1]])).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes([[3, 2, 300, 1]])).status).toBe('inconclusive')
  })

  it('passes with enough jobs and little evidence', () => {
    expect(verdictOf(rule, errorMinutes([[19, 0, 900, 4]])).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes([[20, 0, 900, 4]])).status).toBe('pass')
    expect(verdictOf(rule, errorMinutes([[2000, 10, 90_000, 450]])).status).toBe('pass')
  })

  it('needs no control at 100 %', () => {
    const verdict = verdictOf(rule, errorMinutes([[50, 6]]))
    expect(verdict).toMatchObject({ status: 'breach', baselineValue: null })
    expect(verdict.evidence).not.toHaveProperty('logEControl')
  })

  it('holds when control is as bad: the errors are shared out like the traffic', () => {
    const verdict = verdictOf(rule, errorMinutes([[500, 100, 9500, 1900]]))
    expect(verdict).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    expect(verdict.evidence!['logE']).toBeGreaterThan(verdict.evidence!['logENeeded']!)
    expect(verdict.evidence!['logEControl']).toBeLessThan(verdict.evidence!['logENeeded']!)
    expect(verdictOf(guardrail({ ...rule, bothBad: 'rollback' }), errorMinutes([[500, 100, 9500, 1900]])).status).toBe(
      'breach',
    )
  })

  it('tolerates control’s rate and the margin', () => {
    expect(verdictOf(rule, errorMinutes([[20_000, 290, 20_000, 100]])).status).toBe('pass')
    expect(verdictOf(guardrail({ ...rule, margin: 0 }), errorMinutes([[20_000, 290, 20_000, 100]])).status).toBe(
      'breach',
    )
  })

  it('stays tripped for the rest of the epoch, with the evidence as it was', () => {
    const tripped = foldAll(rule, errorMinutes([[60, 12, 600, 3]]))
    const later = foldAll(rule, [windowOf(5, counters(100_000, 0), counters(100_000, 500))], tripped)
    expect(judgeAt(rule, later)).toEqual(judgeAt(rule, tripped))
    expect(judgeAt(rule, openMonitor(later)).status).toBe('no_data')
  })

  it('asks for more in each later epoch, so that α is for the whole release', () => {
    const minutes = errorMinutes([[30, 4, 600, 3]])
    let state = openMonitor()
    expect(judgeAt(rule, foldAll(rule, minutes, state)).evidence!['logENeeded']).toBeCloseTo(Math.log(200), 12)
    for (let k = 2; k <= 6; k++) state = openMonitor(state)
    const verdict = judgeAt(rule, foldAll(rule, minutes, state))
    expect(verdict.evidence!['logENeeded']).toBeCloseTo(Math.log(4200), 12)
  })

  it('says what it saw and how strong it is', () => {
    expect(verdictOf(rule, errorMinutes([[34, 4, 3366, 13]])).message).toMatch(
      /^job error rate 11\.8 % > 1\.4 % \(4 of 34 jobs; control 0\.39 %\): log e \d\.\d and \d\.\d against control, 5\.3 needed$/,
    )
  })
})

describe('latency, by jobs slower than control’s p99 × 1.5', () => {
  const control = Array.from({ length: 1000 }, (_, i) => 20 + i / 50)

  it('trips when more than 1 of 100 are slower for sure', () => {
    const candidate = [...repeat(92, 30), ...repeat(8, 90)]
    const windows = [windowOf(0, counters(100, 0, candidate), counters(1000, 0, control))]
    const verdict = verdictOf(slow, windows)
    expect(verdict).toMatchObject({ status: 'breach', n: 100, value: 0.08, threshold: 0.01 })
    expect(verdict.message).toMatch(
      /^share of jobs slower than 59\.\d s 8 % > 1 % \(8 of 100 jobs; control 0 %\): log e/,
    )
  })

  it('passes a candidate that is slower by less than the limit', () => {
    const candidate = control.map((seconds) => seconds * 1.4)
    expect(verdictOf(slow, [windowOf(0, counters(1000, 0, candidate), counters(1000, 0, control))]).status).toBe('pass')
  })

  it('waits for 400 control jobs and then counts those of the candidate that came before', () => {
    const early = windowOf(0, counters(40, 0, repeat(40, 90)), counters(300, 0, control.slice(0, 300)))
    const waiting = foldAll(slow, [early])
    expect(judgeAt(slow, waiting)).toMatchObject({ status: 'inconclusive', value: null, n: 40, baselineN: 300 })
    const ready = foldAll(slow, [windowOf(1, null, counters(700, 0, control.slice(300)))], waiting)
    expect(judgeAt(slow, ready)).toMatchObject({ status: 'breach', n: 40, value: 1 })
  })

  it('counts each job once', () => {
    const minute = (i: number) => windowOf(i, counters(10, 0, repeat(10, 30)), counters(1000, 0, control))
    expect(verdictOf(slow, [minute(0), minute(1), minute(2)])).toMatchObject({ n: 30, baselineN: 3000 })
  })
})

describe('false alarms when looked at after every single job', () => {
  const random = seededRandom(8)
  /** Share of releases tripped: one job a look through four epochs, the candidate failing at `p`. */
  function falseAlarms(one: Guardrail, releases: number, p: number, controlPerJob: number, controlP: number): number {
    let tripped = 0
    for (let i = 0; i < releases; i++) {
      let state = openMonitor()
      for (let epoch = 0; epoch < 4 && !state.tripped; epoch++) {
        if (epoch > 0) state = openMonitor(state)
        for (let job = 0; job < 500 && !state.tripped; job++) {
          const errors = drawBinomial(1, p, random)
          const controlErrors = drawBinomial(controlPerJob, controlP, random)
          state = foldAll(one, [windowOf(job, counters(1, errors), counters(controlPerJob, controlErrors))], state)
        }
      }
      if (state.tripped) tripped++
    }
    return tripped / releases
  }
  // With α = 0.05 and 400 releases, a true 5 % gives more than 31 alarms (7.75 %) once in a hundred seeds.
  const loose = { ...rule, alpha: 0.05 }

  it('stay within α at the limit itself, without control', () => {
    expect(falseAlarms(loose, 400, 0.01, 0, 0)).toBeLessThanOrEqual(0.0775)
  })

  it('stay within α at control’s rate plus margin', () => {
    expect(falseAlarms(loose, 200, 0.04, 4, 0.03)).toBeLessThanOrEqual(0.09)
  })

  it('are a power that finds 5 % within a few hundred jobs, nearly always', () => {
    expect(falseAlarms(rule, 100, 0.05, 0, 0)).toBeGreaterThan(0.9)
  })

  it('of the latency test do not come from equal arms', () => {
    let tripped = 0
    for (let i = 0; i < 40; i++) {
      const draw = (n: number): number[] => Array.from({ length: n }, () => 20 * Math.exp(0.6 * drawNormal(random)))
      const windows = Array.from({ length: 30 }, (_, k) =>
        windowOf(k, counters(20, 0, draw(20)), counters(100, 0, draw(100))),
      )
      if (foldAll(slow, windows).tripped) tripped++
    }
    expect(tripped).toBe(0)
  })
})
