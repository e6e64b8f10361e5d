/** `sluice config show|diff|set|unset`: the effective configuration and its live overlay. */
import type { Command } from 'commander'
import { type ConfigView, configViewSchema } from '../api/index.ts'
import { addConfigChanges } from './config-changes.ts'
import { addConfigCheck } from './config-check.ts'
import { addConfigVersions } from './config-versions.ts'
import { clearingPatch, settingPatch } from './config-patch.ts'
import { type ExitCode, usage } from './failure.ts'
import { wholeArgument } from './numbers.ts'
import { openSession } from './session.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { moment, written } from './words.ts'

interface ChangeOptions {
  reason?: string
  dryRun?: boolean
  breakGlass?: boolean
  ifMatch?: number
}

export function addConfig(program: Command, end: (code: ExitCode) => void): void {
  const config = program.command('config').description('check a file; show, compare and change what is in effect')
  addConfigCheck(config, end)
  config
    .command('show')
    .description('each key of the release with its value and where that comes from')
    .action((_options: object, command: Command) => look(command, showLines))
  config
    .command('diff')
    .description('where a live value hides what the file says')
    .action((_options: object, command: Command) => look(command, diffLines))
  changing(config, 'set', 'change keys live, validated as in the file')
    .argument('<key=value...>', 'values as in the file: bake=10m ladder=[1,10,100] shadow.sample=0.5')
    .action((pairs: string[], options: ChangeOptions, command: Command) =>
      change(command, options, 'config set', settingPatch(pairs)),
    )
  changing(config, 'unset', 'give keys back to the file')
    .argument('[key...]', 'like bake or shadow.sample')
    .option('--all', 'the whole live configuration, whatever is stored')
    .action((keys: string[], options: ChangeOptions & { all?: boolean }, command: Command) => {
      if (keys.length > 0 === (options.all === true)) throw usage('name the keys to give back, or --all')
      return change(command, options, 'config unset', options.all ? null : clearingPatch(keys))
    })
  addConfigChanges(config)
  addConfigVersions(config)
}

function changing(config: Command, name: string, description: string): Command {
  return config
    .command(name)
    .description(description)
    .option('-m, --reason <text>', 'why, for the history (asked for on a terminal)')
    .option('--dry-run', 'only say what the configuration would be')
    .option('--break-glass', 'without the second person that the release asks for; needs a reason')
    .option('--if-match <version>', 'refuse if the configuration is no longer at this version', wholeArgument)
}

async function look(command: Command, lines: (view: ConfigView, style: Style) => string[]): Promise<void> {
  const session = openSession(command)
  session.show(await session.call('/config', configViewSchema), (view) => lines(view, session.terminal.style))
}

async function change(
  command: Command,
  { reason: given, dryRun = false, breakGlass, ifMatch }: ChangeOptions,
  what: string,
  /** Null drops the whole live configuration. */
  patch: Record<string, unknown> | null,
): Promise<void> {
  const session = openSession(command)
  const reason = await session.reasonFor(what, given, dryRun)
  const query = { reason: reason || undefined, dry_run: dryRun || undefined, break_glass: breakGlass }
  const reply = await session.call('/config', configViewSchema, {
    ...(patch === null ? { method: 'DELETE' } : { method: 'PATCH', body: patch }),
    query,
    ifMatch,
  })
  session.show(reply, (view) => [
    view.changed === false
      ? 'Nothing to change: it is so already.'
      : dryRun
        ? 'Dry run, nothing was changed. It would be:'
        : `Published as version ${view.version}.`,
    ...diffLines(view, session.terminal.style),
  ])
}

function showLines(view: ConfigView, style: Style): string[] {
  const rows = Object.entries(view.values).map(([key, { value, source }]) => [
    key,
    source === 'live' ? style.yellow(source) : style.dim(source),
    // The last column is as long as it likes: values can be whole tables.
    written(value),
  ])
  return [
    `${style.bold(view.release)}, configuration version ${view.version}`,
    ...asideLines(view, style),
    ...table([['key', 'from', 'value'].map(style.dim), ...rows]),
  ]
}

function diffLines(view: ConfigView, style: Style): string[] {
  const live = Object.entries(view.values).filter(([, { source }]) => source === 'live')
  if (view.set_aside) return asideLines(view, style)
  if (live.length === 0) return ['Only the file is in effect: no live values.']
  const [last] = view.published
  return [
    ...table([
      ['key', 'from', 'value'].map(style.dim),
      ...live.flatMap(([key, { value, file }]) => [
        [key, style.dim('file'), written(file)],
        ['', style.yellow('live'), style.yellow(written(value))],
      ]),
    ]),
    ...(last
      ? [style.dim(`last published ${moment(last.at)} by ${last.who}${last.reason ? `: ${last.reason}` : ''}`)]
      : []),
  ]
}

function asideLines({ set_aside: issues = [] }: ConfigView, style: Style): string[] {
  if (issues.length === 0) return []
  return [
    style.red('The live configuration does not fit the file and does not act: the file alone does.'),
    ...table(issues.map(({ path, message }) => [`  ${path}`, message])),
    'Fix these keys with `sluice config set`, or drop all with `sluice config unset --all`.',
  ]
}
