/** A guardrail as operators write it → one monitor per operation, as the core judges it. */
import * as v from 'valibot'
import { type Guardrail, guardrailsOf, isMetric, lacking, METRIC_PATTERN } from '../core/guardrails/index.ts'
import type { GuardrailSettings } from '../core/guardrails/monitor.ts'
import { OPERATIONS, type Operation } from '../core/outcome.ts'
import { duration, explained, positive, risk, share, table, wholePositive } from './fields.ts'
import { fault } from './issue-words.ts'

const metric = v.pipe(
  v.string(),
  v.title('error_rate, refusal_rate, latency_p50, latency_p95, latency_p99 or signal:NAME'),
  v.metadata({ pattern: METRIC_PATTERN }),
  v.check(
    (text) => isMetric(text),
    fault('not_metric', 'error_rate, refusal_rate, latency_p50, latency_p95, latency_p99 or signal:NAME'),
  ),
)

const FAST = fault('within_range', 'a duration from 1s to 5m is needed', { from: '1s', to: '5m' })

const guardrailTable = table({
  metric,
  operations: v.optional(v.pipe(v.array(v.picklist(OPERATIONS)), v.minLength(1))),
  method: v.optional(v.picklist(['threshold', 'sequential']), 'threshold'),
  max: v.optional(v.pipe(v.number(), v.minValue(0))),
  max_over_control: v.optional(v.pipe(v.number(), v.minValue(0))),
  max_seconds: v.optional(positive),
  for_windows: v.optional(v.pipe(wholePositive, v.maxValue(1440)), 5),
  within: v.optional(v.pipe(duration, v.minValue(1000, FAST), v.maxValue(300_000, FAST))),
  min_requests: v.optional(wholePositive),
  min_samples: v.optional(wholePositive, 200),
  action: v.optional(v.picklist(['rollback', 'pause', 'warn']), 'rollback'),
  no_data: v.optional(v.picklist(['hold', 'rollback', 'warn']), 'hold'),
  no_data_grace: v.optional(duration, '1h'),
  literal: v.optional(v.boolean(), false),
  both_bad: v.optional(v.picklist(['hold', 'rollback']), 'hold'),
  alpha: v.optional(risk, 0.01),
  margin: v.optional(share, 0),
  normalise: v.optional(v.boolean(), true),
})
type GuardrailOutput = v.InferOutput<typeof guardrailTable>

export const guardrailSchema = v.pipe(
  guardrailTable,
  explained((written) => {
    const lack = lacking(written)
    return lack && fault(lack.code, lack.message, lack.params)
  }),
)
export type GuardrailInput = v.InferInput<typeof guardrailTable>

/** What a release is judged by when it names no guardrail. docs/guardrails.md tells what they achieve. */
export const DEFAULT_GUARDRAILS: GuardrailInput[] = [
  { metric: 'error_rate', max: 0.01, for_windows: 5, min_requests: 20 },
  { metric: 'latency_p99', max_over_control: 0.5, for_windows: 5 },
  { metric: 'error_rate', max: 0.5, within: '10s', min_requests: 10 },
  { metric: 'error_rate', operations: ['job'], method: 'sequential', max: 0.01, alpha: 0.01 },
  { metric: 'refusal_rate', method: 'sequential', max: 0.05, alpha: 0.01 },
]

/** One monitor per guardrail and operation, each with an id that stays the same while the config does. */
export function monitors(guardrails: readonly GuardrailOutput[], defaultOperations: readonly Operation[]): Guardrail[] {
  const seen = new Map<string, number>()
  return guardrails.flatMap((g) => {
    // A wire without jobs has its calls judged instead.
    const operations = (g.operations ?? defaultOperations).map((each) =>
      defaultOperations.includes('job') || each !== 'job' ? each : 'other',
    )
    return guardrailsOf(settingsOf(g), [...new Set(operations)]).map((guardrail) => {
      const nth = (seen.get(guardrail.id) ?? 0) + 1
      seen.set(guardrail.id, nth)
      return nth === 1 ? guardrail : { ...guardrail, id: `${guardrail.id}#${nth}` }
    })
  })
}

function settingsOf(g: GuardrailOutput): GuardrailSettings {
  return {
    metric: g.metric,
    method: g.method,
    max: g.max ?? null,
    maxOverControl: g.max_over_control ?? null,
    maxSeconds: g.max_seconds ?? null,
    forWindows: g.for_windows,
    withinMs: g.within ?? null,
    minRequests: g.min_requests ?? (g.within ? 10 : 20),
    minSamples: g.min_samples,
    action: g.action,
    noData: g.no_data,
    noDataGraceMs: g.no_data_grace,
    literal: g.literal,
    bothBad: g.both_bad,
    alpha: g.alpha,
    margin: g.margin,
    normalise: g.normalise,
  }
}
