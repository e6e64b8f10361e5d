/** A release as lines: the sentence first, then the ladder, what it waits for, and the evidence. */
import type { ReleaseView, VerdictView } from '../api/index.ts'
import { endClasses } from '../describe/evidence.ts'
import { describe } from '../describe/headline.ts'
import { breaches, type Health } from '../describe/health.ts'
import { rungOf, stagesOf } from '../describe/names.ts'
import { nextStep } from '../describe/next-step.ts'
import { commandOf } from './next-steps.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { figure, fromNow, moment, percentOf, place, plural, span, withEnd } from './words.ts'

export function isUnhealthy(release: ReleaseView): boolean {
  return release.state === 'rolled_back' || breaches(release).length > 0
}

const PLACES: Partial<Record<string, string>> = {
  idle: 'Not started: control serves everybody.',
  shadow: 'Shadowing: control serves everybody, the candidate gets copies.',
  completed: 'Completed: the candidate serves everybody.',
  rolled_back: 'Rolled back: control serves everybody.',
}

/** "Canary at 5 %. Healthy." */
export function headline(release: ReleaseView, now: number, style: Style): string {
  const { health, worry, paused } = describe(release, null, now)
  const where =
    release.state === 'canary' ? `Canary at ${release.percent} %.` : (PLACES[release.state] ?? `At ${release.stage}.`)
  const [colour, words] = HEALTH[health]
  const named = worry !== null && 'verdicts' in worry ? `: ${worry.verdicts.map((v) => v.guardrail).join(', ')}` : ''
  return [
    `${style.bold(release.name)}  ${where}`,
    ...(release.forced_control ? [style.red('Break-glass: control serves every new submit.')] : []),
    ...(paused ? [style.yellow('Paused.')] : []),
    ...(words === '' ? [] : [style[colour](`${words}${named}.`)]),
  ].join(' ')
}

const HEALTH: Record<Health, [colour: keyof Style, words: string]> = {
  healthy: ['green', 'Healthy'],
  watch: ['yellow', 'Bad windows, not yet a breach'],
  waiting: ['yellow', 'Not enough data yet'],
  both_bad: ['yellow', 'Both arms are bad; nothing is rolled back'],
  breach: ['red', 'Breached'],
  unmeasured: ['yellow', 'A guardrail could not be measured'],
  stale: ['red', 'Guardrails are not being evaluated'],
  quiet: ['dim', ''],
  done: ['dim', ''],
  rolled_back: ['dim', ''],
}

/** One line for a log: all that counts as a change, and nothing that ticks by itself. */
export function logLine(release: ReleaseView): string {
  const waits = release.blocked_by.map((blocker) => blocker.code)
  const breached = breaches(release).map(({ guardrail }) => guardrail)
  return [
    `${release.name}  ${place(release)}`,
    ...(release.forced_control ? ['break-glass'] : []),
    ...(release.paused ? ['paused'] : []),
    `version ${release.version}`,
    ...(waits.length > 0 ? [`waits for ${[...new Set(waits)].join(', ')}`] : []),
    ...(breached.length > 0 ? [`breach: ${breached.join(', ')}`] : []),
    ...(release.state === 'rolled_back' ? [`reason: ${release.reason}`] : []),
  ].join('  ')
}

export function releaseLines(release: ReleaseView, now: number, style: Style): string[] {
  const { arms, draining, drift } = release
  const facts = [
    ['ladder', ladder(release, style)],
    ['split', split(release)],
    [
      'since',
      `${moment(release.since)} (${fromNow(release.since, now)}), version ${release.version}, epoch ${release.epoch}`,
    ],
    ['reason', release.reason || '(none given)'],
    [
      'arms',
      `control ${arms.control.model ?? '(its own model)'}, candidate ${arms.candidate.model ?? '(its own model)'}`,
    ],
    ['shadow', shadow(release)],
    ...(release.state === 'shadow' || release.state === 'canary' ? [['jobs', jobs(release)]] : []),
    ['next', next(release, now)],
    ...(draining && draining.jobs > 0
      ? [['draining', `${plural(draining.jobs, 'candidate job')}, the oldest ${span(draining.oldest_seconds)}`]]
      : []),
    ...(drift.length > 0 ? [['drift', `live values hide the file's: ${drift.join(', ')} (sluice config diff)`]] : []),
    ...damage(release),
  ]
  return [
    headline(release, now, style),
    '',
    ...table(facts.map(([key, value]) => [style.dim(key!), value!])),
    ...section('Waits for', waits(release, now), style),
    ...section('Guardrails', verdictTable(release.verdicts, style), style),
  ]
}

function section(title: string, lines: string[], style: Style): string[] {
  return lines.length > 0 ? ['', style.bold(title), ...lines.map((line) => `  ${line}`)] : []
}

function ladder(release: ReleaseView, style: Style): string {
  const rungs = stagesOf(release)
  const labelOf = (stage: string) => String(rungOf(stage) ?? stage)
  const skipped = rungs.filter(({ isSkipped }) => isSkipped).map(({ stage }) => labelOf(stage))
  const names = rungs
    .filter(({ isSkipped }) => !isSkipped)
    .map(({ stage }) => (stage === release.stage ? style.bold(style.blue(`[${labelOf(stage)}]`)) : labelOf(stage)))
  const left = skipped.length > 0 ? style.dim(`   skipped ${skipped.join(', ')}`) : ''
  const off = rungs.some(({ stage }) => stage === release.stage) ? '' : `   now ${release.stage}`
  return names.join(' → ') + off + left
}

function split(release: ReleaseView): string {
  const actual = release.actual_percent
  return `${release.percent} % set, ${actual === null ? 'no traffic to measure' : `${figure(actual)} % measured`}`
}

function jobs({ jobs: { finished, needed } }: ReleaseView): string {
  return needed === 0
    ? `${plural(finished, 'finished candidate job')}; this stage needs none`
    : `${plural(finished, 'finished candidate job')}; this stage needs ${figure(needed)}`
}

function shadow({ shadow: s }: ReleaseView): string {
  const dropped = Object.entries(s.dropped).filter(([, n]) => n > 0)
  const lost =
    dropped.length > 0 ? `, dropped in all runs: ${dropped.map(([why, n]) => `${figure(n)} ${why}`).join(', ')}` : ''
  return `${s.active ? `on, ${percentOf(s.sample)} of submits` : 'off'}; ${s.in_flight} of ${s.max_in_flight} in flight, ${figure(s.today)} of ${figure(s.max_jobs_per_day)} today${lost}`
}

function next(release: ReleaseView, now: number): string {
  const step = nextStep(release)
  const command = commandOf(step)
  if (step.step === 'start') return `shadow or a canary stage: needs an operator (${command})`
  if (step.step === 'reset') return `idle: needs an operator (${command})`
  if (step.to === null) return 'nothing'
  const check = release.next_check_at ? `; next check ${fromNow(release.next_check_at, now)}` : ''
  return `${place(step.to)}, ${step.by === 'gateway' ? 'automatically' : `needs an operator (${command})`}${check}`
}

export function waits(release: ReleaseView, now: number): string[] {
  return release.blocked_by.map(({ message, until }) => (until ? withEnd(message, until, now) : message))
}

function damage({ state, blast_radius: b }: ReleaseView): string[][] {
  if (!b) return []
  // It is shown until the next start.
  const ended = state === 'rolled_back' ? '' : `; the last run's, rolled back ${moment(b.decided_at)}`
  return [
    [
      'damage',
      `${plural(b.subjects_exposed, 'subject')} exposed, ${plural(b.jobs_failed, 'job')} failed (${figure(b.jobs_rescued)} rescued), ${figure(Math.round(b.gpu_seconds_lost))} GPU seconds spent on failed jobs and copies${ended}`,
    ],
  ]
}

const LEFT_THEN_FIGURES = ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'] as const

function verdictTable(verdicts: readonly VerdictView[], style: Style): string[] {
  if (verdicts.length === 0) return []
  const colours: Partial<Record<string, Style[keyof Style]>> = {
    pass: style.green,
    breach: style.red,
    inconclusive: style.yellow,
    no_data: style.yellow,
    error: style.red,
  }
  const header = ['guardrail', 'verdict', 'candidate', 'n', 'control', 'n', 'limit', 'bad', 'action', 'ends'].map(
    style.dim,
  )
  const rows = verdicts.map((verdict) => [
    verdict.guardrail,
    (colours[verdict.status] ?? style.dim)(verdict.status.replace('_', ' ')) +
      (verdict.note ? ` (${verdict.note.replace('_', ' ')})` : ''),
    measured(verdict, verdict.value),
    figure(verdict.n),
    measured(verdict, verdict.baseline_value),
    figure(verdict.baseline_n),
    measured(verdict, verdict.threshold),
    verdict.method === 'sequential' ? '' : `${verdict.windows.bad}/${verdict.windows.needed}`,
    verdict.action,
    classes(verdict),
  ])
  return table([header, ...rows], [...LEFT_THEN_FIGURES, 'left', 'left'])
}

/** `20 job_timeout, 3 job_failed`. */
function classes(verdict: VerdictView): string {
  return endClasses(verdict)
    .map(({ name, n }) => `${figure(n)} ${name}`)
    .join(', ')
}

/** Shares in percent, latencies in seconds, what has a unit of its own as it is. */
function measured({ measure }: VerdictView, value: number | null): string {
  if (value === null) return '–'
  if (measure === 'share') return percentOf(value)
  return measure === 'signal' ? figure(value) : `${figure(value)} s`
}
