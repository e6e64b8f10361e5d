/** Which quantile a latency guardrail reads, and from how many jobs on it can be read at all. */
import { measuredBy } from './metric.ts'

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
