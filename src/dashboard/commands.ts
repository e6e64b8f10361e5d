/** Form fields → an action of the API. Fields of a form are text; what they mean is checked here once. */
import type { ActionCommand, ReleaseView } from '../api/index.ts'

export type ActionName = ActionCommand['action']

/**
 * What the form says, with the present values where it says nothing yet. `sample` stands in per cent in forms.
 * A value that is no number is passed on as NaN, which the API refuses with its path.
 */
export function commandOf(action: ActionName, fields: URLSearchParams, view: ReleaseView): ActionCommand {
  const command: ActionCommand = { action, reason: (fields.get('reason') ?? '').trim(), force: false, dry_run: false }
  if (action === 'advance' || action === 'promote') command.force = fields.get('force') === '1'
  if (action === 'start') command.stage = fields.get('stage') ?? 'shadow'
  if (action === 'set_percent') command.percent = numberOf(fields.get('percent')) ?? view.percent
  if (action === 'set_shadow') {
    command.sample = (numberOf(fields.get('sample')) ?? view.shadow.sample * 100) / 100
    if (fields.has('canary_asked')) command.during_canary = fields.get('during_canary') === '1'
  }
  return command
}

function numberOf(text: string | null): number | null {
  return text === null || text.trim() === '' ? null : Number(text)
}

/** What was asked for, without its reason: tells whether the effect that was shown is still the one confirmed. */
export function fingerprint(command: ActionCommand): string {
  const { stage, force, percent, sample, during_canary } = command
  return JSON.stringify([stage ?? null, force, percent ?? null, sample ?? null, during_canary ?? null])
}

/** Stages that a start may begin with. */
export function startStages(view: ReleaseView): string[] {
  return ['shadow', ...view.ladder.map(({ stage }) => stage)]
}
