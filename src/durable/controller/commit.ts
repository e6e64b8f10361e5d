/** What one decision writes, as a value: the store writes all of it, or nothing. Pure. */
import type { ReleaseConfig } from '../../config/load.ts'
import { type Judgement, openJudgement } from '../../core/guardrails/evaluation.ts'
import { resumed } from '../../core/guardrails/resume.ts'
import type { ReleaseState } from '../../core/release.ts'
import { type Place, placeOf } from '../../core/transitions.ts'
import type { Known } from './facts.ts'
import type { StoredState } from './stored-state.ts'
import type { WebhookEvent } from './outbox.ts'

export interface AuditDraft {
  who: string
  action: string
  reason: string
  from: Place
  to: Place
  /** For rollbacks: the guardrail, or `manual`. */
  cause?: string
  evidence?: unknown
}

export interface Notice {
  event: WebhookEvent
  data: Record<string, unknown>
}

export interface Commit {
  stored?: Partial<StoredState>
  /** Entries of the history, oldest first. */
  audit?: readonly AuditDraft[]
  webhooks?: readonly Notice[]
}

/** Both as one; what the second stores stands above what the first does. */
export function together(first: Commit, second: Commit): Commit {
  return {
    stored: { ...first.stored, ...second.stored },
    audit: [...(first.audit ?? []), ...(second.audit ?? [])],
    webhooks: [...(first.webhooks ?? []), ...(second.webhooks ?? [])],
  }
}

/** A transition: the state, its audit entry, a fresh judgement where the epoch is new, and webhooks. */
export function stateChange(
  known: Known,
  config: ReleaseConfig,
  next: ReleaseState,
  audit: AuditDraft,
  now: number,
): Commit {
  const { state, judgement } = known
  const newEpoch = next.epoch !== state.epoch || !judgement
  // Sequential tests share their α over the epochs of one run; a new run begins afresh.
  const previous = audit.action === 'start' ? null : judgement
  const judged = newEpoch
    ? openJudgement(next, config, previous)
    : judgementAfter(audit.action, judgement, config, known, now)
  // What a rollback rests on stays to be read until the release is started anew.
  const verdicts = next.state === 'rolled_back' ? known.verdicts : []
  const data = { release: config.name, ...audit, epoch: next.epoch, version: next.version }
  return {
    stored: { state: next, judgement: judged, ...(newEpoch ? { verdicts } : {}), ...runAfter(known, next, audit, now) },
    audit: [audit],
    webhooks: [
      ...(audit.from.stage === audit.to.stage ? [] : [{ event: 'stage_changed' as const, data }]),
      ...(audit.action === 'rollback' ? [{ event: 'rolled_back' as const, data }] : []),
    ],
  }
}

/** An entry that changes no state. */
export function remark(state: ReleaseState, entry: Omit<AuditDraft, 'from' | 'to'>): Commit {
  const place = placeOf(state)
  return { audit: [{ ...entry, from: place, to: place }] }
}

/** The same, and a webhook that says so. */
export function note(
  state: ReleaseState,
  config: ReleaseConfig,
  event: WebhookEvent,
  entry: Omit<AuditDraft, 'from' | 'to'>,
): Commit {
  return { ...remark(state, entry), webhooks: [notice(config, event, entry)] }
}

export function notice(
  config: ReleaseConfig,
  event: WebhookEvent,
  { action, reason, evidence }: Pick<AuditDraft, 'action' | 'reason' | 'evidence'>,
): Notice {
  return { event, data: { release: config.name, action, reason, evidence } }
}

/** What a rollback leaves to be done, and a start forgets. */
function runAfter(
  { state, unsettled }: Known,
  next: ReleaseState,
  { action }: AuditDraft,
  now: number,
): Partial<StoredState> {
  if (action === 'start') return { endedRun: null, endedCost: null }
  if (action !== 'rollback') return {}
  const ended = { startedAt: state.startedAt ?? 0, decidedAt: now, epoch: next.epoch }
  return { unsettled: [...unsettled, ended], endedRun: ended, endedCost: null, shadowsToClose: state.epoch }
}

/** Within its epoch: what a person resumed in spite of is judged no more, and where copies begin, data counts as missing from then on only. */
function judgementAfter(
  action: string,
  judgement: Judgement,
  { guardrails }: ReleaseConfig,
  { verdicts }: Known,
  now: number,
): Judgement {
  if (action === 'resume') return resumed(judgement, guardrails, verdicts, now)
  return action === 'set_shadow' ? { ...judgement, listeningSince: now } : judgement
}
