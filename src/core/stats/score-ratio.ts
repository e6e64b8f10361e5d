/** The interval of a ratio of two shares where an arm has none or all: from Wilson's intervals of both (Donner & Zou 2012). */
import { intervalZ } from './distributions.ts'
import { type Share, wilsonInterval } from './proportions.ts'

/** Candidate's share over control's, less 1. Null without an event of control's, where there is no ratio. */
export function ratioInterval(control: Share, candidate: Share, confidence: number) {
  if (control.x === 0) return null
  const z = intervalZ(confidence)
  const [c, t] = [control.x / control.n, candidate.x / candidate.n]
  const [ofC, ofT] = [wilsonInterval(control, z), wilsonInterval(candidate, z)]
  const bound = (ownT: number, ownC: number, sign: 1 | -1) => {
    const [a, b] = [ownT * (2 * t - ownT), ownC * (2 * c - ownC)]
    return (t * c + sign * Math.sqrt(Math.max(0, (t * c) ** 2 - a * b))) / b - 1
  }
  return { lift: t / c - 1, low: bound(ofT.low, ofC.high, -1), high: bound(ofT.high, ofC.low, 1) }
}
