/** Carries out commands: asks the core for the transition, commits it with its audit entry and webhooks in one go. */
import type { ActionCommand } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import type { Facts } from '../../core/gates.ts'
import { type Judgement, openJudgement } from '../../core/guardrails/evaluation.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import { excusedGuardrails } from '../../core/guardrails/excuse.ts'
import { detail, type ErrorDetail } from '../../core/errors.ts'
import { isRunning, type ReleaseState } from '../../core/release.ts'
import { resumed } from '../../core/guardrails/resume.ts'
import { type Command, MAX_REASON_CHARS, placeOf, type Transition, transition } from '../../core/transitions.ts'
import { verdictsNow } from '../../core/cadence.ts'
import type { Actor, Answer, Refusal } from '../controller-rpc.ts'
import type { Outbox, Undeliverable, WebhookEvent } from './outbox.ts'
import type { AuditDraft, ControllerStore } from './store.ts'

/** Who of the system acts, and for which reason; `cause` of a rollback is a guardrail or `experiment`. */
type Why = Pick<AuditDraft, 'who' | 'reason' | 'evidence' | 'cause'>

export class Actions {
  readonly #store: ControllerStore
  readonly #outbox: Outbox
  readonly #changed: () => void

  /** `changed` is called after each commit that isolates must learn of. */
  constructor(store: ControllerStore, outbox: Outbox, changed: () => void) {
    this.#store = store
    this.#outbox = outbox
    this.#changed = changed
  }

  /** A person's command. With `dry_run` nothing is stored and the state that would be is the value. */
  byHand(config: ReleaseConfig, request: ActionCommand, actor: Actor, now: number): Answer<ReleaseState> {
    const { state } = this.#store
    if (actor.ifMatch !== null && actor.ifMatch !== state.version) {
      return refuse(
        'version_mismatch',
        `the release is at version ${state.version}, not ${actor.ifMatch}; look again before you act`,
      )
    }
    const tooLong = reasonRefused(request.reason)
    if (tooLong) return tooLong
    const command = commandOf(request)
    if (!command)
      return invalid(request.action === 'set_percent' ? 'percent' : 'sample', `is needed for ${request.action}`)
    const reason = request.reason || `${request.action.replace('_', ' ')} by ${actor.who}`
    const next = transition(state, command, config, this.facts(config, now), reason)
    if (!next.ok) return { ok: false, code: next.code, message: next.message, details: detailsOf(next) }
    if (!request.dry_run) {
      const forced = 'force' in command && command.force ? { evidence: { forced: true } } : {}
      const cause = command.action === 'rollback' ? { cause: 'manual' } : {}
      this.commit(
        config,
        next.state,
        { who: actor.who, action: command.action, reason, from: next.from, to: next.to, ...forced, ...cause },
        now,
      )
    }
    return { ok: true, value: next.state }
  }

  /** The system's own command; false when the state machine refuses it. */
  bySystem(config: ReleaseConfig, command: Command, { cause, ...why }: Why, now: number): boolean {
    const next = transition(this.#store.state, command, config, this.facts(config, now), why.reason)
    if (!next.ok) return false
    const { from, to } = next
    this.commit(config, next.state, { ...why, action: command.action, from, to, ...(cause ? { cause } : {}) }, now)
    return true
  }

  /** State, audit entry, a fresh judgement where the epoch is new, and webhooks: one transaction. */
  commit(config: ReleaseConfig, next: ReleaseState, audit: AuditDraft, now: number): void {
    const { state, judgement } = this.#store
    const newEpoch = next.epoch !== state.epoch || !judgement
    // Sequential tests share their α over the epochs of one run; a new run begins afresh.
    const previous = audit.action === 'start' ? null : judgement
    const judged = newEpoch
      ? openJudgement(next, config, previous)
      : judgementAfter(audit.action, judgement, config, this.#store.verdicts, now)
    // What a rollback rests on stays to be read until the release is started anew.
    const verdicts = next.state === 'rolled_back' ? this.#store.verdicts : []
    const ended = { startedAt: state.startedAt ?? 0, decidedAt: now, epoch: next.epoch }
    const unsettled = [...this.#store.unsettled, { ...ended, told: false }]
    const settling =
      audit.action === 'rollback'
        ? { unsettled, endedRun: ended, endedCost: null, shadowsToClose: state.epoch }
        : audit.action === 'start'
          ? { endedRun: null, endedCost: null }
          : {}
    const changes = { state: next, judgement: judged, ...(newEpoch ? { verdicts } : {}), ...settling }
    this.#store.commit(changes, audit, now)
    const data = { release: config.name, ...audit, epoch: next.epoch, version: next.version }
    if (audit.from.stage !== audit.to.stage) this.#outbox.add('stage_changed', data, now)
    if (audit.action === 'rollback') this.#outbox.add('rolled_back', data, now)
    this.#changed()
  }

  /** Something worth a line in history and a webhook that changes no state. */
  note(config: ReleaseConfig, event: WebhookEvent, entry: Omit<AuditDraft, 'from' | 'to'>, now: number): void {
    this.remark(entry, now)
    this.tell(config, event, entry, now)
  }

  /** A webhook by itself, beside an entry that history has already. */
  tell(
    config: ReleaseConfig,
    event: WebhookEvent,
    { action, reason, evidence }: Pick<AuditDraft, 'action' | 'reason' | 'evidence'>,
    now: number,
  ): void {
    this.#outbox.add(event, { release: config.name, action, reason, evidence }, now)
  }

  webhookGivenUp(lost: Undeliverable, now: number): void {
    const reason = `webhook ${lost.event} to ${lost.url} given up: ${lost.error}`
    this.remark({ who: 'system:webhook', action: 'webhook_given_up', reason, evidence: lost }, now)
  }

  remark(entry: Omit<AuditDraft, 'from' | 'to'>, now: number): void {
    const place = placeOf(this.#store.state)
    this.#store.commit({}, { ...entry, from: place, to: place }, now)
  }

  /** Of a running release: each an `error` once the last judgement is too old to act on. */
  verdicts(config: ReleaseConfig, now: number): readonly Verdict[] {
    const { verdicts, judgedAt, state } = this.#store
    return isRunning(state) ? verdictsNow(verdicts, judgedAt, config, now) : verdicts
  }

  facts(config: ReleaseConfig, now: number): Facts {
    const { judgement, state, decision } = this.#store
    const verdicts = this.verdicts(config, now)
    // A decision is about the split that it was read from.
    const experiment = decision?.epoch === state.epoch ? decision.decision : null
    const excused = excusedGuardrails(config.guardrails, verdicts, state.percent)
    return { now, finishedJobs: judgement?.candidateJobs ?? 0, verdicts, excused, experiment }
  }
}

/** Within its epoch: what a person resumed in spite of is judged no more, and where copies begin, silence has ended. */
function judgementAfter(
  action: string,
  judgement: Judgement,
  { guardrails }: ReleaseConfig,
  verdicts: readonly Verdict[],
  now: number,
): Judgement {
  if (action === 'resume') return resumed(judgement, guardrails, verdicts, now)
  return action === 'set_shadow' ? { ...judgement, listeningSince: now } : judgement
}

/** These go by the verdicts; on old ones nobody should be let in. */
export function needsVerdicts({ action, force }: ActionCommand): boolean {
  return !force && ['advance', 'promote', 'approve'].includes(action)
}

export const NOT_JUDGED: Refusal = {
  ok: false,
  code: 'control_plane_unavailable',
  message: "counters can't be read now, so nothing can be judged; try again, or force",
  details: [],
}

/** Of a person's reason that is too long to be kept; null where it is not. */
export function reasonRefused(reason: string): Refusal | null {
  return reason.length > MAX_REASON_CHARS ? invalid('reason', `has at most ${MAX_REASON_CHARS} characters`) : null
}

function commandOf(request: ActionCommand): Command | null {
  switch (request.action) {
    case 'start':
      return request.stage === undefined ? { action: 'start' } : { action: 'start', stage: request.stage }
    case 'advance':
    case 'promote':
      return { action: request.action, force: request.force, byHand: true }
    case 'set_percent':
      return request.percent === undefined ? null : { action: 'set_percent', percent: request.percent }
    case 'set_shadow': {
      if (request.sample === undefined) return null
      const during = request.during_canary === undefined ? {} : { duringCanary: request.during_canary }
      return { action: 'set_shadow', sample: request.sample, ...during }
    }
    default:
      return { action: request.action }
  }
}

/** The legal actions, the key that is wrong, or what is still missing. */
function detailsOf({ code, message, param, legal, blockers }: Transition & { ok: false }): ErrorDetail[] {
  if (code === 'illegal_transition') return legal.map((action) => detail('action', 'legal_action', action, { action }))
  if (param !== null) return [detail(param, 'out_of_range', message)]
  return blockers.map((blocker) => detail(blocker.code, blocker.code, blocker.message))
}

function invalid(param: string, message: string): Refusal {
  return {
    ok: false,
    code: 'invalid_request',
    message: `${param} ${message}`,
    details: [detail(param, 'not_valid', message)],
  }
}

function refuse(code: Refusal['code'], message: string): Refusal {
  return { ok: false, code, message, details: [] }
}
