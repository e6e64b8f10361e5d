/**
 * How many jobs were submitted a window, by how long ago: among how many a late failure is to be counted when traffic has
 * fallen since, and its good siblings have ended long before it.
 */
import { inAgeGroups } from '../stats/age-groups.ts'
import type { Tally } from './monitor.ts'

/** Windows of about the same age: the most jobs of one, and how many windows there are. Oldest first, a few of each size. */
export interface SubmitSpan {
  size: number
  /** Starts of the oldest and the newest, unix ms. */
  fromMs: number
  toMs: number
  most: number
}

/** With one more window's submits. */
export function withSubmits(spans: readonly SubmitSpan[], { fromMs, n }: Tally): SubmitSpan[] {
  return inAgeGroups([...spans, { size: 1, fromMs, toMs: fromMs, most: n }], (older, younger) => ({
    fromMs: older.fromMs,
    toMs: younger.toMs,
    most: Math.max(older.most, younger.most),
  }))
}

/** The tally of one window, its n at least that of any window in which its late failures may have been submitted. */
export function amongSiblings(fresh: Tally, spans: readonly SubmitSpan[]): Tally {
  const { n, ended = n, late = {}, fromMs, toMs } = fresh
  let most = n
  for (const windows of Object.keys(late).map(Number)) {
    const [oldest, newest] = [fromMs - windows * (toMs - fromMs), fromMs - (windows / 2) * (toMs - fromMs)]
    for (const span of spans) if (span.toMs >= oldest && span.fromMs <= newest) most = Math.max(most, span.most)
  }
  return most === n ? fresh : { ...fresh, n: most, ended }
}
