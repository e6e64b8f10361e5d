/** Verdicts in words: figures with their units, and which limit a table lacks. No judging. */
import { measuredBy } from './metric.ts'
import type { GuardrailBase, JudgeContext, Lack, MonitorState, Tally, Uncounted } from './monitor.ts'
import type { Operation } from '../outcome.ts'

/** Of operations that do not go by their own name. */
const NOUNS: Partial<Record<Operation, string>> = { content: 'download', sync: 'synchronous submit', other: 'request' }

function nounOf(operation: Operation): string {
  return NOUNS[operation] ?? operation
}

/** None of the limits is written, of which the kind needs one. */
export function limitMissing(...limits: string[]): Lack {
  const message = `a limit is missing: ${limits.join(' or ')}`
  return { code: 'limit_missing', message, params: { limits: limits.join(', ') } }
}

/** `job error rate`, `p99 latency of submits`. */
export function subjectOf({ metric, operation }: GuardrailBase): string {
  const measured = measuredBy(metric)
  if (measured.of === 'signal') return measured.name
  if (measured.of === 'latency') return `${measured.quantile} latency of ${plural(operation)}`
  return `${nounOf(operation)} ${measured.of === 'refusals' ? 'refusal' : 'error'} rate`
}

/** `1 job`, `1,140 jobs`. */
export function counted(n: number, operation: Operation): string {
  return `${grouped(n)} ${n === 1 ? nounOf(operation) : plural(operation)}`
}

export function plural(operation: Operation): string {
  return `${nounOf(operation)}s`
}

export function grouped(n: number): string {
  return n.toLocaleString('en-US')
}

/** `7.9 %`, two digits below 10 and three above. */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(share < 0.1 ? 2 : 3))} %`
}

export function secondsText(seconds: number): string {
  return `${Number(seconds.toPrecision(3))} s`
}

/** `(9 of 114 jobs: 7 job_timeout, 2 job_failed; control 0.4 %)`; of slow jobs without classes. */
export function tallyText(tally: Tally, operation: Operation): string {
  const { x, n, controlX, controlN } = tally
  const control = controlN === 0 ? 'no control traffic' : `control ${percent(controlX / controlN)}`
  return `(${grouped(x)} of ${counted(n, operation)}${classesText(tally)}; ${control})`
}

/** `: 20 job_timeout, 3 job_failed`, the most first. */
function classesText({ x, errors }: Tally): string {
  const parts = namedCounts(errors ?? {})
  const others = x - Object.values(errors ?? {}).reduce((sum, n) => sum + n, 0)
  // Counted by a build that did not tell classes apart.
  if (parts.length > 0 && others > 0) parts.push(`${grouped(others)} of unknown class`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

/** `20 job_timeout`, `3 job_failed`, the most first. */
function namedCounts(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([name, n]) => `${grouped(n)} ${name}`)
}

/** `in 2 of 5 windows`, and a streak that has grown beyond what was needed as such. */
export function streakText(bad: number, needed: number): string {
  return bad > needed ? `in ${bad} windows in a row (${needed} needed)` : `in ${bad} of ${needed} windows`
}

/** What is said while nothing has been seen. */
export function noDataText(guardrail: GuardrailBase, state: MonitorState, context: JudgeContext): string {
  const since = context.clockStartedAt ?? context.epochStartedAt ?? null
  const lack = lackText(guardrail, state, context, since === null ? null : context.now - since)
  return `${subjectOf(guardrail)}: ${lack}`
}

/** `no candidate submits for 18 s`; where some ended that say nothing, `of 40 candidate jobs in 18 s none counts (40 not_observed)`, and where to look. */
export function lackText(
  guardrail: GuardrailBase,
  { uncounted }: MonitorState,
  context: JudgeContext,
  ms: number | null,
): string {
  const { operation } = guardrail
  if (!uncounted) {
    const what = `no candidate ${plural(operation)}${operation === 'job' ? ' ended' : ''}`
    return `${what} ${ms === null ? 'yet' : `for ${durationText(ms)}`}`
  }
  const { requests, outcomes, unseenAt } = uncounted
  const ended = `of ${grouped(requests)} candidate ${requests === 1 ? nounOf(operation) : plural(operation)}`
  const ends = namedCounts(outcomes)
  const ago =
    unseenAt === undefined ? '' : `; the last that Sluice could not see was ${durationText(context.now - unseenAt)} ago`
  const look =
    unseenLately(guardrail, uncounted, context) > 0
      ? ': nothing is rolled back for what Sluice could not see; see whether the candidate answers its polls'
      : ago
  const how = ends.length === 0 ? '' : ` (${ends.join(', ')})`
  return `${ended}${ms === null ? '' : ` in ${durationText(ms)}`} none counts${how}${look}`
}

/** Ends of which Sluice could not see how, or how soon, they came: those as `not_observed`, and good ones that count for nothing. */
export function unseenIn({ requests, outcomes }: Uncounted): number {
  const { not_observed: _, ...seen } = outcomes
  return requests - Object.values(seen).reduce((sum, n) => sum + n, 0)
}

/** The same as long as they show that there is traffic: none once the last is longer ago than the grace. */
export function unseenLately(
  { noDataGraceMs }: GuardrailBase,
  uncounted: Uncounted,
  { now, judgedUntil = now }: JudgeContext,
): number {
  const { unseenAt = -Infinity } = uncounted
  return Math.min(now, judgedUntil) - unseenAt <= noDataGraceMs ? unseenIn(uncounted) : 0
}

export function durationText(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Number((ms / 3_600_000).toPrecision(3))} h`
}

/** `1.5` for 0.5 over control. */
export function timesText(overControl: number): string {
  return String(Number((1 + overControl).toPrecision(12)))
}
