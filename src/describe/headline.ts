/** What a release's first line says, as facts: where it stands, what is wrong, and what comes next. */
import type { HistoryEntry, ReleaseView, VerdictView } from '../api/index.ts'
import { breaches, type Health, healthOf, overdueSeconds, streaks } from './health.ts'
import { actorOf } from './names.ts'
import { type NextStep, nextStep } from './next-step.ts'

export type Situation =
  | { is: 'idle' | 'completed' }
  /** Share of control's submits that is copied; null where none is. */
  | { is: 'shadow'; copied: number | null }
  | { is: 'canary'; percent: number }
  /** `from` is null where the history could not be read. */
  | { is: 'rolled_back'; from: HistoryEntry['from'] | null; by: 'gateway' | 'operator' }

/** What is wrong comes before what comes next. */
export type Worry =
  | { is: 'stale'; seconds: number }
  | { is: 'both_bad' }
  | { is: 'streak' | 'breach'; verdicts: VerdictView[] }

export interface Facts {
  situation: Situation
  paused: boolean
  health: Health
  worry: Worry | null
  next: NextStep
}

/** `rollback` is the entry of the history that the release stands in; null where there is none. */
export function describe(view: ReleaseView, rollback: HistoryEntry | null, nowMs: number): Facts {
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
      const isSystem = rollback !== null && actorOf(rollback.who).kind === 'system'
      return { is: 'rolled_back', from: rollback?.from ?? null, by: isSystem ? 'gateway' : 'operator' }
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

/** The breach that rolled the release back; null where a person or something else did. */
export function decidingBreach(view: ReleaseView, rollback: HistoryEntry | null): VerdictView | null {
  if (rollback === null || actorOf(rollback.who).kind !== 'system') return null
  return breaches(view).find(({ action }) => action === 'rollback') ?? null
}
