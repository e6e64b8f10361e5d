/** Contract drift: one arm refuses (4xx) what the other takes. Where both do it alike, it is nobody's fault. */
import { binomialTail } from './stats/proportions.ts'

export interface Refusals {
  requests: number
  clientErrors: number
}

/** So unlikely must the surplus be by chance. */
const SIGNIFICANCE = 0.001
/** The other arm must have had enough requests to say what is usual. */
const ENOUGH_REQUESTS = 20

/** How many of `own`'s client errors the other arm's rate does not explain; 0 where chance may. */
export function contractDrift(own: Refusals, other: Refusals): number {
  if (own.clientErrors === 0 || other.requests < ENOUGH_REQUESTS) return 0
  // Laplace's rule: an arm that has refused nothing yet may still refuse.
  const usual = (other.clientErrors + 1) / (other.requests + 2)
  if (binomialTail(own.clientErrors, own.requests, usual) >= SIGNIFICANCE) return 0
  return Math.max(0, Math.round(own.clientErrors - own.requests * usual))
}
