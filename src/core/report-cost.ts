/** What a finished video costs on each arm: GPU seconds of all its jobs, also the failed ones, over those that succeeded. */
import type { Evidence } from './experiment.ts'
import { ratioEstimate, relativeLift } from './stats/estimates.ts'
import type { PairMoments } from './stats/moments.ts'

export interface CostReport {
  /** Per successful job; null without a price or a successful job. A job counts as one GPU. */
  control: number | null
  candidate: number | null
  relative: { lift: number; low: number; high: number } | null
  /** Relative increase that is still accepted. */
  limit: number
  status: 'within' | 'cost_exceeded' | 'not_measured'
}

export function costReport({ gpuSeconds, costPerGpuSecond }: Evidence, limit: number): CostReport {
  const control = priced(gpuSeconds.control, costPerGpuSecond.control)
  const candidate = priced(gpuSeconds.candidate, costPerGpuSecond.candidate)
  const all = control && candidate && relativeLift(control, candidate, 0.95)
  const lift = all && Object.values(all).every(Number.isFinite) ? all : null
  return {
    control: control?.value ?? null,
    candidate: candidate?.value ?? null,
    relative: lift && { lift: lift.lift, low: lift.low, high: lift.high },
    limit,
    status: !lift ? 'not_measured' : lift.lift > limit ? 'cost_exceeded' : 'within',
  }
}

function priced(seconds: PairMoments, price: number | null) {
  if (price === null) return null
  const { meanY, m2Y, cxy } = seconds
  const estimate = ratioEstimate({ ...seconds, meanY: meanY * price, m2Y: m2Y * price ** 2, cxy: cxy * price })
  return estimate && Number.isFinite(estimate.value) ? estimate : null
}
