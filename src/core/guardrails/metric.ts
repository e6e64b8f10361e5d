/** What the name of a guardrail's metric stands for, taken apart here only, and how many jobs a quantile needs. */

export type Measured =
  | { of: 'errors' }
  | { of: 'refusals' }
  | { of: 'latency'; quantile: string }
  /** Posted from outside, under this name. */
  | { of: 'signal'; name: string }

/** `error_rate`, `latency_p99`, `signal:fvd`. */
export function measuredBy(metric: string): Measured {
  const [, quantile, name] = /^(?:latency_(p\d+)|signal:(.+))$/.exec(metric) ?? []
  if (quantile !== undefined) return { of: 'latency', quantile }
  if (name !== undefined) return { of: 'signal', name }
  return { of: metric === 'refusal_rate' ? 'refusals' : 'errors' }
}

/** `p99`. */
export function quantileName(metric: string): string {
  const measured = measuredBy(metric)
  return measured.of === 'latency' ? measured.quantile : metric
}

/** Share of jobs beyond the quantile. */
const TAIL: Record<string, number> = { latency_p50: 0.5, latency_p95: 0.05, latency_p99: 0.01 }

export function tailOf({ metric }: { metric: string }): number {
  return TAIL[metric]!
}

/** 400 for p99, 80 for p95, 8 for p50 (n > 4q/(1 − q)). */
export function jobsForQuantile(guardrail: { metric: string; literal: boolean; minRequests: number }): number {
  return guardrail.literal ? guardrail.minRequests : Math.max(guardrail.minRequests, Math.ceil(4 / tailOf(guardrail)))
}
