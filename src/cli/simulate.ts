/** `sluice simulate`: a configuration's guardrails tried on releases that never happened. Asks no server. */
import type { Command } from 'commander'
import { formatDuration, parseDuration } from '../config/fields.ts'
import { readConfig, type ReleaseConfig } from '../config/load.ts'
import { PROTOCOL_NAMES } from '../protocols/index.ts'
import { readVars } from './config-file.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { createLiveView } from './live.ts'
import { countArgument, percentArgument, positiveArgument, shareArgument, wholeArgument } from './numbers.ts'
import { type Catch, catches, type FalseAlarms, falseAlarms, type Question, simulable } from './simulation-runner.ts'
import { table } from './table.ts'
import { openTerminal, printable, type Style } from './terminal.ts'
import { figure, percentOf, plural, span } from './words.ts'

interface SimulateOptions {
  file: string
  env?: string
  release?: string
  errorRate?: number
  healthyRate: number
  slower: number
  trafficPerMinute: number
  percent?: number
  releases: number
  watch: string
  seed: number
  json?: boolean
}

export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .description('how soon this configuration’s guardrails catch a given failure, and how often they fire falsely')
    .option('--file <file>', 'the configuration', 'wrangler.toml')
    .option('--env <name>', 'the variables of [env.NAME]')
    .option('--error-rate <share>', 'share of the bad candidate’s jobs that fail (default: 5%)', shareArgument)
    .option('--healthy-rate <share>', 'the same of control, and of a good candidate', shareArgument, 0.005)
    .option('--slower <times>', 'how many times slower the bad candidate is', positiveArgument, 1)
    .option('--traffic-per-minute <n>', 'jobs a minute, both arms together', positiveArgument, 60)
    .option('--percent <percent>', 'candidate’s percent (default: each rung of the ladder)', percentArgument)
    .option('--releases <n>', 'how many releases to simulate for each figure', countArgument, 200)
    .option('--watch <duration>', 'give up on a bad candidate after this long', '1d')
    .option('--seed <n>', 'another draw', wholeArgument, 1)
    .addHelpText(
      'after',
      '\nErrors are independent from job to job, and only jobs fail, not submits. Job times are lognormal, median 60 s.' +
        '\n\nExamples:\n  sluice simulate --error-rate 20% --traffic-per-minute 100\n  sluice simulate --slower 2 --percent 5',
    )
    .action((_options: SimulateOptions, command: Command) => {
      const options = command.optsWithGlobals<SimulateOptions>()
      const terminal = openTerminal()
      const config = releaseOf(options)
      const question = questionOf(options, config)
      const progress = progressOf(question.releases * (question.percents.length + 1))
      const answer = {
        catches: catches(config, question, progress.tick),
        false_alarms: falseAlarms(config, question, progress.tick),
      }
      progress.end()
      const skipped = config.guardrails.filter(({ id }) => !simulable(config.guardrails).some((g) => g.id === id))
      const result = { release: config.name, question, ...answer, not_simulated: skipped.map(({ id }) => id) }
      terminal.show(options.json, result, () => resultLines(printable(result), terminal.style))
    })
}

function releaseOf({ file, env, release: name }: SimulateOptions): ReleaseConfig {
  const read = readConfig(readVars(file, env), PROTOCOL_NAMES)
  if (!read.ok)
    throw new Failure(EXIT.refused, `${file} is invalid: see \`sluice config check ${file}\``, { result: read })
  const { releases } = read.config
  const found = name === undefined ? releases : releases.filter((release) => release.name === name)
  const [first, ...others] = found
  if (first && others.length === 0) return first
  const names = releases.map((release) => `--release ${release.name}`)
  throw usage(first ? 'several releases: name one with --release' : `${file} has no release "${name}"`, names)
}

function questionOf(options: SimulateOptions, config: ReleaseConfig): Question {
  const watchMs = parseDuration(options.watch)
  if (!watchMs) throw usage('--watch is a duration like 90m, 12h or 7d')
  if (options.percent === 0) throw usage('--percent 0: a candidate without traffic is never caught')
  const { healthyRate, slower } = options
  const errorRate = options.errorRate ?? (slower > 1 ? healthyRate : 0.05)
  return {
    jobsPerMinute: options.trafficPerMinute,
    healthy: { submit: healthyRate, job: healthyRate },
    failing: { submit: healthyRate, job: errorRate },
    slower,
    percents: options.percent === undefined ? config.ladder.map((rung) => rung.percent) : [options.percent],
    releases: options.releases,
    watchMs,
    seed: options.seed,
  }
}

/** Silent but on a terminal: a log gains nothing from it. */
function progressOf(total: number): { tick: () => void; end: () => void } {
  if (!process.stderr.isTTY) return { tick: () => {}, end: () => {} }
  const view = createLiveView(process.stderr)
  let done = 0
  let shownAt = 0
  const tick = () => {
    done++
    if (Date.now() - shownAt < 200) return
    shownAt = Date.now()
    view.show([`simulating: ${done} of ${total} releases`], '')
  }
  return { tick, end: () => view.clear() }
}

interface Result {
  release: string
  question: Question
  catches: Catch[]
  false_alarms: FalseAlarms
  not_simulated: string[]
}

function resultLines({ release, question, catches: rows, false_alarms: alarms, not_simulated }: Result, style: Style) {
  const slow = question.slower === 1 ? '' : `, its jobs ${question.slower} times slower`
  const header = [
    'percent',
    'bake',
    'caught in bake',
    `in ${formatDuration(question.watchMs)}`,
    'median',
    '95 %',
    'candidate jobs',
    'first to see it',
  ]
  return [
    `${style.bold(release)} at ${figure(question.jobsPerMinute)} jobs a minute, ${plural(question.releases, 'simulated release')} for each figure.`,
    '',
    style.bold(
      `A candidate of which ${percentOf(question.failing.job)} of jobs fail${slow} (control: ${percentOf(question.healthy.job)})`,
    ),
    ...table(
      [header.map(style.dim), ...rows.map(catchCells)],
      ['right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
    ),
    '',
    style.bold(
      `A healthy candidate (${percentOf(question.healthy.job)}) over the whole ladder, ${span(alarms.days_each * 86_400)}`,
    ),
    `stopped falsely in ${alarms.stopped} of ${alarms.releases} releases${firsts(alarms.by) ? ` (${firsts(alarms.by)})` : ''}`,
    ...(not_simulated.length > 0 ? ['', style.dim(`Not simulated: ${not_simulated.join(', ')}`)] : []),
  ]
}

function catchCells(row: Catch): string[] {
  const time = (seconds: number | null) => (seconds === null ? '–' : span(seconds))
  return [
    `${row.percent} %`,
    span(row.bake_seconds),
    percentOf(row.caught_in_bake),
    percentOf(row.caught),
    time(row.median_seconds),
    time(row.p95_seconds),
    row.median_jobs === null ? '–' : figure(row.median_jobs),
    firsts(row.by),
  ]
}

function firsts(by: Record<string, number>): string {
  return Object.entries(by)
    .map(([guardrail, n]) => `${guardrail} ${n}`)
    .join(', ')
}
