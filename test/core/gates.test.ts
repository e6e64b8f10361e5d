/** What is still missing before a release may advance, gate by gate. */
import { describe, expect, it } from 'vitest'
import { blockers, passWords } from '../../src/core/gates.ts'
import { canary, facts, NOW, plan, rolledBack, rung, shadowing, state, verdict } from './release-fixtures.ts'

const codes = (...args: Parameters<typeof blockers>) => blockers(...args).map(({ code }) => code)

describe('blockers', () => {
  it('are none where everything is there', () => {
    expect(blockers(canary(5), plan(), facts())).toEqual([])
    expect(blockers(shadowing(), plan(), facts())).toEqual([])
  })

  it('outside a running stage say what a person would have to do', () => {
    expect(codes(state({ state: 'idle' }), plan(), facts())).toEqual(['not_started'])
    expect(codes(rolledBack(), plan(), facts())).toEqual(['rolled_back'])
    expect(codes(state({ state: 'completed', stage: 'completed' }), plan(), facts())).toEqual([])
  })

  it('hold a verdict that is anything but passed, with its own sentence', () => {
    for (const status of ['breach', 'inconclusive', 'no_data', 'error'] as const) {
      expect(blockers(canary(5), plan(), facts({ verdicts: [verdict({ status, message: 'told so' })] }))).toEqual([
        { code: 'guardrail', message: 'error_rate:job: told so', guardrail: 'error_rate:job', untilMs: null },
      ])
    }
  })

  it('pass over a guardrail that is waived, and over no other', () => {
    const verdicts = [verdict({ guardrail: 'a', status: 'no_data' }), verdict({ guardrail: 'b', status: 'no_data' })]
    expect(codes(canary(5), plan(), facts({ verdicts, waived: ['a'] }))).toEqual(['guardrail'])
    expect(codes(canary(5), plan(), facts({ verdicts, waived: ['a', 'b'] }))).toEqual([])
  })

  it('count the bake from the end of the first candidate job, to the millisecond', () => {
    const at = canary(5, { clockStartedAt: NOW - 59_999 })
    expect(blockers(at, plan(), facts())).toMatchObject([{ code: 'bake', untilMs: NOW + 1 }])
    expect(blockers(at, plan(), facts({ now: NOW + 1 }))).toEqual([])
    expect(blockers(canary(5, { clockStartedAt: null }), plan(), facts())).toMatchObject([
      { code: 'bake', untilMs: null },
    ])
  })

  it('ask for the bake of the rung, and on the last one for the longer of its own and the final one', () => {
    const baking = plan({ ladder: [rung(5, { bakeMs: 10_000 }), rung(100, { bakeMs: 10_000 })] })
    const at = { clockStartedAt: NOW - 11_000 }
    expect(codes(canary(5, at), baking, facts())).toEqual([])
    expect(blockers(canary(100, at), baking, facts())).toMatchObject([{ code: 'final_bake', untilMs: NOW + 109_000 }])
    const longer = plan({ ladder: [rung(100, { bakeMs: 500_000 })] })
    expect(blockers(canary(100, at), longer, facts())).toMatchObject([{ code: 'final_bake', untilMs: NOW + 489_000 }])
  })

  it('hold a release on the last rung of a ladder that ends below 100', () => {
    const short = plan({ ladder: [rung(5), rung(20)] })
    expect(blockers(canary(20), short, facts())).toMatchObject([{ code: 'gate', untilMs: null }])
    expect(codes(canary(5), short, facts())).toEqual([])
    expect(codes(canary(20), plan(), facts())).toEqual([])
  })

  it('count jobs that ended in this stage', () => {
    const [missing] = blockers(canary(5), plan(), facts({ finishedJobs: 49 }))
    expect(missing).toMatchObject({ code: 'min_jobs', message: '1 more candidate job (49 of 50)' })
  })

  it('hold a rung with an experiment gate until the experiment says advance', () => {
    const gated = plan({ ladder: [rung(50, { gate: 'experiment' }), rung(100)] })
    for (const experiment of [null, 'continue', 'hold', 'rollback'] as const)
      expect(codes(canary(50), gated, facts({ experiment }))).toEqual(['gate'])
    expect(codes(canary(50), gated, facts({ experiment: 'advance' }))).toEqual([])
  })

  it('list all that is missing at once, in a fixed order', () => {
    const strict = plan({
      ladder: [rung(50, { gate: 'experiment', approval: 'manual' }), rung(100)],
      freeze: [{ fromMs: NOW, toMs: NOW + 5, why: 'holidays' }],
    })
    const at = canary(50, { paused: true, clockStartedAt: null })
    const none = facts({ finishedJobs: 0, verdicts: [verdict({ status: 'no_data' })] })
    expect(codes(at, strict, none)).toEqual(['paused', 'guardrail', 'bake', 'min_jobs', 'gate', 'freeze', 'approval'])
  })
})

describe('the words of an advance', () => {
  it('say that all guardrails pass only where all do, and else which one was waived', () => {
    const pass = verdict({ guardrail: 'a' })
    expect(passWords([pass, pass])).toBe('all guardrails pass')
    expect(passWords([pass, verdict({ guardrail: 'b', status: 'no_data' })])).toBe(
      '1 of 2 guardrails pass, waived: b (no data)',
    )
  })
})
