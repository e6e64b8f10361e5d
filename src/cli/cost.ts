/** `sluice cost`: a month's bill, and how near the objects come to their limits, from the traffic that is expected. Asks no server. */
import { type Command, Option } from 'commander'
import { type Capacity, capacityOf, HEADROOM, type Load, MONTH_SECONDS, MOST_SHARDS } from '../core/capacity.ts'
import { MOST_COPIES_A_LEDGER } from '../core/poll-schedule.ts'
import {
  BASE_DOLLARS,
  MOST_OBJECT_GB,
  MOST_OBJECT_REQUESTS,
  MOST_SUBREQUESTS_FREE,
  type Usage,
} from '../core/prices.ts'
import { usage } from './failure.ts'
import { countArgument, percentArgument, positiveArgument, shareArgument } from './numbers.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'
import { figure } from './words.ts'

type Setting = readonly [key: keyof Load, flags: string, about: string, read: (text: string) => number, given?: number]

/** What the bill is worked out from, each as an option; the first has no default. */
const SETTINGS: readonly Setting[] = [
  ['submitsPerSecond', '--submits <n>', 'submits a second, on average over the month', positiveArgument],
  ['jobSeconds', '--job <seconds>', 'how long a job takes', positiveArgument, 120],
  ['pollSeconds', '--poll <seconds>', 'between two polls of a client', positiveArgument, 5],
  ['isolates', '--isolates <n>', 'isolates of the Worker that take traffic at the same time', countArgument, 10],
  ['isolatesAClient', '--spread <n>', 'isolates over which one client’s requests spread', countArgument, 1],
  ['counterShards', '--counter-shards <n>', 'as counter_shards', countArgument, 1],
  ['ledgerShards', '--ledger-shards <n>', 'as ledger_shards', countArgument, 1],
  ['candidateShare', '--percent <percent>', 'of submits sent to the candidate', percentArgument, 50],
  ['shadowShare', '--shadow <share>', 'of submits copied to the candidate', shareArgument, 0],
  [
    'newSubjectShare',
    '--new-subjects <share>',
    'of submits, by subjects new since the split was last changed',
    shareArgument,
    0.2,
  ],
  ['windowSeconds', '--window <seconds>', 'as window_seconds', countArgument, 60],
  [
    'tickSeconds',
    '--tick <seconds>',
    'between two ticks: 1 with a `within` guardrail, else up to 5',
    positiveArgument,
    1,
  ],
  ['quietAfterSeconds', '--quiet-after <seconds>', 'as quiet_after', positiveArgument, 120],
  ['cpuMs', '--cpu <ms>', 'CPU of the Worker for one request', positiveArgument, 1.5],
]

export function addCost(program: Command): void {
  const cost = program
    .command('cost')
    .description('what a month costs by Cloudflare’s prices, and when more shards are needed')
  for (const [, flags, about, read, given] of SETTINGS) {
    const option = new Option(flags, about).argParser(read).makeOptionMandatory(given === undefined)
    cost.addOption(given === undefined ? option : option.default(given))
  }
  cost
    .option('--idle', 'the release is not running: nothing ticks')
    .addHelpText('after', '\nExample:\n  sluice cost --submits 5 --job 90 --poll 2 --shadow 10%')
    .action((_options: object, command: Command) => {
      const options = command.optsWithGlobals<{ idle?: boolean; json?: boolean }>()
      const load = loadOf(options)
      const capacity = capacityOf(load)
      const terminal = openTerminal()
      const result = { load, ...capacity, advice: adviceOf(load, capacity) }
      terminal.show(options.json, result, () => costLines(load, capacity, terminal.style.bold))
    })
}

function loadOf(options: { idle?: boolean; [name: string]: unknown }): Load {
  const given = SETTINGS.map(([key, flags]) => [key, options[new Option(flags).attributeName()]])
  const load = Object.fromEntries(given) as Load
  for (const [name, n] of Object.entries({
    '--counter-shards': load.counterShards,
    '--ledger-shards': load.ledgerShards,
  }))
    if (n > MOST_SHARDS) throw usage(`${name} is ${MOST_SHARDS} at most`)
  if (load.isolatesAClient > load.isolates)
    throw usage(`one client’s requests can’t spread over more isolates than there are (${load.isolates})`)
  return { ...load, candidateShare: load.candidateShare / 100, tickSeconds: options.idle ? 0 : load.tickSeconds }
}

const LINES: Record<keyof Usage, (n: number) => [string, string]> = {
  workerRequests: (n) => ['Worker requests', millions(n)],
  cpuMs: (n) => ['Worker CPU', `${millions(n)} ms`],
  objectRequests: (n) => ['object requests', millions(n)],
  gbSeconds: (n) => ['object duration, at most', `${millions(n)} GB-s`],
  rowsWritten: (n) => ['rows written', millions(n)],
  rowsRead: (n) => ['rows read', millions(n)],
  storedGb: (n) => ['stored', `${rounded(n)} GB`],
}

function costLines(load: Load, capacity: Capacity, bold: (text: string) => string): string[] {
  const { month, bill, perSecond, mostSubrequests, shard, ledger, controller } = capacity
  const names = Object.keys(LINES) as (keyof Usage)[]
  const share = (calls: number, gb: number) => [
    `${rounded(calls)} calls/s of ${figure(MOST_OBJECT_REQUESTS)}`,
    `${rounded(gb)} of ${MOST_OBJECT_GB} GB`,
  ]
  const isRunning = load.tickSeconds > 0
  const advice = adviceOf(load, capacity)
  return [
    `${rounded(perSecond.requests)} requests a second, ${rounded(perSecond.polls)} of them polls, for a month of ${MONTH_SECONDS / 86_400} days:`,
    '',
    ...table(
      [
        ...names.map((name) => [...LINES[name](month[name]), dollars(bill.lines[name])]),
        ['plan', '', dollars(BASE_DOLLARS)],
        [bold('together'), '', bold(dollars(bill.total))],
      ],
      ['left', 'right', 'right'],
    ),
    '',
    rowsLine(capacity),
    '',
    'Objects, the busiest of each kind:',
    '',
    ...table([
      [`${shard.count} × counter shard`, ...share(shard.requestsPerSecond, shard.storedGb)],
      [`${ledger.count} × ledger`, ...share(ledger.requestsPerSecond, ledger.storedGb)],
      ...(ledger.copiesInFlight > 0
        ? [['', `${rounded(ledger.copiesInFlight)} copies in flight of ${figure(MOST_COPIES_A_LEDGER)}`]]
        : []),
      ...(isRunning ? [['controller', `asks ${controller.callsATick} objects a tick`]] : []),
    ]),
    '',
    `Sub-requests: ${rounded(perSecond.subrequests / perSecond.requests)} a request, ${mostSubrequests} at most.`,
    ...advice.map((each) => `! ${each}`),
  ]
}

function rowsLine({ rows }: Capacity): string {
  const all = Object.values(rows).reduce((sum, n) => sum + n, 0)
  const parts: [string, number][] = [
    ['flushes', rows.flushes],
    ['jobs', rows.jobs],
    ['polls', rows.polls],
    ['copies', rows.copies],
    ['ticks and alarms', rows.ticks],
  ]
  const shown = parts.filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a)
  return `Rows are written by ${shown.map(([name, n]) => `${name} (${Math.round((n / all) * 100)} %)`).join(', ')}.`
}

function adviceOf(load: Load, { mostSubrequests, neededShards, neededLedgers }: Capacity): string[] {
  const { counterShards, ledgerShards, pollSeconds, isolatesAClient, quietAfterSeconds } = load
  const half = `no object does more than ${HEADROOM * 100} % of what it can`
  const needed = (key: string, has: number, needs: number | null) =>
    needs === null
      ? [`no number of ${key} is enough: split the traffic over several releases`]
      : needs > has
        ? [`set ${key} = ${needs}, so that ${half}`]
        : []
  const isQuiet = pollSeconds * isolatesAClient > quietAfterSeconds
  return [
    ...needed('counter_shards', counterShards, neededShards),
    ...needed('ledger_shards', ledgerShards, neededLedgers),
    ...(isQuiet ? ['clients poll less often than quiet_after: the ledger polls their jobs, too'] : []),
    ...(mostSubrequests > MOST_SUBREQUESTS_FREE
      ? [`a flush may make ${mostSubrequests} sub-requests: more than the ${MOST_SUBREQUESTS_FREE} of the Free plan`]
      : []),
  ]
}

function millions(n: number): string {
  return n >= 1e6 ? `${rounded(n / 1e6)} M` : rounded(n)
}

function rounded(n: number): string {
  return figure(n >= 1000 ? Math.round(n) : n)
}

function dollars(n: number): string {
  return `$${n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}
