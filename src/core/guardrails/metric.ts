/** What the name of a guardrail's metric stands for. Nobody else takes such a name apart. */

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
