/** After a resume only what is newer pauses again. */
import { describe, expect, it } from 'vitest'
import { foldWindows, type Judgement, openJudgement, verdictsOf } from '../../../src/core/guardrails/evaluation.ts'
import type { Guardrail } from '../../../src/core/guardrails/index.ts'
import type { Signals } from '../../../src/core/guardrails/monitor.ts'
import { resumed } from '../../../src/core/guardrails/resume.ts'
import type { WindowRow } from '../../../src/core/window.ts'
import { counters, guardrail, MINUTE } from './fixtures.ts'

const NONE: Signals = { candidate: null, control: null }
const streak = guardrail({ id: 'streak', action: 'pause', forWindows: 2 })
const sequential = guardrail({ id: 'sequential', action: 'pause', method: 'sequential' })
const fast = guardrail({ id: 'fast', action: 'pause', withinMs: 10_000, max: 0.5, minRequests: 10 })
const fatal = guardrail({ id: 'fatal', forWindows: 2 })
const fvd = guardrail({ id: 'fvd', metric: 'signal:fvd', action: 'pause', max: 150, minSamples: 100 })
const RULES: Guardrail[] = [streak, sequential, fast, fatal, fvd]
const PLAN = { windowMs: MINUTE, guardrails: RULES }

function row(startMs: number, n: number, errors: number): WindowRow {
  const series = {
    stage: 'canary-5',
    epoch: 1,
    arm: 'candidate',
    operation: 'job',
    shadow: false,
  } as const
  return { startMs, series, counters: counters(n, errors) }
}

const folded = (of: Judgement, untilMinute: number, bad: readonly number[], errors = 50) =>
  [
    ...foldWindows(of, {
      rows: bad.map((i) => row(i * MINUTE, 100, errors)),
      untilMs: untilMinute * MINUTE,
      jobOperation: 'job',
      ...PLAN,
    }),
  ].at(-1)!

function judged(of: Judgement, minute: number, recent: WindowRow[] = [], signals = NONE) {
  const times = { now: minute * MINUTE, clockStartedAt: 0, epochStartedAt: 0 }
  return verdictsOf(of, RULES, recent, times, () => signals)
}
const statuses = (...of: Parameters<typeof judged>) =>
  Object.fromEntries(judged(...of).map(({ guardrail: id, status }) => [id, status]))

const opened = openJudgement(
  { epoch: 1, epochSince: 0, state: 'canary', percent: 5 },
  { ...PLAN, ladder: [{ percent: 5 }] },
  null,
)
const bad = folded(opened, 2, [0, 1])
const burst = [row(2.4 * MINUTE, 40, 40)]
const dear: Signals = { candidate: { n: 200, mean: 300 }, control: { n: 50, mean: 100 } }
const at = 2.45

describe('a resume', () => {
  const before = judged(bad, at, burst, dear)
  const after = resumed(bad, RULES, before, at * MINUTE)

  it('is by a release in which everything was bad', () => {
    expect(before.map(({ status }) => status)).toEqual(RULES.map(() => 'breach'))
  })

  it('lets nothing that was known pause again, and a rollback be one', () => {
    const known = statuses(after, at, burst, dear)
    expect(known).toMatchObject({ fatal: 'breach' })
    for (const id of ['streak', 'sequential', 'fast', 'fvd']) expect(known[id]).not.toBe('breach')
  })

  it('leaves out the window that had begun before', () => {
    const half = folded(after, 4, [2, 3])
    expect(half.monitors['streak']!.streak).toMatchObject({ bad: 1 })
    expect(statuses(half, 4)).toMatchObject({ streak: 'inconclusive' })
  })

  it('is undone by as much that is new', () => {
    const again = folded(after, 5, [2, 3, 4])
    const worse = { ...dear, candidate: { n: 300, mean: 250 } }
    expect(statuses(again, 5, [row(4.9 * MINUTE, 40, 40)], worse)).toMatchObject({
      streak: 'breach',
      sequential: 'breach',
      fast: 'breach',
      // 100 new samples with a mean of 150.
      fvd: 'pass',
    })
    expect(statuses(again, 5, [], { ...dear, candidate: { n: 300, mean: 251 } })).toMatchObject({ fvd: 'breach' })
  })

  it('asks more of the sequential test, which has spent a part of its α', () => {
    expect(bad.monitors['sequential']).toMatchObject({ share: 1 / 2, spent: 0 })
    expect(after.monitors['sequential']).toMatchObject({ share: 1 / 4, spent: 1 / 2 })
  })

  it('twice acknowledges both times what was posted', () => {
    const worse: Signals = { ...dear, candidate: { n: 300, mean: 251 } }
    const second = resumed(after, RULES, judged(after, 6, [], worse), 6 * MINUTE)
    expect(second.monitors['fvd']!.acknowledged).toEqual({ candidate: { n: 300, mean: 251 }, control: dear.control })
    expect(statuses(second, 7, [], worse)).toMatchObject({ fvd: 'no_data' })
  })

  it('leaves what passes as it is', () => {
    const good = folded(opened, 2, [0, 1], 0)
    const kept = resumed(good, RULES, judged(good, 2, [], NONE), 2 * MINUTE)
    expect(kept.monitors['streak']).toBe(good.monitors['streak'])
    expect(kept.listeningSince).toBe(2 * MINUTE)
  })
})
