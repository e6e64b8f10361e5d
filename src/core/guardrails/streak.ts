/** Bad windows in a row: counts added up, the streak lengthened or broken, and whether control shares the fault. */
import type { GuardrailBase, JudgeContext, MonitorState, Reading, Tally } from './monitor.ts'
import type { Finding } from './verdict.ts'
import { binomialTail, type Share, worseThanControl } from '../stats/proportions.ts'
import { addCounts } from '../window.ts'
import { counted, noDataText, subjectOf } from './words.ts'

/** Share of healthy releases that one guardrail by windows may roll back, over all looks of a whole release. */
const FALSE_ALARMS = 0.001
/** At least Σ 1/(k ln²(k + 2)) over all k from 1, which is 1.89. */
const ALL_LOOKS = 1.9
/** A count speaks against a limit when a rate at the limit would give as many with at most this probability. */
export const SPEAKS_AGAINST = 0.1
/**
 * Clearly worse than control: this p-value at most, and this many times its rate if that is over the limit. Clearly within the
 * limit: a rate at the limit would give control as few errors with at most `within`. Both are asked again and again,
 * and of windows picked because the candidate was bad in them; hence stricter than one test of its own would need.
 */
const CLEARLY = { p: 0.0001, times: 2, within: 0.01 }

/** How many of the candidate's have ended: what a judgement must rest on, however many are under way. */
export function endedOf({ n, ended = n }: Tally): number {
  return ended
}

/** Whichever are more, submitted or ended: for single counts, and where jobs end whose submits were not counted. */
export function atLeastEnded(tally: Tally): Tally {
  return { ...tally, n: Math.max(tally.n, endedOf(tally)) }
}

export function addTallies(earlier: Tally | null, later: Tally): Tally {
  if (!earlier) return later
  return {
    fromMs: earlier.fromMs,
    toMs: later.toMs,
    x: earlier.x + later.x,
    n: earlier.n + later.n,
    controlX: earlier.controlX + later.controlX,
    controlN: earlier.controlN + later.controlN,
    ...(earlier.ended === undefined && later.ended === undefined ? {} : { ended: endedOf(earlier) + endedOf(later) }),
    ...(earlier.takenUp || later.takenUp ? { takenUp: addCounts({ ...takenUpOf(earlier) }, takenUpOf(later)) } : {}),
    ...(earlier.controlOpen || later.controlOpen
      ? { controlOpen: (earlier.controlOpen ?? 0) + (later.controlOpen ?? 0) }
      : {}),
    ...(earlier.errors || later.errors ? { errors: addCounts({ ...earlier.errors }, later.errors ?? {}) } : {}),
  }
}

/** Each job once, in the window that takes it up. */
export function takenUpOf({ takenUp, n, controlN }: Tally): NonNullable<Tally['takenUp']> {
  return takenUp ?? { candidate: n, control: controlN }
}

export function share(x: number, n: number): number | null {
  return n === 0 ? null : x / n
}

/** A reading, whether it is bad, whether by the limit relative to control, and whether control is over the other limit. */
export interface JudgedReading {
  reading: Reading
  bad: boolean
  beyondControl: boolean
  controlOver: boolean
}

/** The state after a judgement; what was pending is used up by it. */
export function advance(
  state: MonitorState,
  { reading, bad, beyondControl, controlOver }: JudgedReading,
): MonitorState {
  const streak = bad
    ? {
        bad: (state.streak?.bad ?? 0) + 1,
        alone: beyondControl || !controlOver ? longer(state.streak?.alone ?? null, reading.tally) : null,
        tally: addTallies(state.streak?.tally ?? null, reading.tally),
      }
    : null
  return { ...state, looks: state.looks + 1, pending: null, last: reading, streak }
}

function longer(alone: { bad: number; tally: Tally } | null, tally: Tally): { bad: number; tally: Tally } {
  return { bad: (alone?.bad ?? 0) + 1, tally: addTallies(alone?.tally ?? null, tally) }
}

/**
 * How improbable a full streak's counts must be altogether. One window is bad by chance in ten, five in a row happen in a
 * week of windows: so each look has a part of the epoch's part of the false alarms, the later the smaller, and all
 * parts sum to less than the whole.
 */
export function streakRisk({ looks, share: part }: MonitorState): number {
  return (FALSE_ALARMS * part) / (ALL_LOOKS * Math.max(1, looks) * Math.log(looks + 2) ** 2)
}

/**
 * Whether control has a part in the breach, in the same windows: it has had errors, is not clearly within the limit, and
 * the candidate is not clearly worse (`limit` is the share of events allowed). Small counts of control are no alibi for
 * the candidate: in an outage of both arms control's rate is below the limit by chance in one look of many.
 */
export function controlShares({ x, n, controlX, controlN }: Tally, limit: number, risk = CLEARLY.p): boolean {
  if (controlX === 0) return false
  const over = controlX > limit * controlN
  const enoughApart = !over || x / n >= (CLEARLY.times * controlX) / controlN
  if (enoughApart && worseThanControl({ x, n }, { x: controlX, n: controlN }) <= Math.min(risk, CLEARLY.p)) return false
  return over || 1 - binomialTail(controlX + 1, controlN, limit) > CLEARLY.within
}

/** More events than a limit allows: the bare rate, and unless `literal` the exact binomial test as well. */
export function exceeds(guardrail: { literal: boolean }, x: number, n: number, limit: number): boolean {
  return x > limit * n && (guardrail.literal || binomialTail(x, n, limit) <= SPEAKS_AGAINST)
}

/** Status by the streak: a full one is a breach unless control shares it, a begun one leaves the matter open. */
export function streakStatus(
  guardrail: { bothBad: GuardrailBase['bothBad']; forWindows: number },
  state: MonitorState,
  limit: number | null,
  isProven = true,
): Pick<Finding, 'status' | 'note'> {
  const { streak } = state
  if (!streak) return { status: 'pass', note: null }
  if (streak.bad < guardrail.forWindows || !isProven) return { status: 'inconclusive', note: null }
  const risk = streakRisk(state)
  const isShared = (tally: Tally) => sharedBy(tally, state.control, limit!, risk)
  const hasRecovered = () =>
    streak.alone !== null &&
    streak.alone.bad >= guardrail.forWindows &&
    !isShared(streak.alone.tally) &&
    isRarer(streak.alone.tally, { x: streak.tally.controlX, n: streak.tally.controlN }, risk)
  const shared = limit !== null && guardrail.bothBad === 'hold' && isShared(streak.tally) && !hasRecovered()
  return shared ? { status: 'inconclusive', note: 'both_bad' } : { status: 'breach', note: null }
}

/**
 * Where control has had no error in these windows, or is gone, at 100 %, what it did in the whole release (`control`) tells
 * what is usual, unless it has become better for certain.
 */
function sharedBy(tally: Tally, control: Share, limit: number, risk: number): boolean {
  if (tally.controlX > 0) return controlShares(tally, limit, risk)
  const usual = { ...tally, controlX: control.x, controlN: control.n }
  return controlShares(usual, limit, risk) && !isRarer(tally, control, risk)
}

/** Whether control's errors are rarer in these windows than in the rest of what they are part of: few requests without one show nothing. */
function isRarer({ controlX, controlN }: Tally, whole: Share, risk: number): boolean {
  const rest = { x: whole.x - controlX, n: whole.n - controlN }
  return worseThanControl(rest, { x: controlX, n: controlN }) <= Math.min(risk, CLEARLY.p)
}

/** The finding while nothing could be judged: `no_data` before the first observation, `inconclusive` after it. */
export function nothingYet(
  windowsNeeded: number,
  seen: number,
  needs: { n: number; baselineN: number; noControl: boolean },
  words: () => string,
): Finding {
  return {
    status: seen === 0 ? 'no_data' : 'inconclusive',
    note: seen > 0 && needs.noControl ? 'no_control' : null,
    value: null,
    n: needs.n,
    baselineValue: null,
    baselineN: needs.baselineN,
    threshold: null,
    windows: { fromMs: null, toMs: null, bad: 0, needed: windowsNeeded },
    words,
  }
}

/** The finding of a guardrail by windows while none could be judged: it needs `least` of the candidate, or of control. */
export function noWindowYet(
  guardrail: GuardrailBase & { forWindows: number },
  state: MonitorState,
  context: JudgeContext,
  needs: { n: number; baselineN: number; noControl: boolean; least: number; toWhat: string },
): Finding {
  return nothingYet(guardrail.forWindows, state.seen, needs, () => {
    if (state.seen === 0) return noDataText(guardrail, state, context)
    const { n, baselineN, noControl, least, toWhat } = needs
    const subject = subjectOf(guardrail)
    if (noControl) return `${subject}: no control traffic to compare ${counted(n, guardrail.operation)} with`
    const needed = `of ${counted(least, guardrail.operation)} needed`
    return n < least
      ? `${subject}: ${n} ${needed} ${toWhat}`
      : `${subject}: control has ${baselineN} ${needed} for a comparison`
  })
}
