/**
 * The release's state machine as one table: (state, command, facts) → the next state and
 * its audit entry, or a refusal that lists what is legal. Pure: the caller stores what comes out.
 */
import { type Blocker, blockers, type Facts } from './gates.ts'
import { grown } from './ledger-growth.ts'
import type { Plan, ReleaseState, Rung, State } from './release.ts'
import { canaryStage, isSplit, nextRung, presentRung } from './release.ts'

export type Command =
  | { action: 'start'; stage?: string | undefined }
  /** `byHand`: a person's own step, itself the approval that a stage may ask for. `to`: the stage it is to lead to. */
  | { action: 'advance'; force: boolean; byHand?: boolean; to?: string | undefined }
  | { action: 'promote'; force: boolean; byHand?: boolean }
  | { action: 'pause' }
  | { action: 'resume' }
  | { action: 'rollback' }
  | { action: 'reset' }
  | { action: 'approve' }
  | { action: 'set_percent'; percent: number }
  | { action: 'set_shadow'; sample: number; duringCanary?: boolean | undefined }
  /** The effective config changed what is judged or split: the same stage, a new epoch. */
  | { action: 'reconfigure'; judged: boolean }
export type Action = Command['action']

export interface Place {
  stage: string
  percent: number
}

type Moved = { ok: true; state: ReleaseState; from: Place; to: Place }
export type Transition =
  | Moved
  | {
      ok: false
      code: 'illegal_transition' | 'blocked' | 'invalid_request'
      message: string
      /** The command's own key that is wrong, where it is one. */
      param: string | null
      blockers: Blocker[]
      legal: Action[]
    }

/** Of a person's reason; the system's own sentences are what they are. */
export const MAX_REASON_CHARS = 500

/** What `set_shadow` changed lasts for one run; the next begins as configured. */
const AS_CONFIGURED = { shadowSample: null, shadowDuringCanary: null }

/** Who may do what, and from where. */
const LEGAL: Record<Exclude<Action, 'reconfigure'>, (state: ReleaseState, plan: Plan) => boolean> = {
  start: (s) => s.state === 'idle',
  advance: (s, plan) => s.state === 'shadow' || (s.state === 'canary' && nextRung(s, plan.ladder) !== null),
  promote: (s) => s.state === 'canary' && s.rung === 100 && s.percent === 100,
  pause: (s) => ['shadow', 'canary'].includes(s.state) && !s.paused,
  resume: (s) => s.paused,
  rollback: (s) => ['shadow', 'canary', 'completed'].includes(s.state),
  reset: (s) => s.state === 'rolled_back',
  approve: (s, plan) => presentRung(s, plan.ladder)?.approval === 'manual' && s.approvedStage !== s.stage,
  set_percent: (s) => s.state === 'canary',
  set_shadow: () => true,
}

export function legalActions(state: ReleaseState, plan: Plan): Action[] {
  return (Object.keys(LEGAL) as (keyof typeof LEGAL)[]).filter((action) => LEGAL[action](state, plan))
}

/** `reason` is the person's or the system's sentence; it becomes the state's. */
export function transition(
  state: ReleaseState,
  command: Command,
  plan: Plan,
  facts: Facts,
  reason: string,
): Transition {
  const next = moved(state, command, plan, facts, reason)
  return next.ok ? { ...next, state: withLedgers(state, next.state, plan, facts.now) } : next
}

function moved(state: ReleaseState, command: Command, plan: Plan, facts: Facts, reason: string): Transition {
  if (command.action !== 'reconfigure' && !LEGAL[command.action](state, plan)) {
    const where = `${state.stage}${state.paused ? ' (paused)' : ''}`
    const legal = legalActions(state, plan).join(', ')
    const message = `${command.action} is not possible in ${where}; legal now: ${legal}`
    return refuse(state, plan, 'illegal_transition', message)
  }
  const astray = ledAstray(state, command, plan)
  if (astray !== null) return refuse(state, plan, 'illegal_transition', astray)
  const wrong = outOfRange(command)
  if (wrong) return refuse(state, plan, 'invalid_request', `${wrong.param} ${wrong.message}`, [], wrong.param)
  const { now } = facts
  switch (command.action) {
    case 'start':
      return start(state, command.stage ?? 'shadow', plan, facts, reason)
    case 'advance':
    case 'promote': {
      const unmetGates = obstacles(state, command, plan, facts)
      if (unmetGates.length > 0) return blocked(state, plan, `${command.action} waits`, unmetGates)
      if (command.action === 'promote') return enter(state, { ...offLadder('completed'), percent: 100, reason }, now)
      const rung = nextRung(state, plan.ladder)!
      return enter(state, { ...onLadder(rung), reason }, now)
    }
    case 'rollback':
      return rolledBack(state, reason, now)
    case 'reset':
      return enter(
        state,
        { ...offLadder('idle'), ...AS_CONFIGURED, cooldownUntil: now + plan.cooldownMs, visited: [], reason },
        now,
      )
    case 'pause':
      return change(state, { paused: true, reason })
    case 'resume':
      return change(state, { paused: false, reason })
    case 'approve': {
      const others = blockers(state, plan, facts).filter((b) => b.code !== 'approval' && b.code !== 'freeze')
      if (others.length > 0) return blocked(state, plan, "approval can't be given early; it waits", others)
      return change(state, { approvedStage: state.stage })
    }
    case 'set_percent':
      return change(state, { percent: command.percent, reason, ...newEpoch(state, now) })
    case 'set_shadow':
      return change(state, {
        shadowSample: command.sample,
        shadowDuringCanary: command.duringCanary ?? state.shadowDuringCanary,
      })
    case 'reconfigure':
      return change(state, command.judged ? newEpoch(state, now) : {})
  }
}

/** Goes by no configuration, so that a release which is gone from the file can be rolled back, too. */
export function rolledBack(state: ReleaseState, reason: string, now: number): Moved {
  return enter(state, { ...offLadder('rolled_back'), reason }, now)
}

/** Why an advance does not lead where it is to lead: somebody was faster, or there is no such stage. */
function ledAstray(state: ReleaseState, command: Command, plan: Plan): string | null {
  if (command.action !== 'advance' || command.to === undefined) return null
  // After a lower percent was set by hand, the next stage may be the present one.
  const next = canaryStage(nextRung(state, plan.ladder)!.percent)
  if (command.to === next) return null
  if (command.to === state.stage) return `already at ${state.stage}: this step was made`
  return `advance leads from ${state.stage} to ${next}, not to ${command.to.slice(0, 100)}`
}

/** Schemas ask this too, each at its own door; here it holds whoever sends the command. NaN is in no range. */
function outOfRange(command: Command): { param: string; message: string } | null {
  const within = (value: number, max: number) => value >= 0 && value <= max
  if (command.action === 'set_percent' && !within(command.percent, 100))
    return { param: 'percent', message: `is a number from 0 to 100, not ${command.percent}` }
  if (command.action === 'set_shadow' && !within(command.sample, 1))
    return { param: 'sample', message: `is a number from 0 to 1, not ${command.sample}` }
  return null
}

/** What even `force` can't pass: a freeze, and a pause (resume first). */
function obstacles(
  state: ReleaseState,
  { force, byHand = false }: { force: boolean; byHand?: boolean },
  plan: Plan,
  facts: Facts,
): Blocker[] {
  const all = blockers(state, plan, facts).filter((b) => !(byHand && b.code === 'approval'))
  return force ? all.filter((b) => b.code === 'paused' || b.code === 'freeze') : all
}

function start(state: ReleaseState, stage: string, plan: Plan, facts: Facts, reason: string): Transition {
  const unmetGates = blockers(state, plan, facts).filter((b) => b.code === 'cooldown')
  if (unmetGates.length > 0) return blocked(state, plan, 'start waits', unmetGates)
  const begun = { cooldownUntil: null, startedAt: facts.now, reason }
  if (stage === 'shadow') return enter(state, { ...offLadder('shadow'), ...begun }, facts.now)
  const rung = plan.ladder.find(({ percent }) => canaryStage(percent) === stage)
  if (!rung) {
    const stages = ['shadow', ...plan.ladder.map(({ percent }) => canaryStage(percent))]
    const message = `there is no stage "${stage.slice(0, 100)}"; there are ${stages.join(', ')}`
    return refuse(state, plan, 'invalid_request', message, [], 'stage')
  }
  return enter(state, { ...onLadder(rung), ...begun }, facts.now)
}

type Stage = Pick<ReleaseState, 'state' | 'stage' | 'percent' | 'rung'>

function offLadder(state: Exclude<State, 'canary'>): Stage {
  return { state, stage: state, percent: 0, rung: null }
}

function onLadder({ percent }: Rung): Stage {
  return { state: 'canary', stage: canaryStage(percent), percent, rung: percent }
}

/** Another stage: not paused, not approved to be left, its clock not started. */
function enter(state: ReleaseState, to: Stage & Partial<ReleaseState>, now: number): Moved {
  const visited = [...new Set([...state.visited, to.stage])]
  return change(state, { paused: false, since: now, approvedStage: null, visited, ...newEpoch(state, now), ...to })
}

function newEpoch(state: ReleaseState, now: number): Partial<ReleaseState> {
  return { epoch: state.epoch + 1, epochSince: now, clockStartedAt: null }
}

function change(state: ReleaseState, changed: Partial<ReleaseState>): Moved {
  const next = { ...state, ...changed, version: state.version + 1 }
  return { ok: true, state: next, from: placeOf(state), to: placeOf(next) }
}

/** More ledgers are used from a new epoch on, but never within one experiment, whose subjects they would part from their exposures. */
function withLedgers(state: ReleaseState, next: ReleaseState, { ledgerShards }: Plan, now: number): ReleaseState {
  const isSame = state.stage === next.stage && state.percent === next.percent
  const mayGrow = state.ledgers.length === 0 || (next.epoch !== state.epoch && !(isSame && isSplit(state)))
  return mayGrow ? { ...next, ledgers: grown(state.ledgers, next.epoch, ledgerShards, now) } : next
}

export function placeOf(state: ReleaseState): Place {
  return { stage: state.stage, percent: state.percent }
}

function blocked(state: ReleaseState, plan: Plan, waits: string, unmetGates: Blocker[]): Transition {
  const message = `${waits} for: ${unmetGates.map((b) => b.message).join('; ')}`
  return refuse(state, plan, 'blocked', message, unmetGates)
}

function refuse(
  state: ReleaseState,
  plan: Plan,
  code: 'illegal_transition' | 'blocked' | 'invalid_request',
  message: string,
  unmetGates: Blocker[] = [],
  param: string | null = null,
): Transition {
  return { ok: false, code, message, param, blockers: unmetGates, legal: legalActions(state, plan) }
}
