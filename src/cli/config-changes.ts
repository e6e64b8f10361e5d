/** `sluice config propose|changes|…`: change requests of the live configuration. */
import { Argument, type Command } from 'commander'
import { listOf } from '../api/index.ts'
import { type ChangeDetail, changeDetailSchema, changeSchema, type ChangeView } from '../api/changes.ts'
import type { Reply } from './api-client.ts'
import { clearingPatch, settingPatch } from './config-patch.ts'
import { diffTable } from './config-publication.ts'
import { usage } from './failure.ts'
import { wholeArgument } from './numbers.ts'
import { openSession, type Session } from './session.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { moment, plural } from './words.ts'

interface ProposeOptions {
  title?: string
  reason?: string
  unset?: string[]
  edit?: number
}
interface ActOptions {
  message?: string
  ifMatch?: number
  breakGlass?: boolean
}
const STATUSES = ['open', 'published', 'discarded']

export function addConfigChanges(config: Command): void {
  config
    .command('propose')
    .description('make a change request for others to review, or edit your own with --edit')
    .argument('[key=value...]', 'values as in the file, as with config set')
    .option('-t, --title <text>', 'what it is, in a few words (default: the keys)')
    .option('-m, --reason <text>', 'why, for the history (asked for on a terminal)')
    .option('--unset <key...>', 'keys to give back to the file')
    .option('--edit <id>', 'change this request of yours instead', wholeArgument)
    .action(propose)
  config
    .command('changes')
    .description('change requests: open, or as --status says')
    .option('--status <status>', `${STATUSES.join(', ')} or all`, 'open')
    .action(list)
  withId(config, 'change', 'one change request: what it would change, what moved since, what others say').action(
    async (id: number, _options: object, command: Command) => {
      const session = openSession(command)
      showDetail(session, await session.call(pathOf(id), changeDetailSchema))
    },
  )
  withId(config, 'review', 'approve a change request, or comment on it')
    .addArgument(new Argument('[verdict]', 'approve or comment').choices(['approve', 'comment']).default('approve'))
    .option('-m, --message <text>', 'what to say')
    .option('--if-match <revision>', 'refuse if the request was edited since this revision', wholeArgument)
    .action((id: number, verdict: string, { message, ...options }: ActOptions, command: Command) =>
      act(command, id, 'reviews', options, { verdict, comment: message }),
    )
  acting(config, 'publish', 'let a change request act')
    .option('--break-glass', 'your own, without the second person that the release asks for; needs a message')
    .action((id: number, { message, breakGlass, ...options }: ActOptions, command: Command) =>
      act(command, id, 'publish', options, { comment: message, break_glass: breakGlass }),
    )
  for (const [name, description] of [
    ['rebase', 'put a stale change request on top of the version in effect'],
    ['discard', 'give up a change request'],
  ] as const) {
    acting(config, name, description).action((id: number, { message, ...options }: ActOptions, command: Command) =>
      act(command, id, name, options, { comment: message }),
    )
  }
}

function withId(config: Command, name: string, description: string): Command {
  return config.command(name).description(description).argument('<id>', 'its number', wholeArgument)
}

function acting(config: Command, name: string, description: string): Command {
  return withId(config, name, description)
    .option('-m, --message <text>', 'what to say with it')
    .option('--if-match <revision>', 'refuse if the request was edited since this revision', wholeArgument)
}

async function propose(pairs: string[], options: ProposeOptions, command: Command): Promise<void> {
  const { title, unset = [], edit } = options
  const patch = { ...settingPatch(pairs), ...clearingPatch(unset) }
  const keys = Object.keys(patch)
  if (keys.length === 0 && edit === undefined) throw usage('nothing to propose: name a KEY=VALUE or --unset KEY')
  const session = openSession(command)
  if (edit !== undefined) {
    const { value } = await session.call(pathOf(edit), changeDetailSchema)
    const body = { revision: value.revision, title, reason: options.reason, ...(keys.length > 0 ? { patch } : {}) }
    return showDetail(session, await session.call(pathOf(edit), changeDetailSchema, { method: 'PATCH', body }))
  }
  const reason = await session.reasonFor('config propose', options.reason, false)
  await proposed(session, { title: title ?? keys.join(', ').slice(0, 100), reason, patch })
}

export async function proposed(session: Session, body: object): Promise<void> {
  const reply = await session.call('/config/changes', changeDetailSchema, { method: 'POST', body })
  session.show(reply, (change, style) => [`Made change request #${change.id}.`, ...detailLines(change, style)])
}

async function list({ status }: { status: string }, command: Command): Promise<void> {
  if (status !== 'all' && !STATUSES.includes(status))
    throw usage(`--status is ${STATUSES.join(', ')} or all: ${status}`)
  const session = openSession(command)
  const query = { status: status === 'all' ? undefined : status }
  session.show(await session.call('/config/changes', listOf(changeSchema), { query }), ({ items }, style) =>
    items.length === 0
      ? [status === 'all' ? 'No change requests.' : `No ${status} change requests.`]
      : table([
          ['id', 'state', 'changed', 'author', 'title'].map(style.dim),
          ...items.map((change) => [
            `#${change.id}`,
            statusWords(change, style),
            moment(change.updated_at),
            change.author,
            change.title,
          ]),
        ]),
  )
}

/** Bound to the revision that was read here, or that the caller names. */
async function act(command: Command, id: number, what: string, { ifMatch }: ActOptions, body: object): Promise<void> {
  const session = openSession(command)
  const revision = ifMatch ?? (await session.call(pathOf(id), changeDetailSchema)).value.revision
  const call = { method: 'POST', body: { revision, ...body } } as const
  showDetail(session, await session.call(`${pathOf(id)}/${what}`, changeDetailSchema, call))
}

function showDetail(session: Session, reply: Reply<ChangeDetail>): void {
  session.show(reply, detailLines)
}

function pathOf(id: number): string {
  return `/config/changes/${id}`
}

function statusWords({ status, stale, approved_by, ending }: ChangeView, style: Style): string {
  if (ending) return ending.version === null ? status : `${status}, version ${ending.version}`
  if (stale) return style.yellow('stale')
  return approved_by.length > 0 ? style.green(`open, ${plural(approved_by.length, 'approval')}`) : 'open'
}

function detailLines(change: ChangeDetail, style: Style): string[] {
  const { id, title, reason, author, revision, stale, moved, diff, issues, reviews } = change
  return [
    `${style.bold(`#${id} ${title}`)}: ${statusWords(change, style)}, by ${author}, revision ${revision}`,
    ...(reason ? [reason] : []),
    ...(stale
      ? [
          style.yellow(
            `Made for version ${change.base_version}, but version ${change.version} is in effect. Changed since then:`,
          ),
          ...diffTable(moved, style),
          'Next: config rebase, then check it again.',
        ]
      : []),
    diffHeading(change),
    ...diffTable(diff, style),
    ...issues.map(({ path, message }) => style.red(`${path}: ${message}`)),
    ...reviews.map((review) => {
      const of = review.revision === revision ? '' : ` (revision ${review.revision})`
      return `${moment(review.at)} ${review.who} ${review.verdict === 'approve' ? 'approves' : 'says'}${of}${review.comment ? `: ${review.comment}` : ''}`
    }),
  ]
}

function diffHeading({ status, ending, diff }: ChangeDetail): string {
  if (ending) return `${status} ${moment(ending.at)} by ${ending.who}. It was:`
  return diff.length > 0 ? 'It would change:' : 'It would change nothing: what it asks for acts already. Discard it.'
}
