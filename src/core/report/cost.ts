/** What a finished video costs on each arm: GPU seconds of all its jobs, also the failed ones, over those that succeeded. */
import { byArm } from '../arm.ts'
import type { Evidence } from '../experiment.ts'
import { FEW_EVENTS } from '../metric-sums.ts'
import type { Interval } from '../stats/hybrid-interval.ts'
import { sequenceLift, sequenceOfLift } from './metric.ts'
import { type Estimate, ratioEstimate, relativeLift } from '../stats/estimates.ts'
import type { PairMoments } from '../stats/moments.ts'

/** `cost_exceeded`: all of the interval is above the limit. `within`: none of it is. Else `unproven`. */
export const COST_STATUSES = ['within', 'cost_exceeded', 'unproven', 'not_measured'] as const

/** As the API shows it: `reportSchema` says what each member is. */
export type CostReport = ReturnType<typeof costReport>

type Priced = Pick<Evidence, 'gpuSeconds' | 'costPerGpuSecond'>

export function costReport(evidence: Priced, limit: number, alpha: number) {
  const { control, candidate } = estimates(evidence)
  const all = control && candidate && relativeLift(control, candidate, 0.95)
  const lift = all && Object.values(all).every(Number.isFinite) ? all : null
  const band = lift && control && candidate ? bandOf(control, candidate, lift.lift, alpha) : null
  return {
    control: control?.value ?? null,
    candidate: candidate?.value ?? null,
    relative: lift && { lift: lift.lift, low: lift.low, high: lift.high },
    always_valid: band,
    limit,
    status: statusOf(lift !== null, band, limit),
  }
}

/** For planning: the lift with its standard error and the subjects behind it. Null where no more of them can say more. */
export function costLift(evidence: Priced) {
  const { control, candidate } = estimates(evidence)
  return control && candidate && sequenceLift(control, candidate)
}

function statusOf(isMeasured: boolean, band: Interval | null, limit: number): (typeof COST_STATUSES)[number] {
  if (!isMeasured) return 'not_measured'
  if (band && band.low > limit) return 'cost_exceeded'
  return band && band.high <= limit ? 'within' : 'unproven'
}

function bandOf(control: Estimate, candidate: Estimate, lift: number, alpha: number): Interval | null {
  if (Math.min(control.n, candidate.n) < FEW_EVENTS) return null
  // Where each video takes the same seconds there is nothing to be unsure of.
  const isExact = control.variance === 0 && candidate.variance === 0
  return isExact ? { low: lift, high: lift } : sequenceOfLift(control, candidate, alpha)
}

function estimates({ gpuSeconds, costPerGpuSecond }: Priced) {
  return byArm((arm) => priced(gpuSeconds[arm], costPerGpuSecond[arm]))
}

function priced(seconds: PairMoments, price: number | null) {
  if (price === null) return null
  const { meanY, m2Y, cxy } = seconds
  const estimate = ratioEstimate({ ...seconds, meanY: meanY * price, m2Y: m2Y * price ** 2, cxy: cxy * price })
  return estimate && Number.isFinite(estimate.value) ? estimate : null
}
