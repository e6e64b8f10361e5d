/** `sluice assign SUBJECT`: which arm a subject gets now, and why. Nothing is counted. */
import type { Command } from 'commander'
import { type AssignmentView, assignmentSchema } from '../api/index.ts'
import { openSession } from './session.ts'
import { figure } from './words.ts'

export function addAssign(program: Command): void {
  program
    .command('assign')
    .description('which arm a subject gets, and why; nothing is counted')
    .argument('<subject>', 'the sticky unit, normally a user id')
    .action(async (subject: string, _options: object, command: Command) => {
      const session = openSession(command)
      const query = { release: await session.releaseName(), subject }
      const reply = await session.api.call('assign', assignmentSchema, { query })
      session.show(reply, (view, style) => [
        `${style.bold(view.subject)} gets ${view.arm === 'candidate' ? style.green(view.arm) : style.blue(view.arm)} of ${view.release}: ${why(view)}`,
        style.dim(`stage ${view.stage}, epoch ${view.epoch}`),
      ])
    })
}

/** Where it does not go by the hash, everybody gets control. */
const REASONS: Partial<Record<string, string>> = {
  idle: 'the release is not started, so everybody gets control',
  shadow: 'the release only shadows, so everybody gets control',
  rolled_back: 'the release is rolled back, so everybody gets control',
  forced_control: 'SLUICE_FORCE_CONTROL sends everybody to control',
}

function why({ reason, position, percent }: AssignmentView): string {
  const stands = `it stands at ${position.toFixed(2)} of 100`
  if (reason === 'hash') return `${stands}, and at ${percent} % the candidate begins at ${figure(100 - percent)}`
  return REASONS[reason] ?? `${reason === 'rule' ? 'a rule of the configuration says so' : reason} (${stands})`
}
