/** `sluice config versions|restore`: what was published live, and an earlier version again. */
import type { Command } from 'commander'
import { listOf } from '../api/index.ts'
import { type VersionView, versionSchema } from '../api/changes.ts'
import { proposed } from './config-changes.ts'
import { diffTable, publish, publishing, type PublishOptions } from './config-publication.ts'
import { countArgument, wholeArgument } from './numbers.ts'
import { openSession } from './session.ts'
import type { Style } from './terminal.ts'
import { moment } from './words.ts'

interface RestoreOptions extends PublishOptions {
  propose?: boolean
}

export function addConfigVersions(config: Command): void {
  config
    .command('versions')
    .description('what was published live: who, when, why, and what it changed; newest first')
    .option('--limit <n>', 'versions at most', countArgument, 20)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const session = openSession(command)
      const query = { limit: Math.min(limit, 500) }
      session.show(await session.call('/config/versions', listOf(versionSchema), { query }), ({ items }, style) =>
        items.length === 0
          ? ['Nothing was published live yet.']
          : items.flatMap((version) => versionLines(version, style)),
      )
    })
  const restoring = config
    .command('restore')
    .description('publish the values of an earlier version again; version 0 is the file alone')
    .argument('<version>', 'as config versions lists it', wholeArgument)
    .option('--propose', 'make a change request of it')
  publishing(restoring).action(restore)
}

async function restore(version: number, options: RestoreOptions, command: Command): Promise<void> {
  const session = openSession(command)
  const reason = await session.reasonFor('config restore', options.reason, options.dryRun === true)
  if (options.propose) return proposed(session, { title: `Restore version ${version}`, reason, restore: version })
  await publish(session, { path: `/config/versions/${version}/restore`, method: 'POST' }, reason, options)
}

function versionLines({ version, at, who, reason, diff, change, ...more }: VersionView, style: Style): string[] {
  const from = [
    change && `change request #${change.id} by ${change.author}`,
    more.restored === null ? null : `version ${more.restored} restored`,
    more.break_glass ? 'break-glass: without a second person' : null,
  ].filter((each) => each !== null)
  return [
    `${style.bold(`version ${version}`)}, ${moment(at)} by ${who}${reason ? `: ${reason}` : ''}`,
    ...from.map((each) => `  ${style.yellow(each)}`),
    ...diffTable(diff, style),
  ]
}
