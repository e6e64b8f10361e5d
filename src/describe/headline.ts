/** What a release's first line says, as facts: where it stands, what is wrong, and what comes next. */
import type { HistoryEntry, ReleaseView, VerdictView } from '../api/index.ts'
import { breaches, type Health, healthOf, overdueSeconds, streaks } from './health.ts'
import { actorOf } from './names.ts'
import { nextStep } from './next-step.ts'

export type Situation =
  | { is: 'idle' | 'completed' }
  /** Share of control's submits that is copied; null where none is. */
  | { is: 'shadow'; copied: number | null }
  | { is: 'canary'; percent: number }
  /** Null where the history was not read. */
  | { is: 'rolled_back'; from: HistoryEntry['from'] | null; by: 'gateway' | 'operator' | null }

/** What is wrong comes before what comes next. */
export type Worry =
  | { is: 'stale'; seconds: number }
  | { is: 'both_bad' }
  | { is: 'streak' | 'breach'; verdicts: VerdictView[] }

export type Facts = ReturnType<typeof describe>

/** `rollback` is the entry of the history that the release stands in; null where there is none. */
export function describe(view: ReleaseView, rollback: HistoryEntry | null, nowMs: number) {
  const health = healthOf(view, nowMs)
  return {
    situation: situationOf(view, rollback),
    paused: view.paused,
    health,
    worry: worryOf(view, health, nowMs),
    next: nextStep(view),
  }
}

function situationOf(view: ReleaseView, rollback: HistoryEntry | null): Situation {
  switch (view.state) {
    case 'shadow':
      return { is: 'shadow', copied: view.shadow.active ? view.shadow.sample : null }
    case 'canary':
      return { is: 'canary', percent: view.percent }
    case 'rolled_back': {
      if (rollback === null) return { is: 'rolled_back', from: null, by: null }
      const by = actorOf(rollback.who).kind === 'system' ? 'gateway' : 'operator'
      return { is: 'rolled_back', from: rollback.from, by }
    }
    default:
      return { is: view.state }
  }
}

function worryOf(view: ReleaseView, health: Health, nowMs: number): Worry | null {
  switch (health) {
    case 'stale':
      return { is: 'stale', seconds: overdueSeconds(view, nowMs) }
    case 'both_bad':
      return { is: 'both_bad' }
    case 'watch':
      return { is: 'streak', verdicts: streaks(view) }
    case 'breach':
      return { is: 'breach', verdicts: breaches(view) }
    default:
      return null
  }
}
