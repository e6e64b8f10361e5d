/** `sluice history` and `sluice jobs`: lists of the API as tables, newest first, over as many pages as asked for. */
import type { Command } from 'commander'
import type * as v from 'valibot'
import { historyEntrySchema, jobSchema, listOf } from '../api/index.ts'
import { isBreakGlass } from '../describe/evidence.ts'
import type { Reply } from './api-client.ts'
import { countArgument } from './numbers.ts'
import { openSession, type Session } from './session.ts'
import { table } from './table.ts'
import { figure, moment, place, span } from './words.ts'

interface ListOptions {
  limit: number
}

interface JobOptions extends ListOptions {
  arm?: string
  status?: string
  shadow?: boolean
}

const PAGE = 100

/** `open, failed or lost`. */
function oneOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

export function addHistory(program: Command): void {
  program
    .command('history')
    .description('who changed what, when and why; newest first')
    .option('--limit <n>', 'entries at most', countArgument, 20)
    .action(async (options: ListOptions, command: Command) => {
      const session = openSession(command)
      const reply = await pages(session, 'history', historyEntrySchema, options.limit, {})
      session.show(reply, ({ items }, style) =>
        items.length === 0
          ? ['Nothing has happened yet.']
          : table([
              ['when', 'who', 'action', 'from', 'to', 'reason'].map(style.dim),
              ...items.map((entry) => [
                moment(entry.at),
                entry.who,
                entry.action + (isBreakGlass(entry) ? ' (break-glass)' : ''),
                place(entry.from),
                place(entry.to),
                entry.reason,
              ]),
            ]),
      )
    })
}

export function addJobs(program: Command): void {
  program
    .command('jobs')
    .description('jobs that went through the release, newest first')
    .option('--arm <arm>', 'control or candidate')
    .option('--status <status>', oneOf(jobSchema.entries.status.options))
    .option('--shadow', 'only shadow copies')
    .option('--no-shadow', 'only what served a user')
    .option('--limit <n>', 'jobs at most', countArgument, 20)
    .action(async ({ limit, ...filter }: JobOptions, command: Command) => {
      const session = openSession(command)
      const reply = await pages(session, 'jobs', jobSchema, limit, { ...filter })
      session.show(reply, ({ items }, style) =>
        items.length === 0
          ? ['No jobs.']
          : table(
              [
                ['submitted', 'arm', 'stage', 'status', 'outcome', 'took', 'id'].map(style.dim),
                ...items.map((job) => [
                  moment(job.submitted_at),
                  job.arm + (job.shadow ? ' (shadow)' : '') + (job.rescued ? ' (rescued)' : ''),
                  job.stage,
                  job.status,
                  job.outcome ?? '',
                  job.seconds === null ? '' : job.seconds < 60 ? `${figure(job.seconds)} s` : span(job.seconds),
                  job.id,
                ]),
              ],
              ['left', 'left', 'left', 'left', 'left', 'right', 'left'],
            ),
      )
    })
}

/** Follows `next` until `limit` items are there; the raw answer is one list with the cursor of what was left. */
async function pages<S extends v.GenericSchema>(
  session: Session,
  what: string,
  item: S,
  limit: number,
  filter: Record<string, string | boolean | undefined>,
): Promise<Reply<{ items: v.InferOutput<S>[]; next: string | null }>> {
  const items: v.InferOutput<S>[] = []
  const rawItems: unknown[] = []
  let cursor: string | undefined
  for (;;) {
    const query = { ...filter, limit: Math.min(limit - items.length, PAGE), cursor }
    const { value, raw } = await session.call(`/${what}`, listOf(item), { query })
    items.push(...value.items)
    rawItems.push(...(raw as { items: unknown[] }).items)
    if (value.next === null || items.length >= limit || value.items.length === 0) {
      const { next } = value
      return { value: { items: items.slice(0, limit), next }, raw: { items: rawItems.slice(0, limit), next } }
    }
    cursor = value.next
  }
}
