/**
 * How many jobs were submitted a window, by how long ago: among how many a late failure is to be counted when traffic has
 * fallen since, and its good siblings have ended long before it.
 */
import type { Tally } from './monitor.ts'

/** Windows of about the same age: the most jobs of one, and how many windows there are. Oldest first, a few of each size. */
export interface SubmitSpan {
  size: number
  /** Starts of the oldest and the newest, unix ms. */
  fromMs: number
  toMs: number
  most: number
}

/** With one more window's submits. At most two spans are of a size: of three, the older two become one. */
export function withSubmits(spans: readonly SubmitSpan[], { fromMs, n }: Tally): SubmitSpan[] {
  const all = [...spans, { size: 1, fromMs, toMs: fromMs, most: n }]
  for (let end = all.length; end >= 3 && all[end - 3]!.size === all[end - 1]!.size; end -= 2) {
    const [older, younger] = [all[end - 3]!, all[end - 2]!]
    const most = Math.max(older.most, younger.most)
    all.splice(end - 3, 2, { size: older.size + younger.size, fromMs: older.fromMs, toMs: younger.toMs, most })
  }
  return all
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
