/** From rows of counters to verdicts: each window folded once and in order, and only what belongs to the epoch. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  foldWindows,
  type Judgement,
  openJudgement,
  overdueAfter,
  verdictsOf,
} from '../../../src/core/guardrails/evaluation.ts'
import { closedWindows } from '../../../src/core/guardrails/closed-windows.ts'
import { addTo, emptySketch } from '../../../src/core/sketch.ts'
import type { Series, WindowRow } from '../../../src/core/window.ts'
import { counters, guardrail, MINUTE, p99 } from './fixtures.ts'

const RULE = guardrail()

function row(minute: number, n: number, errors = 0, over: Partial<Series> = {}): WindowRow {
  const series: Series = {
    stage: 'canary-5',
    epoch: 1,
    arm: 'candidate',
    operation: 'job',
    shadow: false,
    ...over,
  }
  return { startMs: minute * MINUTE, series, counters: counters(n, errors) }
}

const PLAN = { windowMs: MINUTE, guardrails: [RULE], ladder: [{ percent: 5 }, { percent: 100 }] }

const CANARY = { state: 'canary', percent: 5 } as const
const SHADOW = { state: 'shadow', percent: 0 } as const

const opened = (epochSince = 0, shadow = false) =>
  openJudgement({ epoch: 1, epochSince, ...(shadow ? SHADOW : CANARY) }, PLAN, null)

const windowsOf = (rows: readonly WindowRow[], untilMinute: number, from: Judgement) =>
  foldWindows(from, { rows, untilMs: untilMinute * MINUTE, jobOperation: 'job', ...PLAN })

function folded(rows: readonly WindowRow[], untilMinute: number, from: Judgement = opened()): Judgement {
  return [...windowsOf(rows, untilMinute, from)].at(-1)!
}

const verdict = (of: Judgement) =>
  verdictsOf(of, [RULE], [], { now: 100 * MINUTE, clockStartedAt: 0, epochStartedAt: 0 })[0]!

describe('an epoch', () => {
  it('is judged from its first whole window on', () => {
    expect(opened(0).judgedUntil).toBe(0)
    expect(opened(1).judgedUntil).toBe(MINUTE)
    expect(opened(MINUTE).judgedUntil).toBe(MINUTE)
  })

  it('goes on with the share of α that is spent, also of a guardrail that was away for an epoch', () => {
    const next = (guardrails: (typeof RULE)[], before: Judgement) =>
      openJudgement({ epoch: 1, epochSince: 0, ...CANARY }, { ...PLAN, guardrails }, before)
    const away = next([], folded([row(0, 10, 1)], 1))
    expect(away.monitors[RULE.id]).toMatchObject({ share: 1 / 3, spent: 0, seen: 0 })
    expect(next([RULE], next([], away)).monitors[RULE.id]!.spent).toBeCloseTo(1 / 3, 12)
    expect(next([RULE], next([RULE], away)).monitors[RULE.id]!.spent).toBeCloseTo(1 / 3 + 2 / 9, 12)
  })

  it('takes no counter of another epoch, however bad', () => {
    const bad = Array.from({ length: 5 }, (_, i) => row(i, 100, 100, { epoch: 2 }))
    const of = folded(bad, 5)
    expect(of.candidateJobs).toBe(0)
    expect(verdict(of).status).not.toBe('breach')
  })

  it('while shadowing goes by the copies, and otherwise leaves them out', () => {
    const copies = Array.from({ length: 5 }, (_, i) => row(i, 100, 100, { shadow: true }))
    expect(folded(copies, 5).candidateJobs).toBe(0)
    const shadowing = folded(copies, 5, opened(0, true))
    expect([shadowing.candidateJobs, verdict(shadowing).status]).toEqual([500, 'breach'])
    expect(folded([row(0, 100, 100)], 5, opened(0, true)).candidateJobs).toBe(0)
  })
})

describe('folding', () => {
  it('five bad minutes trip, four and a good one do not', () => {
    const bad = (minutes: number[]) => minutes.map((i) => row(i, 100, 50))
    expect(verdict(folded(bad([0, 1, 2, 3, 4]), 5)).status).toBe('breach')
    expect(verdict(folded([...bad([0, 1, 2, 3]), row(4, 100)], 5)).status).toBe('pass')
  })

  it('goes by windows and not by ticks: any cut into ticks gives the same', () => {
    const minutes = fc.array(
      fc.record({ n: fc.nat(200), share: fc.double({ min: 0, max: 1, noNaN: true }), control: fc.nat(200) }),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(minutes, fc.array(fc.nat(12), { maxLength: 6 }), (each, cuts) => {
        const rows = each.flatMap(({ n, share, control }, i) => [
          row(i, n, Math.floor(n * share)),
          row(i, control, 0, { arm: 'control' }),
        ])
        const ends = [...cuts.filter((cut) => cut < each.length).sort((a, b) => a - b), each.length]
        const stepwise = ends.reduce((of, end) => folded(rows, end, of), opened())
        expect(stepwise).toEqual(folded(rows, each.length))
      }),
    )
  })

  it('the same span again changes nothing', () => {
    const rows = [row(0, 100, 50), row(1, 100, 50)]
    const once = folded(rows, 2)
    expect(folded(rows, 2, once)).toBe(once)
    expect(folded(rows, 1, once)).toBe(once)
  })

  it('adds up parts of a window that shards and ledgers kept', () => {
    const parts = Array.from({ length: 10 }, () => row(0, 10, 5))
    expect(folded(parts, 1)).toEqual(folded([row(0, 100, 50)], 1))
  })

  it('notes the end of the first window with a finished candidate job, and counts jobs and submits', () => {
    const of = folded(
      [
        row(1, 7, 0, { operation: 'submit' }),
        row(1, 3, 0, { operation: 'submit', arm: 'control' }),
        row(2, 4),
        row(3, 5),
      ],
      5,
    )
    expect(of).toMatchObject({ firstJobAt: 3 * MINUTE, candidateJobs: 9, submits: { candidate: 7, control: 3 } })
  })

  it('counts no job as finished of which nobody saw how it ended', () => {
    const unseen = row(1, 4)
    unseen.counters.outcomes = { not_observed: 4 }
    const partly = row(2, 5)
    partly.counters.outcomes = { not_observed: 2, cancelled: 1 }
    expect(folded([unseen], 5)).toMatchObject({ firstJobAt: null, candidateJobs: 0 })
    expect(folded([unseen, partly], 5)).toMatchObject({ firstJobAt: 3 * MINUTE, candidateJobs: 3 })
  })

  it('leaves what it was given as it was', () => {
    const of = folded([row(0, 10, 1)], 1)
    const before = structuredClone(of)
    folded([row(1, 10, 10), row(1, 5, 0, { arm: 'control' })], 2, of)
    expect(of).toEqual(before)
  })
})

describe('windows', () => {
  it('hold only those of the span, oldest first', () => {
    const rows = [row(3, 1), row(1, 2), row(1, 4, 0, { arm: 'control' }), row(1, 5, 0, { arm: 'control' }), row(9, 1)]
    const windows = closedWindows(rows, { epoch: 1, shadow: false }, MINUTE, 9 * MINUTE, MINUTE)
    expect(windows.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [MINUTE, 2 * MINUTE],
      [3 * MINUTE, 4 * MINUTE],
    ])
    const [first] = windows
    expect([first!.candidate.job, first!.control.job].map((each) => each?.requests)).toEqual([2, 9])
  })

  it('are stepped through where there are rows, and at last where the span ends', () => {
    const ends = (rows: WindowRow[], until: number, from = opened()) =>
      Array.from(windowsOf(rows, until, from), ({ judgedUntil }) => judgedUntil / MINUTE)
    expect(ends([row(1, 1), row(3, 1), row(1, 2)], 6)).toEqual([2, 4, 6])
    expect(ends([row(1, 1), row(5, 1)], 6)).toEqual([2, 6])
    expect(ends([], 1)).toEqual([1])
    expect(ends([], 1, folded([], 1))).toEqual([1])
  })

  it('after one at which the reader stops are not folded', () => {
    const [first] = windowsOf([row(0, 10, 5), row(1, 10, 5)], 2, opened())
    expect(first).toEqual(folded([row(0, 10, 5)], 1))
  })
})

describe('while shadowing', () => {
  it('copies are compared with all of control', () => {
    const rows = [row(0, 7, 0, { arm: 'control' }), row(0, 5, 0, { shadow: true })]
    const [window] = closedWindows(rows, opened(0, true), 0, MINUTE, MINUTE)
    expect([window!.candidate.job?.requests, window!.control.job?.requests]).toEqual([5, 7])
  })
})

describe('the age from which an open job counts as slow', () => {
  const withControlJobs = (n: number, seconds: number): Judgement => {
    const latency = emptySketch()
    for (let i = 0; i < n; i++) addTo(latency, seconds)
    return { ...opened(), controlJobs: { latency, per_clip: emptySketch() } }
  }

  it("is control's p99 with the allowance, once that p99 is one", () => {
    expect(overdueAfter(withControlJobs(99, 10), [p99()])).toBeNull()
    const after = overdueAfter(withControlJobs(100, 10), [p99()])!
    expect(after.seconds).toBeGreaterThan(15 * 0.99)
    expect(after.seconds).toBeLessThan(15 * 1.01)
    expect(after.perClipSeconds).toBeNull()
  })

  it('is none where no guardrail compares latencies with control', () => {
    expect(overdueAfter(withControlJobs(1000, 10), [RULE])).toBeNull()
  })

  it("is a guardrail's max_seconds without any control, and the longest of all where there are several", () => {
    const absolute = p99({ id: 'absolute', maxOverControl: null, maxSeconds: 2, normalise: false })
    expect(overdueAfter(opened(), [absolute])).toEqual({ seconds: 2, perClipSeconds: null })
    expect(overdueAfter(opened(), [absolute, p99()])?.seconds).toBe(2)
    expect(overdueAfter(withControlJobs(100, 10), [absolute, p99()])?.seconds).toBeGreaterThan(14)
  })
})
