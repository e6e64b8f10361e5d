/** Verdicts in words: figures with units, the rule as a formula. No judging. */
import { jobsForQuantile } from './guardrail-quantile.ts'
import type { Guardrail, JudgeContext, Tally } from './monitor.ts'
import type { Operation } from './outcome.ts'

const NOUNS: Record<Operation, readonly [string, string]> = {
  submit: ['submit', 'submits'],
  poll: ['poll', 'polls'],
  content: ['download', 'downloads'],
  cancel: ['cancel', 'cancels'],
  list: ['list', 'lists'],
  sync: ['synchronous submit', 'synchronous submits'],
  other: ['request', 'requests'],
  job: ['job', 'jobs'],
}

/** `job error rate`, `p99 latency of submits`. */
export function subjectOf({ metric, operation }: Guardrail): string {
  if (metric === 'error_rate') return `${NOUNS[operation][0]} error rate`
  if (metric.startsWith('signal:')) return metric.slice('signal:'.length)
  return `${metric.replace('latency_', '')} latency of ${NOUNS[operation][1]}`
}

/** `1 job`, `1,140 jobs`. */
export function counted(n: number, operation: Operation): string {
  return `${grouped(n)} ${NOUNS[operation][n === 1 ? 0 : 1]}`
}

export function plural(operation: Operation): string {
  return NOUNS[operation][1]
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
  const named = Object.entries(errors ?? {}).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const parts = named.map(([name, n]) => `${grouped(n)} ${name}`)
  const others = x - named.reduce((sum, [, n]) => sum + n, 0)
  // Counted by a build that did not tell classes apart.
  if (parts.length > 0 && others > 0) parts.push(`${grouped(others)} of unknown class`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

/** `in 2 of 5 windows`, and a streak that has grown beyond what was needed as such. */
export function streakText(bad: number, needed: number): string {
  return bad > needed ? `in ${bad} windows in a row (${needed} needed)` : `in ${bad} of ${needed} windows`
}

/** What is said while nothing has been seen. */
export function silenceText(guardrail: Guardrail, { now, clockStartedAt, epochStartedAt }: JudgeContext): string {
  const since = clockStartedAt ?? epochStartedAt ?? null
  const how = since === null ? 'yet' : `for ${durationText(now - since)}`
  return `${subjectOf(guardrail)}: no candidate ${NOUNS[guardrail.operation][1]} ${how}`
}

export function durationText(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Number((ms / 3_600_000).toPrecision(3))} h`
}

/** The rule in symbols. x of n are the candidate's events, x_c of n_c control's. */
export function formula(guardrail: Guardrail): string {
  if (guardrail.metric.startsWith('signal:')) return signalFormula(guardrail)
  if (guardrail.withinMs !== null)
    return `${windowRule(guardrail)}, n >= ${guardrail.minRequests} within ${guardrail.withinMs / 1000} s`
  if (guardrail.method === 'sequential') return sequentialFormula(guardrail)
  const least = guardrail.metric === 'error_rate' ? guardrail.minRequests : jobsForQuantile(guardrail)
  return `${windowRule(guardrail)}, in ${guardrail.forWindows} windows of n >= ${least} in a row`
}

function windowRule(guardrail: Guardrail): string {
  const { literal, max, maxOverControl, maxSeconds, metric } = guardrail
  const times = maxOverControl === null ? null : Number((1 + maxOverControl).toPrecision(12))
  const rules: string[] = []
  if (metric === 'error_rate') {
    if (max !== null) rules.push(`x/n > ${max}${literal ? '' : ` and P(X >= x | n, ${max}) <= 0.1 (exact binomial)`}`)
    if (times !== null)
      rules.push(
        `x/n > ${times} x_c/n_c${literal ? '' : ` and P(X >= x | x + x_c, θ) <= 0.1 (exact, θ = share of errors at ${times} x control's rate)`}`,
      )
    return rules.join(' or ')
  }
  const p = metric.replace('latency_', '')
  if (maxSeconds !== null)
    rules.push(
      `${p} > ${maxSeconds} s${literal ? '' : ' and its slower jobs are too many by the exact binomial test at 0.1'}`,
    )
  if (times !== null)
    rules.push(
      `${p} > ${times} ${p}_c${literal ? '' : ` and P(X >= x | x + x_c, n/(n + n_c)) <= 0.05 (exact, x slower than ${p}_c)`}`,
    )
  return rules.join(' or ')
}

function sequentialFormula({ alpha, margin, max, maxOverControl, metric }: Guardrail): string {
  const bound = `>= k(k + 1)/${alpha} in epoch k`
  if (metric === 'error_rate')
    return (
      `e(x of n, p0 = ${max}) ${bound}, and e(x of x + x_c, θ0 by traffic share and (p_c + ${margin})/p_c) as well ` +
      '(one-sided beta-binomial e-processes)'
    )
  const p = metric.replace('latency_', '')
  return (
    `e(x of n slower than ${1 + (maxOverControl ?? 0)} x control's ${p} of earlier windows) ${bound}, ` +
    `and e(x of x + x_c, θ0 = n/(n + n_c), x_c slower than that ${p}) as well (one-sided beta-binomial e-processes)`
  )
}

function signalFormula({ max, maxOverControl, minSamples }: Guardrail): string {
  const limits = [
    ...(max === null ? [] : [`mean > ${max}`]),
    ...(maxOverControl === null ? [] : [`mean > mean_c + ${maxOverControl} |mean_c|`]),
  ]
  return `${limits.join(' or ')}, n >= ${minSamples}`
}
