/** What a person can do next about a release, and what each thing that blocks it would take. Sentences only. */
import type { BlockerView, ReleaseView } from '../api/index.ts'
import { place } from './words.ts'

/** The likely next command, in one or two lines. */
export function advice(release: ReleaseView): string[] {
  switch (release.state) {
    case 'idle':
      return ['Next: sluice start']
    case 'rolled_back':
      return ['Next: sluice reset  (back to idle, so that it can be started again)']
    case 'completed':
      return ['Done. sluice rollback still takes it back.']
    case 'shadow':
    case 'canary':
      return running(release)
    default:
      return []
  }
}

function running(release: ReleaseView): string[] {
  if (release.paused) return ['Next: sluice resume']
  if (!release.next) return ['Next: nothing. The ladder ends below 100 %, and only from there is a release promoted.']
  const towards = place(release.next)
  if (release.advance === 'auto') return [`Next: ${towards}, by itself; sluice status --watch shows it`]
  const wait = release.blocked_by.length > 0 ? ' --wait' : ''
  return [`Next: sluice ${isLastStage(release) ? 'promote' : 'advance'}${wait}  (to ${towards})`]
}

/** Above it there is no rung left, only the promotion. */
export function isLastStage(release: ReleaseView): boolean {
  return release.legal_actions.includes('promote')
}

/** What takes this out of the way. */
export function remedy({ code, until }: BlockerView): string {
  switch (code) {
    case 'bake':
      return until === null
        ? 'Traffic that reaches the candidate: the bake counts from its first finished job.'
        : 'Time alone; `sluice advance --wait` waits for it, `--force` goes past it and says so in the history.'
    case 'final_bake':
      return until === null
        ? 'Traffic that reaches the candidate: the bake counts from its first finished job.'
        : 'Time alone; `sluice promote --wait` waits for it, `--force` goes past it and says so in the history.'
    case 'min_jobs':
      return 'More candidate jobs: time, a higher percent (`sluice set-percent`), or a smaller min_jobs (`sluice config set`).'
    case 'guardrail':
      return 'A verdict of pass: more data where it is undecided, a better candidate or `sluice rollback` where it is not.'
    case 'gate':
      return 'The decision of the experiment: `sluice report`.'
    case 'approval':
      return '`sluice approve --reason …`, once nothing else is in the way.'
    case 'freeze':
      return 'The end of the freeze; --force does not go past it, and a rollback is always possible.'
    case 'paused':
      return '`sluice resume`.'
    case 'cooldown':
      return 'Time alone.'
    case 'not_started':
      return '`sluice start`.'
    case 'rolled_back':
      return '`sluice reset --reason …`; nothing automatic leaves this state.'
    default:
      return 'Not known to this version of the command.'
  }
}
