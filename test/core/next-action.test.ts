/** What a tick does about what it found: one thing, and always in the same order. */
import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../src/core/guardrails/verdict.ts'
import { alertOf, type Findings, nextAction } from '../../src/core/next-action.ts'
import type { State } from '../../src/core/release.ts'
import { guardrail } from './guardrails/fixtures.ts'
import { canary, plan, rolledBack, rung, shadowing, state, verdict } from './release-fixtures.ts'

const LADDER = [rung(5), rung(50, { gate: 'experiment' }), rung(100)]
const AUTO = { ...plan({ ladder: LADDER, advance: 'auto' }), guardrails: [guardrail()] }
const HARM = { epoch: 3, decision: 'rollback' as const }

const breach = (over: Partial<Verdict> = {}) => verdict({ status: 'breach', ...over })
const pausing = breach({ guardrail: 'pausing', action: 'pause' })
const warning = breach({ guardrail: 'warning', action: 'warn' })
const bothBad = verdict({ guardrail: 'both', note: 'both_bad' })

function next(over: Partial<Findings> = {}, by = AUTO) {
  return nextAction(
    { state: canary(50), verdicts: [verdict()], alerted: [], decision: null, blockers: [], ...over },
    by,
  )
}

describe('one tick does one thing', () => {
  // Everything at once, and then each time without what came first.
  const all = { verdicts: [warning, bothBad, pausing, breach()], decision: HARM }

  it('a rollback for a guardrail before all else', () => {
    expect(next(all)).toEqual({ action: 'rollback', by: 'guardrail', verdict: breach() })
  })

  it('then a pause', () => {
    expect(next({ ...all, verdicts: [warning, bothBad, pausing] })).toMatchObject({
      action: 'pause',
      verdict: { guardrail: 'pausing' },
    })
  })

  it('then the rollback that the experiment asks for, which a pause does not hold up', () => {
    expect(next({ ...all, verdicts: [warning, bothBad] })).toEqual({ action: 'rollback', by: 'experiment' })
    expect(next({ ...all, verdicts: [pausing], state: canary(50, { paused: true }) })?.action).toBe('rollback')
  })

  it('then alerts for what was not told yet, all of them, paused or completed as well', () => {
    const alert = { action: 'alert', verdicts: [warning, bothBad] }
    expect(next({ verdicts: [warning, bothBad] })).toEqual(alert)
    expect(next({ verdicts: [warning, bothBad], alerted: ['warning'] })).toEqual({ ...alert, verdicts: [bothBad] })
    expect(next({ verdicts: [pausing], state: canary(50, { paused: true }) })?.action).toBe('alert')
    const completed = state({ state: 'completed', stage: 'completed', percent: 100 })
    expect(next({ verdicts: [pausing], state: completed })?.action).toBe('alert')
  })

  it('and only then a step, if nothing stands in its way and steps go by themselves', () => {
    const told = { verdicts: [warning], alerted: ['warning'] }
    expect(next(told)).toEqual({ action: 'advance' })
    expect(next({ ...told, state: shadowing() })).toEqual({ action: 'advance' })
    expect(next({ ...told, state: canary(100) })).toEqual({ action: 'promote' })
    expect(next({ ...told, blockers: [{ code: 'bake', message: '', untilMs: null }] })).toBeNull()
    expect(next(told, { ...AUTO, advance: 'manual' })).toBeNull()
    expect(next({ ...told, state: state({ state: 'completed' }) })).toBeNull()
  })
})

it.each<State>(['idle', 'rolled_back'])('nothing is done about what is not running: %s', (where) => {
  const at = where === 'idle' ? state() : rolledBack()
  expect(next({ state: at, verdicts: [breach(), warning] })).toBeNull()
})

describe("the experiment's rollback", () => {
  it('is carried out only at a stage whose gate it is, by a release that moves by itself, of this very split', () => {
    expect(next({ decision: HARM })?.action).toBe('rollback')
    expect(next({ decision: { ...HARM, epoch: 2 } })?.action).toBe('advance')
    expect(next({ decision: { ...HARM, decision: 'hold' } })?.action).toBe('advance')
    expect(next({ decision: HARM, state: canary(5) })?.action).toBe('advance')
    expect(next({ decision: HARM }, { ...AUTO, advance: 'manual' })).toBeNull()
  })
})

describe('missing data', () => {
  const missing = verdict({ status: 'no_data', note: 'grace_over' })

  it('rolls back after its grace where the guardrail says so, and holds otherwise', () => {
    const strict = { ...AUTO, guardrails: [guardrail({ noData: 'rollback' })] }
    expect(next({ verdicts: [missing] }, strict)).toMatchObject({ action: 'rollback', verdict: { status: 'no_data' } })
    expect(next({ verdicts: [{ ...missing, note: null }] }, strict)?.action).not.toBe('rollback')
    expect(next({ verdicts: [missing] })?.action).not.toBe('rollback')
  })

  it('rolls nothing back while there were jobs that Sluice could not see: that is told, and the release holds', () => {
    const strict = { ...AUTO, guardrails: [guardrail({ noData: 'rollback' })] }
    const unseen = { ...missing, evidence: { not_observed: 4, unseen: 4 } }
    expect(next({ verdicts: [unseen] }, strict)).toEqual({ action: 'alert', verdicts: [unseen] })
    const cancelled = { ...missing, evidence: { cancelled: 4 } }
    expect(next({ verdicts: [cancelled] }, strict)?.action).toBe('rollback')
  })

  it.each(['hold', 'warn'] as const)('is told once an epoch where the guardrail says "%s"', (noData) => {
    const by = { ...AUTO, guardrails: [guardrail({ noData })] }
    expect(next({ verdicts: [missing] }, by)).toEqual({ action: 'alert', verdicts: [missing] })
    expect(next({ verdicts: [missing], alerted: [alertOf(missing)] }, by)?.action).not.toBe('alert')
    expect(next({ verdicts: [{ ...missing, note: null }] }, by)?.action).not.toBe('alert')
  })

  it('is told beside a breach of the same guardrail, and does not keep that from being told', () => {
    const warned = breach({ action: 'warn' })
    expect(next({ verdicts: [warned], alerted: [alertOf(missing)] })).toEqual({ action: 'alert', verdicts: [warned] })
    expect(next({ verdicts: [missing], alerted: [alertOf(warned)] })?.action).toBe('alert')
  })

  it('is nobody’s fault where a person sends the candidate nothing', () => {
    const strict = { ...AUTO, guardrails: [guardrail({ noData: 'rollback' })] }
    for (const off of [shadowing({ paused: true }), shadowing({ shadowSample: 0 }), canary(50, { percent: 0 })]) {
      const found = next({ verdicts: [missing], state: off }, strict)?.action
      expect(['rollback', 'alert']).not.toContain(found)
    }
    expect(next({ verdicts: [missing], state: canary(50, { paused: true }) }, strict)?.action).toBe('rollback')
  })
})
