/** The state machine: every legal step, and every refusal. */
import { describe, expect, it } from 'vitest'
import type { ReleaseState } from '../../src/core/release.ts'
import { type Action, type Command, legalActions } from '../../src/core/transitions.ts'
import {
  after,
  canary,
  facts,
  NOW,
  plan,
  rolledBack,
  rung,
  shadowing,
  state,
  tried,
  verdict,
} from './release-fixtures.ts'

const idle = state({ state: 'idle' })
const completed = state({ state: 'completed', stage: 'completed', percent: 100 })

describe('legal actions', () => {
  it.each<[string, ReleaseState, Action[]]>([
    ['idle', idle, ['start', 'set_shadow']],
    ['shadow', shadowing(), ['advance', 'pause', 'rollback', 'set_shadow']],
    ['paused shadow', shadowing({ paused: true }), ['advance', 'resume', 'rollback', 'set_shadow']],
    ['a rung below the last', canary(5), ['advance', 'pause', 'rollback', 'set_percent', 'set_shadow']],
    ['the last rung', canary(100), ['promote', 'pause', 'rollback', 'set_percent', 'set_shadow']],
    ['completed', completed, ['rollback', 'set_shadow']],
    ['rolled back', rolledBack(), ['reset', 'set_shadow']],
  ])('of %s are these, and every other is refused with the list of them', (_, from, legal) => {
    expect(legalActions(from, plan())).toEqual(legal)
    const all: Command[] = [
      { action: 'start' },
      { action: 'advance', force: true },
      { action: 'promote', force: true },
      { action: 'pause' },
      { action: 'resume' },
      { action: 'rollback' },
      { action: 'reset' },
      { action: 'approve' },
      { action: 'set_percent', percent: 3 },
      { action: 'set_shadow', sample: 0.5 },
    ]
    for (const command of all.filter(({ action }) => !legal.includes(action))) {
      const refused = tried(from, command)
      expect(refused).toMatchObject({ ok: false, code: 'illegal_transition', legal })
      expect(!refused.ok && refused.message).toContain(legal.join(', '))
    }
  })
})

describe('start', () => {
  it('begins with shadowing, or at the stage that is named', () => {
    expect(after(idle, { action: 'start' })).toMatchObject({ state: 'shadow', stage: 'shadow', percent: 0, rung: null })
    expect(after(idle, { action: 'start', stage: 'canary-5' })).toMatchObject({
      state: 'canary',
      stage: 'canary-5',
      percent: 5,
      rung: 5,
      startedAt: NOW,
      clockStartedAt: null,
    })
  })

  it('remembers the stages of its run, and none of an earlier one', () => {
    const begun = after(idle, { action: 'start', stage: 'canary-1' })
    const raised = after(begun, { action: 'set_percent', percent: 30 })
    const there = after(raised, { action: 'advance', force: true })
    const back = after(there, { action: 'rollback' })
    expect(back.visited).toEqual(['canary-1', 'canary-100', 'rolled_back'])
    const again = after({ ...after(back, { action: 'reset' }), cooldownUntil: null }, { action: 'start' })
    expect(again.visited).toEqual(['shadow'])
  })

  it('remembers a stage once, however often its run comes back to it', () => {
    let at = after(idle, { action: 'start', stage: 'canary-5' })
    for (let i = 0; i < 3; i++) {
      at = after(at, { action: 'set_percent', percent: 3 })
      at = after(at, { action: 'advance', force: true })
    }
    expect(at.visited).toEqual(['canary-5'])
  })

  it('that says where it leads is made once, whoever sends it again', () => {
    const step = { action: 'advance', force: true, to: 'canary-20' } as const
    const there = after(canary(5), step)
    expect(there.stage).toBe('canary-20')
    const [again, elsewhere] = [tried(there, step), tried(canary(5), { ...step, to: 'canary-7' })]
    expect(again).toMatchObject({ ok: false, code: 'illegal_transition' })
    expect(again).toMatchObject({ message: 'already at canary-20: this step was made' })
    expect(elsewhere).toMatchObject({ ok: false, code: 'illegal_transition' })
  })

  it('that says where it leads may lead back to the percent of its own stage', () => {
    const step = { action: 'advance', force: true, to: 'canary-5' } as const
    const there = after(after(canary(5), { action: 'set_percent', percent: 3 }), step)
    expect(there).toMatchObject({ stage: 'canary-5', percent: 5 })
    expect(tried(there, step)).toMatchObject({ message: 'already at canary-5: this step was made' })
  })

  it('at a stage that the ladder does not have is refused with the stages that there are', () => {
    const refused = tried(idle, { action: 'start', stage: 'canary-7' })
    expect(refused).toMatchObject({ ok: false, code: 'invalid_request' })
    expect(!refused.ok && refused.message).toContain('shadow, canary-1, canary-5, canary-20, canary-100')
  })

  it('waits for the cool-down of the last reset, and not longer', () => {
    const cooling = after(rolledBack(), { action: 'reset' })
    expect(cooling).toMatchObject({ state: 'idle', cooldownUntil: NOW + 600_000 })
    expect(tried(cooling, { action: 'start' }, { facts: facts({ now: NOW + 599_999 }) })).toMatchObject({
      ok: false,
      code: 'blocked',
      blockers: [{ code: 'cooldown', untilMs: NOW + 600_000 }],
    })
    expect(after(cooling, { action: 'start' }, { facts: facts({ now: NOW + 600_000 }) })).toMatchObject({
      state: 'shadow',
      cooldownUntil: null,
    })
  })
})

describe('advance', () => {
  it('goes from rung to rung, and promote from the last one to the end', () => {
    const stages: string[] = []
    let at = shadowing()
    while (at.stage !== 'canary-100') {
      at = { ...after(at, { action: 'advance', force: false }), clockStartedAt: NOW - 3_000_000 }
      stages.push(`${at.stage}=${at.percent}`)
    }
    expect(stages).toEqual(['canary-1=1', 'canary-5=5', 'canary-20=20', 'canary-100=100'])
    expect(after(at, { action: 'promote', force: false })).toMatchObject({ state: 'completed', percent: 100 })
  })

  it('goes on from the percent that was set by hand, always up', () => {
    const set = after(canary(5), { action: 'set_percent', percent: 50 })
    expect(set).toMatchObject({ stage: 'canary-5', percent: 50, rung: 5 })
    expect(after(set, { action: 'advance', force: true })).toMatchObject({ stage: 'canary-100', percent: 100 })
    const lowered = after(canary(20), { action: 'set_percent', percent: 3 })
    expect(after(lowered, { action: 'advance', force: true })).toMatchObject({ stage: 'canary-5', percent: 5 })
  })

  it('ends at 100 %, and nothing else is promoted: not what was set by hand, nor the top of a shorter ladder', () => {
    const promote: Command = { action: 'promote', force: true }
    const lowered = after(canary(100), { action: 'set_percent', percent: 20 })
    const raised = after(canary(5), { action: 'set_percent', percent: 100 })
    for (const from of [lowered, raised]) {
      expect(tried(from, promote)).toMatchObject({ ok: false, code: 'illegal_transition' })
      const last = after(from, { action: 'advance', force: true })
      expect(last).toMatchObject({ stage: 'canary-100', percent: 100 })
      expect(after(last, promote).state).toBe('completed')
    }
    const short = plan({ ladder: [rung(1), rung(20)] })
    expect(legalActions(canary(20), short)).toEqual(['pause', 'rollback', 'set_percent', 'set_shadow'])
  })

  it('goes to the next higher rung of a ladder that was changed live', () => {
    expect(
      after(canary(5), { action: 'advance', force: true }, { plan: plan({ ladder: [rung(2), rung(30)] }) }),
    ).toMatchObject({ stage: 'canary-30', percent: 30 })
  })

  it('with force passes every gate but a freeze and a pause', () => {
    const nothingYet = facts({ finishedJobs: 0, verdicts: [verdict({ status: 'no_data' })] })
    const fresh = canary(5, { clockStartedAt: null })
    const refused = tried(fresh, { action: 'advance', force: false }, { facts: nothingYet })
    expect(!refused.ok && refused.blockers.map(({ code }) => code)).toEqual(['guardrail', 'bake', 'min_jobs'])
    expect(after(fresh, { action: 'advance', force: true }, { facts: nothingYet }).stage).toBe('canary-20')
    expect(tried(canary(5, { paused: true }), { action: 'advance', force: true })).toMatchObject({
      code: 'blocked',
      blockers: [{ code: 'paused' }],
    })
  })
})

describe('a freeze', () => {
  const freezing = plan({ freeze: [{ fromMs: NOW - 1, toMs: NOW + 1, why: 'holidays' }] })

  it('blocks advance and promote, by hand and forced ones too, and nothing else', () => {
    for (const [from, command] of [
      [canary(5), { action: 'advance', force: false, byHand: true }],
      [canary(5), { action: 'advance', force: true }],
      [canary(100), { action: 'promote', force: true }],
    ] as [ReleaseState, Command][]) {
      expect(tried(from, command, { plan: freezing })).toMatchObject({
        ok: false,
        code: 'blocked',
        blockers: [{ code: 'freeze', untilMs: NOW + 1 }],
      })
    }
    expect(after(canary(5), { action: 'rollback' }, { plan: freezing }).state).toBe('rolled_back')
    expect(after(idle, { action: 'start', stage: 'canary-5' }, { plan: freezing }).stage).toBe('canary-5')
    const asking = { ...freezing, ladder: [rung(5, { approval: 'manual' }), rung(100)] }
    expect(after(canary(5), { action: 'approve' }, { plan: asking }).approvedStage).toBe('canary-5')
    expect(after(canary(5), { action: 'set_percent', percent: 7 }, { plan: freezing }).percent).toBe(7)
  })

  it('ends at its end', () => {
    expect(
      after(canary(5), { action: 'advance', force: true }, { plan: freezing, facts: facts({ now: NOW + 1 }) }).stage,
    ).toBe('canary-20')
  })
})

describe('rollback', () => {
  it.each([
    ['shadow', shadowing()],
    ['canary', canary(20)],
    ['paused canary', canary(20, { paused: true })],
    ['completed', completed],
  ])('from %s sends everybody to control, in a new epoch', (_, from) => {
    const rolled = after(from, { action: 'rollback' })
    expect(rolled).toMatchObject({ state: 'rolled_back', stage: 'rolled_back', percent: 0, rung: null, paused: false })
    expect(rolled.epoch).toBe(from.epoch + 1)
  })
})

describe('approval', () => {
  const asking = plan({ ladder: [rung(5, { approval: 'manual' }), rung(100)] })

  it("is what a person's own step stands for", () => {
    expect(after(canary(5), { action: 'advance', force: false, byHand: true }, { plan: asking }).stage).toBe(
      'canary-100',
    )
  })

  it('is asked for by its rung, given once all else is there, and spent with the stage', () => {
    expect(tried(canary(5), { action: 'advance', force: false }, { plan: asking })).toMatchObject({
      blockers: [{ code: 'approval' }],
    })
    const approved = after(canary(5), { action: 'approve' }, { plan: asking })
    const moved = after(approved, { action: 'advance', force: false }, { plan: asking })
    expect(moved).toMatchObject({ stage: 'canary-100', approvedStage: null })
  })

  it('is offered only where it is asked for and not given yet', () => {
    expect(legalActions(canary(5), asking)).toContain('approve')
    expect(legalActions(canary(100), asking)).not.toContain('approve')
    expect(legalActions(after(canary(5), { action: 'approve' }, { plan: asking }), asking)).not.toContain('approve')
  })

  it('is refused while anything else is missing', () => {
    expect(tried(canary(5), { action: 'approve' }, { plan: asking, facts: facts({ finishedJobs: 3 }) })).toMatchObject({
      ok: false,
      code: 'blocked',
      blockers: [{ code: 'min_jobs' }],
    })
  })
})

describe('a number out of its range', () => {
  it.each<[Command, string]>([
    ...[-0.01, 100.01, Number.NaN, Infinity].map((percent): [Command, string] => [
      { action: 'set_percent', percent },
      'percent',
    ]),
    ...[-0.01, 1.01, Number.NaN, Infinity].map((sample): [Command, string] => [
      { action: 'set_shadow', sample },
      'sample',
    ]),
  ])('is refused by the state machine itself: %o', (command, param) => {
    expect(tried(canary(5), command)).toMatchObject({ ok: false, code: 'invalid_request', param })
  })

  it('does not include its ends', () => {
    expect([0, 100].map((percent) => after(canary(5), { action: 'set_percent', percent }).percent)).toEqual([0, 100])
    expect([0, 1].map((sample) => after(canary(5), { action: 'set_shadow', sample }).shadowSample)).toEqual([0, 1])
  })
})

describe('reconfigure', () => {
  it('begins a new epoch, and its clock anew, only where what is judged or split changed', () => {
    expect(after(canary(5), { action: 'reconfigure', judged: true })).toMatchObject({
      stage: 'canary-5',
      epoch: 4,
      epochSince: NOW,
      clockStartedAt: null,
      version: 8,
    })
    expect(after(canary(5), { action: 'reconfigure', judged: false })).toMatchObject({
      epoch: 3,
      clockStartedAt: NOW - 3_000_000,
      version: 8,
    })
  })
})
