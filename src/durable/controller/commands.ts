/** A person's command: asks the core for the transition, and says what is to be written for it or why it is refused. Pure. */
import type { ActionCommand } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { detail, type ErrorDetail } from '../../core/errors.ts'
import type { ReleaseState } from '../../core/release.ts'
import { type Command, MAX_REASON_CHARS, type Transition, transition } from '../../core/transitions.ts'
import type { Actor, Answer, Refusal } from '../controller-rpc.ts'
import { type Commit, stateChange } from './commit.ts'
import { factsOf, type Known } from './facts.ts'

/** The state that follows, and what is to be written unless it was a dry run. */
export function byHand(
  known: Known,
  config: ReleaseConfig,
  request: ActionCommand,
  actor: Actor,
  now: number,
): Answer<{ state: ReleaseState; commit: Commit }> {
  const { state } = known
  if (actor.ifMatch !== null && actor.ifMatch !== state.version) {
    const message = `the release is at version ${state.version}, not ${actor.ifMatch}; look again before you act`
    return refuse('version_mismatch', message)
  }
  const tooLong = reasonRefused(request.reason)
  if (tooLong) return tooLong
  const command = commandOf(request)
  if (!command)
    return invalid(request.action === 'set_percent' ? 'percent' : 'sample', `is needed for ${request.action}`)
  const reason = request.reason || `${request.action.replace('_', ' ')} by ${actor.who}`
  const next = transition(state, command, config, factsOf(known, config, now), reason)
  if (!next.ok) return refuse(next.code, next.message, detailsOf(next))
  const forced = 'force' in command && command.force ? { evidence: { forced: true } } : {}
  const cause = command.action === 'rollback' ? { cause: 'manual' } : {}
  const audit = { who: actor.who, action: command.action, reason, from: next.from, to: next.to, ...forced, ...cause }
  return { ok: true, value: { state: next.state, commit: stateChange(known, config, next.state, audit, now) } }
}

/** These go by the verdicts; on old ones nobody should be let in. */
export function needsVerdicts({ action, force }: ActionCommand): boolean {
  return !force && ['advance', 'promote', 'approve'].includes(action)
}

export const NOT_JUDGED = refuse(
  'control_plane_unavailable',
  "counters can't be read now, so nothing can be judged; try again, or force",
)

/** Of a person's reason that is too long to be kept; null where it is not. */
export function reasonRefused(reason: string): Refusal | null {
  return reason.length > MAX_REASON_CHARS ? invalid('reason', `has at most ${MAX_REASON_CHARS} characters`) : null
}

function commandOf(request: ActionCommand): Command | null {
  switch (request.action) {
    case 'start':
      return { action: 'start', stage: request.stage }
    case 'advance':
      return { action: 'advance', force: request.force, byHand: true, to: request.to }
    case 'promote':
      return { action: request.action, force: request.force, byHand: true }
    case 'set_percent':
      return request.percent === undefined ? null : { action: 'set_percent', percent: request.percent }
    case 'set_shadow':
      if (request.sample === undefined) return null
      return { action: 'set_shadow', sample: request.sample, duringCanary: request.during_canary }
    default:
      return { action: request.action }
  }
}

/** The legal actions, the key that is wrong, or what is still missing. */
function detailsOf({ code, message, param, legal, blockers }: Transition & { ok: false }): ErrorDetail[] {
  if (code === 'illegal_transition') return legal.map((action) => detail('action', 'legal_action', action, { action }))
  if (param !== null) return [detail(param, 'out_of_range', message)]
  return blockers.map(({ code: what, message: words, untilMs }) =>
    detail(what, what, words, untilMs === null ? {} : { until: new Date(untilMs).toISOString() }),
  )
}

function invalid(param: string, message: string): Refusal {
  return refuse('invalid_request', `${param} ${message}`, [detail(param, 'not_valid', message)])
}

export function refuse(code: Refusal['code'], message: string, details: ErrorDetail[] = []): Refusal {
  return { ok: false, code, message, details }
}
