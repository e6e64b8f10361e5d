/** Plans, facts, verdicts and states for the tests of the state machine and its gates: defaults that each test overrides. */
import type { Facts } from '../../src/core/gates.ts'
import type { Verdict } from '../../src/core/guardrails/verdict.ts'
import { initialState, type Plan, type ReleaseState, type Rung } from '../../src/core/release.ts'
import { type Command, type Transition, transition } from '../../src/core/transitions.ts'

export const NOW = 1_700_000_000_000

export function rung(percent: number, over: Partial<Rung> = {}): Rung {
  return { percent, bakeMs: 60_000, gate: 'guardrails', approval: 'none', ...over }
}

export function plan(over: Partial<Plan> = {}): Plan {
  return {
    ladder: [rung(1), rung(5), rung(20), rung(100)],
    bakeMs: 60_000,
    finalBakeMs: 120_000,
    minJobs: 50,
    advance: 'manual',
    cooldownMs: 600_000,
    freeze: [],
    ledgerShards: 1,
    ...over,
  }
}

/** Everything that a gate can ask for is there. */
export function facts(over: Partial<Facts> = {}): Facts {
  return { now: NOW, finishedJobs: 50, verdicts: [verdict()], waived: [], experiment: null, ...over }
}

export function verdict(over: Partial<Verdict> = {}): Verdict {
  return {
    guardrail: 'error_rate:job',
    kind: 'rate',
    metric: 'error_rate',
    operation: 'job',
    method: 'threshold',
    action: 'rollback',
    status: 'pass',
    note: null,
    value: 0,
    n: 500,
    baselineValue: null,
    baselineN: 0,
    threshold: 0.01,
    measure: 'share',
    withinSeconds: null,
    alpha: null,
    windows: { fromMs: null, toMs: null, bad: 0, needed: 5 },
    formula: 'x / n > max',
    message: '0 of 500 jobs failed',
    ...over,
  }
}

/** A release in this place whose bake is long over. */
export function state(over: Partial<ReleaseState> = {}): ReleaseState {
  return { ...initialState(NOW - 3_600_000), version: 7, epoch: 3, clockStartedAt: NOW - 3_000_000, ...over }
}

export const shadowing = (over: Partial<ReleaseState> = {}) => state({ state: 'shadow', stage: 'shadow', ...over })

export const canary = (percent: number, over: Partial<ReleaseState> = {}) =>
  state({ state: 'canary', stage: `canary-${percent}`, percent, rung: percent, ...over })

export const rolledBack = (over: Partial<ReleaseState> = {}) =>
  state({ state: 'rolled_back', stage: 'rolled_back', ...over })

/** The state after the command; throws where it is refused. */
export function after(from: ReleaseState, command: Command, over: { plan?: Plan; facts?: Facts } = {}): ReleaseState {
  const done = tried(from, command, over)
  if (!done.ok) throw new Error(`refused: ${done.message}`)
  return done.state
}

export function tried(
  from: ReleaseState,
  command: Command,
  { plan: p = plan(), facts: f = facts() }: { plan?: Plan; facts?: Facts } = {},
): Transition {
  return transition(from, command, p, f, 'why')
}
