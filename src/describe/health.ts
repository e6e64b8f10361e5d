/** How a release is, in one word out of a closed list, from its state and verdicts. */
import type { ReleaseView, VerdictView } from '../api/index.ts'

export type Health =
  | 'healthy'
  | 'watch'
  | 'waiting'
  | 'both_bad'
  | 'breach'
  | 'unmeasured'
  | 'stale'
  | 'quiet'
  | 'done'
  | 'rolled_back'

/** A check that is overdue by more than this has stopped: its figures must not pass for healthy ones. */
const OVERDUE_SECONDS = 5

export function healthOf(view: ReleaseView, nowMs: number): Health {
  if (view.state === 'idle') return 'quiet'
  if (view.state === 'rolled_back') return 'rolled_back'
  if (overdueSeconds(view, nowMs) > 0) return 'stale'
  const has = (test: (verdict: VerdictView) => boolean): boolean => view.verdicts.some(test)
  if (breaches(view).length > 0) return 'breach'
  if (has((v) => v.note === 'both_bad')) return 'both_bad'
  if (has((v) => v.status === 'error')) return 'unmeasured'
  if (view.state === 'completed') return 'done'
  if (streaks(view).length > 0) return 'watch'
  // A guardrail without data may be waived; then it doesn't block, and the release isn't waiting for it.
  const blocked = view.blocked_by.some(({ code }) => code === 'guardrail')
  return view.verdicts.length > 0 && !blocked ? 'healthy' : 'waiting'
}

/** Seconds since a check should have happened; 0 while it is on time. */
export function overdueSeconds(view: ReleaseView, nowMs: number): number {
  if (view.next_check_at === null || view.state === 'rolled_back' || view.state === 'idle') return 0
  const late = (nowMs - Date.parse(view.next_check_at)) / 1000
  return late > OVERDUE_SECONDS ? late : 0
}

/** Guardrails with bad windows in a row that aren't yet enough. */
export function streaks(view: ReleaseView): VerdictView[] {
  return view.verdicts.filter(
    ({ status, windows }) => status !== 'breach' && windows.bad > 0 && windows.bad < windows.needed,
  )
}

/** Guardrails that the candidate alone breaches. */
export function breaches(view: ReleaseView): VerdictView[] {
  return view.verdicts.filter(({ status, note }) => status === 'breach' && note !== 'both_bad')
}
