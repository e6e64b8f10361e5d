/**
 * Two estimates with intervals of their own, which need not be even → the interval of their difference or lift: the
 * distances to the ends that matter for a bound, as if each were a standard error (Newcombe 1998; Donner and Zou 2012).
 */

export interface Interval {
  low: number
  high: number
}

export type Measured = Interval & { value: number }

/** Candidate − control. */
export function hybridDifference(control: Measured, candidate: Measured): Interval & { lift: number } {
  const lift = candidate.value - control.value
  return {
    lift,
    low: lift - Math.hypot(candidate.value - candidate.low, control.high - control.value),
    high: lift + Math.hypot(candidate.high - candidate.value, control.value - control.low),
  }
}

/** Candidate/control − 1, by the difference of logarithms. Null where anything is not above 0. */
export function hybridLift(control: Measured, candidate: Measured): (Interval & { lift: number }) | null {
  if (!(control.low > 0 && candidate.low > 0)) return null
  const { lift, low, high } = hybridDifference(logarithms(control), logarithms(candidate))
  return { lift: Math.expm1(lift), low: Math.expm1(low), high: Math.expm1(high) }
}

function logarithms({ value, low, high }: Measured): Measured {
  return { value: Math.log(value), low: Math.log(low), high: Math.log(high) }
}
