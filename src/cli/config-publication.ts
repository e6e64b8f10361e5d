/** What all commands that change the live configuration take and say: their options, the call, and what came of it. */
import type { Command } from 'commander'
import type { ChangedKey } from '../api/changes.ts'
import { type ConfigView, configViewSchema } from '../api/index.ts'
import { wholeArgument } from './numbers.ts'
import type { Session } from './session.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { moment, written } from './words.ts'

export interface PublishOptions {
  reason?: string
  dryRun?: boolean
  breakGlass?: boolean
  ifMatch?: number
}

export function publishing(command: Command): Command {
  return command
    .option('-m, --reason <text>', 'why, for the history (asked for on a terminal)')
    .option('--dry-run', 'only say what the configuration would be')
    .option('--break-glass', 'without the second person that the release asks for; needs a reason')
    .option('--if-match <version>', 'refuse if the configuration is no longer at this version', wholeArgument)
}

export async function publish(
  session: Session,
  request: { path: string; method: 'PATCH' | 'DELETE' | 'POST'; body?: Record<string, unknown> },
  reason: string,
  { dryRun = false, breakGlass, ifMatch }: PublishOptions,
): Promise<void> {
  const { path, ...how } = request
  const query = { reason: reason || undefined, dry_run: dryRun || undefined, break_glass: breakGlass }
  session.show(await session.call(path, configViewSchema, { ...how, query, ifMatch }), (view, style) => [
    view.changed === false
      ? 'Nothing to change: it is so already.'
      : dryRun
        ? 'Dry run, nothing was changed. It would be:'
        : `Published as version ${view.version}.`,
    ...diffLines(view, style),
  ])
}

/** Where a live value hides the file's. */
export function diffLines(view: ConfigView, style: Style): string[] {
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

export function asideLines({ set_aside: issues = [] }: ConfigView, style: Style): string[] {
  if (issues.length === 0) return []
  return [
    style.red('The live configuration does not fit the file and does not act: the file alone does.'),
    ...table(issues.map(({ path, message }) => [`  ${path}`, message])),
    'Fix these keys with `sluice config set`, or drop all with `sluice config unset --all`.',
  ]
}

/** What one version of the live configuration changed, or would, key by key. */
export function diffTable(diff: ChangedKey[], style: Style): string[] {
  return table(
    diff.flatMap(({ key, from, to }) => [
      [`  ${key}`, style.dim('from'), sourced(from)],
      ['', style.yellow('to'), sourced(to)],
    ]),
  )
}

function sourced({ value, source }: ChangedKey['from']): string {
  return source === 'live' ? written(value) : `${written(value)} (${source})`
}
