/** `sluice config show|diff|set|unset`: the effective configuration and its live overlay. */
import type { Command } from 'commander'
import { type ConfigView, configViewSchema } from '../api/index.ts'
import { addConfigChanges } from './config-changes.ts'
import { addConfigCheck } from './config-check.ts'
import { asideLines, diffLines, publish, publishing, type PublishOptions } from './config-publication.ts'
import { addConfigVersions } from './config-versions.ts'
import { clearingPatch, settingPatch } from './config-patch.ts'
import { type ExitCode, usage } from './failure.ts'
import { openSession } from './session.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { written } from './words.ts'

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
    .action((pairs: string[], options: PublishOptions, command: Command) =>
      change(command, options, 'config set', settingPatch(pairs)),
    )
  changing(config, 'unset', 'give keys back to the file')
    .argument('[key...]', 'like bake or shadow.sample')
    .option('--all', 'the whole live configuration, whatever is stored')
    .action((keys: string[], options: PublishOptions & { all?: boolean }, command: Command) => {
      if (keys.length > 0 === (options.all === true)) throw usage('name the keys to give back, or --all')
      return change(command, options, 'config unset', options.all ? null : clearingPatch(keys))
    })
  addConfigChanges(config)
  addConfigVersions(config)
}

function changing(config: Command, name: string, description: string): Command {
  return publishing(config.command(name).description(description))
}

async function look(command: Command, lines: (view: ConfigView, style: Style) => string[]): Promise<void> {
  const session = openSession(command)
  session.show(await session.call('/config', configViewSchema), lines)
}

async function change(
  command: Command,
  options: PublishOptions,
  what: string,
  /** Null drops the whole live configuration. */
  patch: Record<string, unknown> | null,
): Promise<void> {
  const session = openSession(command)
  const reason = await session.reasonFor(what, options.reason, options.dryRun === true)
  const how = patch === null ? { method: 'DELETE' as const } : { method: 'PATCH' as const, body: patch }
  await publish(session, { path: '/config', ...how }, reason, options)
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
