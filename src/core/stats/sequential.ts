/**
 * One-sided e-processes: evidence that may be looked at after every single event. An e-process starts at 1 and, while
 * its null hypothesis holds, ever reaches 1/α with probability at most α. It decides nothing; callers compare.
 */
import betainc from '@stdlib/math-base-special-betainc'
import betaln from '@stdlib/math-base-special-betaln'

/**
 * H0: the rate is at most `p0` (0 < p0 < 1). The alternative is a mixture over all rates above it, Beta(a, b) cut to
 * p > p0: log e = ln ∫ Lₚ dπ(p) − ln L_p0, in closed form by the incomplete beta function.
 */
export function logERateAbove(events: number, trials: number, p0: number, priorA: number, priorB: number): number {
  const a = priorA + events
  const b = priorB + trials - events
  return (
    betaln(a, b) +
    logUpperTail(p0, a, b) -
    betaln(priorA, priorB) -
    logUpperTail(p0, priorA, priorB) -
    events * Math.log(p0) -
    (trials - events) * Math.log1p(-p0)
  )
}

/** A candidate's share of all errors, if its rate were `ratio` × control's and `share` of the traffic is its own. */
export function errorShare(share: number, ratio: number): number {
  return (share * ratio) / (share * ratio + 1 - share)
}

/**
 * H0: the candidate's error rate is at most `ratio` × control's. Looks at error events only: each is the candidate's
 * with at most θ0 = errorShare(share, ratio), whatever the common level of errors does over time (Lindon & Malek, arXiv
 * 2011.03567, for two arms and one side). Prior Beta(1, (1 − θ0)/θ0): its mean is θ0 itself.
 */
export function logERateVsControl(candidateEvents: number, allEvents: number, share: number, ratio: number): number {
  const theta0 = errorShare(share, ratio)
  return logERateAbove(candidateEvents, allEvents, theta0, 1, (1 - theta0) / theta0)
}

/** ln P(Beta(a, b) > x). */
function logUpperTail(x: number, a: number, b: number): number {
  return a === 1 ? b * Math.log1p(-x) : Math.log(betainc(x, a, b, true, true))
}
