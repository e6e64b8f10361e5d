import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Guardrail, type MonitorState, openMonitor } from '../../../src/core/guardrails/index.ts'
import { logEvidence, noRestarts, takenIn } from '../../../src/core/stats/restarts.ts'
import { gainsOver, ODDS } from '../../../src/core/stats/two-streams.ts'
import { drawBinomial, drawNormal, seededRandom } from '../../../src/core/stats/sampling.ts'
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
} from './fixtures.ts'

const rule = guardrail({ id: 'error_rate:job:sequential', method: 'sequential' })
const even = guardrail({ method: 'sequential', margin: 0 })
const slow = p99({ id: 'latency_p99:job:sequential', method: 'sequential' })

describe('error rate, job by job', () => {
  it('trips on the fourth failure in a row, and never on the third', () => {
    expect(verdictOf(rule, errorMinutes(repeat(3, [1, 1]))).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes(repeat(4, [1, 1])))).toMatchObject({ status: 'breach', n: 4 })
  })

  it('trips on the fourth where a control without a single error must be outdone as well, too', () => {
    const one: Minute = [1, 1, 99, 0]
    expect(verdictOf(rule, errorMinutes(repeat(3, one))).status).toBe('inconclusive')
    expect(verdictOf(rule, errorMinutes(repeat(4, one)))).toMatchObject({ status: 'breach', n: 4 })
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
    expect(verdictOf({ ...rule, bothBad: 'rollback' as const }, errorMinutes([[500, 100, 9500, 1900]])).status).toBe(
      'breach',
    )
  })

  it('weighs both arms’ counts as its formula says', () => {
    const { evidence } = verdictOf(guardrail({ method: 'sequential', margin: 0 }), errorMinutes([[600, 30, 600, 3]]))
    // Of control nothing was known before: its rate is guessed to be the limit.
    const gains = gainsOver({ x: evidence!['events']!, n: 600 }, { x: evidence!['baselineEvents']!, n: 600 }, 0.01, 0)
    const again = logEvidence(takenIn(noRestarts(ODDS.length), gains, 1))
    expect(evidence!['logEControl']).toBeCloseTo(again, 12)
  })

  it('finds what has become bad late about as soon as what is bad at once', () => {
    const bad = repeat<Minute>(600, [1, 0, 9, 0]).map(([n, , controlN], i): Minute => [
      n,
      i % 10 === 9 ? 1 : 0,
      controlN!,
      0,
    ])
    const jobsUntil = (minutes: Minute[]) => {
      let state = openMonitor()
      for (const [i, window] of errorMinutes(minutes).entries()) {
        state = foldAll(even, [window], state)
        if (state.tripped) return { jobs: i + 1, tripped: state.tripped }
      }
      return null
    }
    const healthy = repeat<Minute>(4320, [1, 0, 9, 0]).map(([n, , controlN], i): Minute => [
      n,
      i % 200 === 7 ? 1 : 0,
      controlN!,
      0,
    ])
    const atOnce = jobsUntil(bad)!
    const late = jobsUntil([...healthy, ...bad])!
    expect(late.jobs - healthy.length).toBeLessThanOrEqual(2 * atOnce.jobs)
    // The verdict tells of the jobs since then, not of three healthy days.
    expect(late.tripped.n).toBeLessThan(2 * atOnce.jobs + 200)
  })

  it.each([2, 8])('finds what fails wholly after a healthy day, with one of %i of its jobs left', (fewer) => {
    const healthy = repeat<Minute>(1440, [8, 0, 152, 1])
    const before = foldAll(even, errorMinutes(healthy), openMonitor(undefined, 6))
    const bad = repeat<Minute>(20, [8 / fewer, 8 / fewer, 152, 1])
    expect(foldAll(even, errorMinutes(bad), before).tripped).not.toBeNull()
  })

  it('takes one user’s retries for one failure', () => {
    const retries = { ...counters(40, 8), repeats: { row: { job_failed: 7 } } }
    const verdict = verdictOf(even, [windowOf(0, retries, counters(4000, 20))])
    expect(verdict).toMatchObject({ n: 33, value: 1 / 33 })
    expect(verdict.status).not.toBe('breach')
    expect(verdictOf(even, [windowOf(0, counters(40, 8), counters(4000, 20))]).status).toBe('breach')
  })

  it('goes by control’s rate of earlier stages where control is gone', () => {
    const before = foldAll(even, errorMinutes([[2000, 40, 2000, 40]]))
    expect(before.tripped).toBeNull()
    const alone = foldAll(even, errorMinutes(repeat<Minute>(50, [2000, 40])), openMonitor(before))
    expect(alone.tripped).toBeNull()
    const worse = foldAll(even, errorMinutes(repeat<Minute>(5, [2000, 120])), openMonitor(before))
    expect(worse.tripped).not.toBeNull()
    const within = foldAll(even, errorMinutes([[2000, 10, 2000, 10]]))
    const bad = foldAll(even, errorMinutes(repeat<Minute>(10, [100, 3])), openMonitor(within))
    expect(bad.tripped).not.toBeNull()
  })

  it('waits for a control that has had no job in a new stage, where it may have been over the limit before', () => {
    const failing: Minute[] = repeat(6, [1, 1, 0, 0])
    const known = (minute: Minute) => openMonitor(foldAll(even, errorMinutes([minute]), openMonitor(undefined, 3)), 2)
    const both = foldAll(even, errorMinutes(failing), known([100, 60, 100, 60]))
    expect(both.tripped).toBeNull()
    expect(judgeAt(even, both)).toMatchObject({ status: 'inconclusive', value: 1 })
    expect(judgeAt(even, both).message).toMatch(/needed; waits for control/)
    const shown = foldAll(even, errorMinutes([...failing, [20, 20, 40, 1]]), known([100, 60, 100, 60]))
    expect(shown.tripped).not.toBeNull()
    const healthy = foldAll(even, errorMinutes(failing), known([100, 0, 1000, 1]))
    expect(healthy.tripped).not.toBeNull()
    const always = guardrail({ method: 'sequential', margin: 0, bothBad: 'rollback' })
    expect(foldAll(always, errorMinutes(failing), known([100, 60, 100, 60])).tripped).not.toBeNull()
  })

  it('tolerates control’s rate and the margin', () => {
    expect(verdictOf(rule, errorMinutes([[20_000, 290, 20_000, 100]])).status).toBe('pass')
    expect(
      verdictOf(guardrail({ method: 'sequential', margin: 0 }), errorMinutes([[20_000, 290, 20_000, 100]])).status,
    ).toBe('breach')
  })

  it('neither breaches nor passes over the limit where control is too small to compare with', () => {
    const verdict = verdictOf(guardrail({ method: 'sequential', minRequests: 20 }), errorMinutes([[60, 30, 2, 0]]))
    expect(verdict).toMatchObject({ status: 'inconclusive', value: 0.5, threshold: 0.01 })
    expect(verdict.evidence!['logE']).toBeGreaterThan(verdict.evidence!['logENeeded']!)
    expect(verdict.message).toContain('against control')
  })

  it('stays tripped for the rest of the epoch, with the evidence as it was', () => {
    const tripped = foldAll(rule, errorMinutes([[60, 12, 600, 3]]))
    const later = foldAll(rule, [windowOf(5, counters(100_000, 0), counters(100_000, 500))], tripped)
    expect(judgeAt(rule, later)).toEqual(judgeAt(rule, tripped))
    expect(judgeAt(rule, openMonitor(later)).status).toBe('no_data')
  })

  it('asks for the same at each stage, and for more in epochs that nobody planned, so that α is for the whole release', () => {
    const needed = (state: MonitorState) => {
      const { evidence } = judgeAt(rule, foldAll(rule, errorMinutes([[30, 4, 600, 3]]), state))
      return evidence!['logENeeded']
    }
    let state = openMonitor(undefined, 6)
    for (let left = 6; left >= 1; left--) {
      expect(needed(state)).toBeCloseTo(Math.log(700), 12)
      state = openMonitor(state, left === 1 ? 1 : left - 1)
    }
    expect(needed(state)).toBeCloseTo(Math.log(1400), 12)
    expect(needed(openMonitor(state))).toBeCloseTo(Math.log(2800), 12)
  })

  it('says what it saw and how strong it is', () => {
    expect(verdictOf(rule, errorMinutes([[34, 4, 3366, 13]])).message).toMatch(
      /^job error rate 11\.8 % > 1\.4 % \(4 of 34 jobs: 4 job_failed; control 0\.39 %\): log e \d\.\d and \d\.\d against control, 5\.3 needed$/,
    )
  })
})

describe('whatever is counted', () => {
  const arm = fc.tuple(fc.nat({ max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
  const rate = fc.double({ min: 1e-6, max: 0.999, noNaN: true })

  it('evidence stays a number, of any limit and margin, and goes through JSON', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(arm, arm), { maxLength: 30 }),
        rate,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, max, margin) => {
          const minutes = all.map(([[n, p], [controlN, q]]): Minute => [
            n,
            Math.round(n * p),
            controlN,
            Math.round(controlN * q),
          ])
          const state = foldAll(guardrail({ method: 'sequential', max, margin }), errorMinutes(minutes))
          const { over, overControl } = state.evidence ?? { over: null, overControl: null }
          const sums = [over, overControl].flatMap((all) => [
            ...(all?.gains ?? []),
            ...(all?.groups.flatMap((group) => group.sums) ?? []),
          ])
          for (const sum of sums) expect(Number.isFinite(sum)).toBe(true)
          expect(JSON.parse(JSON.stringify(state))).toEqual(state)
        },
      ),
    )
  })
})

describe('latency, by jobs slower than control’s p99 × 1.5', () => {
  const control = Array.from({ length: 1000 }, (_, i) => 20 + i / 50)
  const referenceQuantile = foldAll(slow, [windowOf(0, null, counters(1000, 0, control))])
  const judged = (candidate: number[], of = control, rule = slow) =>
    judgeAt(
      rule,
      foldAll(
        rule,
        [windowOf(1, counters(candidate.length, 0, candidate), counters(of.length, 0, of))],
        referenceQuantile,
      ),
    )

  it('trips when more than 1 of 100 are slower for sure, and more than of control', () => {
    const verdict = judged([...repeat(92, 30), ...repeat(8, 90)])
    expect(verdict).toMatchObject({ status: 'breach', n: 100, value: 0.08, baselineN: 1000, threshold: 0.01 })
    expect(verdict.message).toMatch(
      /^share of jobs slower than 59\.\d s 8 % > 1 % \(8 of 100 jobs; control 0\.7 %\): log e \d+\.\d and \d\.\d against control, 5\.3 needed$/,
    )
  })

  it('passes a candidate that is slower by less than the limit', () => {
    expect(judged(control.map((seconds) => seconds * 1.4)).status).toBe('pass')
  })

  it('passes where control has become as slow, and where control is too small to tell', () => {
    const candidate = [...repeat(92, 30), ...repeat(8, 90)]
    const verdict = judged(candidate, [...repeat(920, 30), ...repeat(80, 90)])
    expect(verdict).toMatchObject({ status: 'pass', value: 0.08, threshold: 0.08 })
    expect(verdict.evidence!['logE']).toBeGreaterThan(verdict.evidence!['logENeeded']!)
    expect(judged(candidate, control, { ...slow, bothBad: 'rollback' }).status).toBe('breach')
    expect(judged(candidate, [30, 90], { ...slow, bothBad: 'rollback' }).status).toBe('pass')
    expect(foldAll(slow, [windowOf(1, counters(100, 0, repeat(100, 90)))], referenceQuantile).tripped).toBeNull()
  })

  it('counts by a limit that is older than what is counted: what ends before control has 400 jobs only makes it', () => {
    const early = windowOf(0, counters(40, 0, repeat(40, 90)), counters(300, 0, control.slice(0, 300)))
    const waiting = foldAll(slow, [early])
    expect(judgeAt(slow, waiting)).toMatchObject({ status: 'inconclusive', value: null, n: 40, baselineN: 300 })
    const ready = foldAll(
      slow,
      [windowOf(1, counters(40, 0, repeat(40, 90)), counters(700, 0, control.slice(300)))],
      waiting,
    )
    expect(judgeAt(slow, ready)).toMatchObject({ status: 'inconclusive', value: null, n: 80, baselineN: 1000 })
    const counting = windowOf(2, counters(40, 0, repeat(40, 90)), counters(400, 0, repeat(400, 30)))
    expect(judgeAt(slow, foldAll(slow, [counting], ready))).toMatchObject({ status: 'breach', n: 40, value: 1 })
  })

  it('counts each job once', () => {
    const minute = (i: number) => windowOf(i, counters(10, 0, repeat(10, 30)), counters(1000, 0, control))
    expect(verdictOf(slow, [minute(0), minute(1), minute(2)])).toMatchObject({ n: 20, baselineN: 2000 })
  })

  it('counts per clip where sizes are known, and in seconds where they are not', () => {
    const sized = (n: number, seconds: number, perClip: number) => {
      const of = counters(n, 0, repeat(n, seconds))
      return { ...of, sketches: { ...of.sketches, per_clip: counters(n, 0, repeat(n, perClip)).sketches.latency! } }
    }
    const minutes = [0, 1].map((i) => windowOf(i, sized(50, 300, 30), sized(500, 30, 30)))
    expect(verdictOf(slow, minutes)).toMatchObject({ status: 'pass', value: 0 })
    const unsized = [0, 1].map((i) => windowOf(i, counters(50, 0, repeat(50, 300)), sized(500, 30, 30)))
    expect(verdictOf(slow, unsized)).toMatchObject({ status: 'breach', value: 1 })
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
  // With α = 0.05, a true 5 % gives more than 5 alarms of 40 about once in a hundred seeds.
  const loose = { ...rule, alpha: 0.05 }

  it('stay within α at the limit itself, without control', () => {
    expect(falseAlarms(loose, 40, 0.01, 0, 0)).toBeLessThanOrEqual(5 / 40)
  })

  it('stay within α at control’s rate plus margin', () => {
    expect(falseAlarms(loose, 40, 0.04, 4, 0.03)).toBeLessThanOrEqual(5 / 40)
  })

  it('stay within α at control’s rate without a margin', () => {
    const even = guardrail({ method: 'sequential', margin: 0, alpha: 0.05 })
    expect(falseAlarms(even, 40, 0.03, 4, 0.03)).toBeLessThanOrEqual(5 / 40)
  })

  it('are a power that finds 5 % within a few hundred jobs, nearly always', () => {
    expect(falseAlarms(rule, 100, 0.05, 0, 0)).toBeGreaterThan(0.9)
  })
})

describe('the latency test', () => {
  const random = seededRandom(8)
  const draw = (n: number, sigma: number, times: number): number[] =>
    Array.from({ length: n }, () => 60 * times * Math.exp(sigma * drawNormal(random)))

  /** Jobs of the candidate until it tripped, of each release that did. */
  function jobsToTrip(of: {
    rule: Guardrail
    jobs: [candidate: number, control: number]
    windows: number
    sigma: number
    times: number
    releases: number
  }): number[] {
    const [n, controlN] = of.jobs
    const tripped: number[] = []
    for (let i = 0; i < of.releases; i++) {
      let state = openMonitor()
      for (let w = 0; w < of.windows && !state.tripped; w++) {
        const candidate = counters(n, 0, draw(n, of.sigma, of.times))
        state = foldAll(of.rule, [windowOf(w, candidate, counters(controlN, 0, draw(controlN, of.sigma, 1)))], state)
      }
      if (state.tripped) tripped.push(state.seen)
    }
    return tripped.sort((a, b) => a - b)
  }

  // With α = 0.01, of which the first epoch has a half, 40 releases give more than one alarm in two of a hundred seeds.
  it.each([
    { over: 0, times: 1, sigma: 0.6, jobs: [300, 30] },
    { over: 0, times: 1, sigma: 0.6, jobs: [100, 100] },
    { over: 0, times: 1, sigma: 2, jobs: [20, 20] },
    { over: 0.5, times: 1.5, sigma: 0.6, jobs: [300, 30] },
    { over: 0.5, times: 1.5, sigma: 2, jobs: [100, 20] },
  ] as const)('gives no false alarm at the limit itself: $over over control, sigma $sigma, $jobs a window', (cell) => {
    const rule = { ...slow, maxOverControl: cell.over }
    const { times, sigma } = cell
    const jobs: [number, number] = [...cell.jobs]
    expect(jobsToTrip({ rule, jobs, times, sigma, windows: 100, releases: 40 }).length).toBeLessThanOrEqual(1)
  })

  it('catches a candidate that is twice as slow, always', () => {
    const twice = { rule: slow, times: 2, sigma: 0.6, releases: 15 }
    const even = jobsToTrip({ ...twice, jobs: [100, 100], windows: 60 })
    expect([even.length, even[7]! < 2500]).toEqual([15, true])
    const first = jobsToTrip({ ...twice, jobs: [1, 99], windows: 2000 })
    expect([first.length, first[7]! < 600]).toEqual([15, true])
  })
})

describe('a job that ends in a later window than it was submitted in', () => {
  const rule = guardrail({ method: 'sequential' })
  const submitted = (n: number) => ({ ...counters(0), submitted: n })
  const ended = (n: number, errors: number) => ({ ...counters(n, errors), submitted: 0 })

  it('is told of as one, of either arm', () => {
    const state = foldAll(rule, [
      windowOf(0, submitted(3), submitted(40)),
      windowOf(1, ended(2, 2), ended(2, 2)),
      windowOf(2, ended(1, 1), ended(38, 0)),
    ])
    const verdict = judgeAt(rule, state)
    expect(verdict).toMatchObject({ value: 1, n: 3, baselineValue: 2 / 40, baselineN: 40 })
    expect(verdict.message).toContain('(3 of 3 jobs')
  })

  it('is told of where its submit came before the monitor, or under way where it has not ended', () => {
    const resumed = foldAll(rule, [windowOf(0, ended(4, 3), submitted(5))], { ...openMonitor(), since: 0 })
    expect(judgeAt(rule, resumed)).toMatchObject({ value: 3 / 4, n: 4 })
    const going = foldAll(rule, [windowOf(0, submitted(9), submitted(9)), windowOf(1, ended(3, 3), submitted(9))])
    expect(judgeAt(rule, going)).toMatchObject({ value: 3 / 9, n: 9, baselineN: 18 })
  })
})
