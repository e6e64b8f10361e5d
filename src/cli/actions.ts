/** The commands that change a release: each is one action of the API, with a reason. */
import { type Command, Option } from 'commander'
import { type ActionRequest, actionAnswerSchema, releaseSchema, type ReleaseView } from '../api/index.ts'
import type { Reply } from './api-client.ts'
import { nextSteps } from './next-steps.ts'
import { EXIT, type ExitCode, Failure } from './failure.ts'
import { percentArgument, shareArgument, wholeArgument } from './numbers.ts'
import { waits } from './release-view.ts'
import { openSession, type Session } from './session.ts'
import { waitUntilClear } from './wait.ts'
import { place } from './words.ts'

interface ActionOptions {
  reason?: string
  dryRun?: boolean
  ifMatch?: number
  stage?: string
  to?: string
  force?: boolean
  wait?: boolean
  duringCanary?: boolean
}

export function addActions(program: Command, end: (code: ExitCode) => void): void {
  const act = (request: ActionRequest, options: ActionOptions, command: Command) =>
    carryOut(request, options, openSession(command), end)
  const plain = (name: 'pause' | 'resume' | 'rollback' | 'reset' | 'approve', summary: string) =>
    changing(program, name, summary).action((options: ActionOptions, command: Command) =>
      act({ action: name }, options, command),
    )

  changing(program, 'start', 'begin a roll-out: shadowing, or the stage given')
    .option('--stage <stage>', 'begin at this stage, like canary-5')
    .action((options: ActionOptions, command: Command) =>
      act({ action: 'start', stage: options.stage }, options, command),
    )
  for (const [name, summary] of [
    ['advance', 'go to the next stage'],
    ['promote', 'after the last stage: the candidate takes over for good'],
  ] as const) {
    const command = changing(program, name, summary)
    if (name === 'advance') command.option('--to <stage>', 'refuse if it does not lead there: somebody was faster')
    command
      .option('--force', 'past everything but a freeze and a pause; the history says so')
      .addOption(
        new Option('--wait', 'wait until nothing blocks it, showing what does').conflicts([
          'force',
          'dryRun',
          'ifMatch',
        ]),
      )
      .action((options: ActionOptions, command: Command) =>
        act({ action: name, force: options.force }, options, command),
      )
  }
  plain('pause', 'hold the present stage; guardrails still act')
  plain('resume', 'take the pause away')
  plain('rollback', 'give everybody back to control, now')
  plain('reset', 'after a rollback: back to idle')
  plain('approve', 'give the approval that a stage asks for')
  changing(program, 'set-percent', 'set the candidate’s percent within the canary')
    .argument('<percent>', 'from 0 to 100', percentArgument)
    .action((percent: number, options: ActionOptions, command: Command) =>
      act({ action: 'set_percent', percent }, options, command),
    )
  changing(program, 'set-shadow', 'set the share of control submits to copy; 0 stops copies')
    .argument('<share>', '0.5 or 50%', shareArgument)
    .option('--during-canary', 'copy while in canary, too')
    .option('--no-during-canary', 'copy only while shadowing')
    .action((sample: number, options: ActionOptions, command: Command) =>
      act({ action: 'set_shadow', sample, during_canary: options.duringCanary }, options, command),
    )
}

function changing(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .description(summary)
    .option('-m, --reason <text>', 'why, for the history (asked for on a terminal)')
    .option('--dry-run', 'only say what would happen; exit code 0 also where it would be refused')
    .option('--if-match <version>', 'refuse if the release is no longer at this version', wholeArgument)
}

async function carryOut(
  request: ActionRequest,
  options: ActionOptions,
  session: Session,
  end: (code: ExitCode) => void,
): Promise<void> {
  const name = request.action.replace('_', '-')
  const to = await destination(request, options, session)
  const reason = await session.reasonFor(to ? `${name} to ${to}` : name, options.reason, options.dryRun === true)
  const body = { ...request, to, reason: reason || undefined, dry_run: options.dryRun }
  const send = (ifMatch = options.ifMatch) =>
    session.call('/actions', actionAnswerSchema, { method: 'POST', body, ifMatch })
  if (options.dryRun) return rehearse(session, name, send)
  if (!options.wait) return showOutcome(session, name, await send())
  const waited = await waitUntilClear(session, request.action, send)
  if (waited.sent) showOutcome(session, name, waited.reply)
  else session.show(waited.reply, (release) => [waited.why, ...nextSteps(release)])
  end(waited.reply.value.state === 'rolled_back' ? EXIT.unhealthy : EXIT.ok)
}

/**
 * "The next stage" is another one after each step: an advance that names the one that stood there before the reason was
 * asked for makes one step where two are under way at once. Every other action says where to by itself.
 */
async function destination(
  { action }: ActionRequest,
  { wait, to, ifMatch }: ActionOptions,
  session: Session,
): Promise<string | undefined> {
  // Who waits goes by each look's own version.
  if (action !== 'advance' || wait || to || ifMatch !== undefined) return to
  return (await session.call('', releaseSchema)).value.next?.stage
}

/** A refusal that rests on how the release stands is what a dry run was asked for. */
const FORETOLD = ['blocked', 'illegal_transition', 'version_mismatch']

async function rehearse(session: Session, name: string, send: () => Promise<Reply<ReleaseView>>): Promise<void> {
  try {
    showOutcome(session, name, await send(), true)
  } catch (error) {
    if (!(error instanceof Failure) || !FORETOLD.includes(error.code)) throw error
    const lines = [`Dry run: ${name} would be refused.`, ...[error.message, ...error.lines].map((line) => `  ${line}`)]
    session.show({ value: lines, raw: error.json }, () => lines)
  }
}

function showOutcome(session: Session, name: string, reply: Reply<ReleaseView>, dryRun = false): void {
  session.show(reply, (release, style) => {
    const paused = release.paused ? ', paused' : ''
    const position = `${style.bold(release.name)} ${dryRun ? 'would be' : 'is'} at ${place(release)}${paused}, version ${release.version}, epoch ${release.epoch}`
    const blocked = waits(release, Date.now())
    return [
      `${dryRun ? 'Dry run, nothing was changed. ' : ''}${name}: ${position}`,
      ...(blocked.length > 0 ? ['Waits for', ...blocked.map((line) => `  ${line}`)] : []),
      ...(dryRun ? [] : nextSteps(release)),
    ]
  })
}
