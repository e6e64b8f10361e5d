/** How the jobs of both arms were split in blocks of counts, by how long ago: what a failure weighs there whose job is older. */
import { inAgeGroups } from './age-groups.ts'

/** Blocks of about the same age, and the jobs of theirs. */
export interface BlockSpan {
  /** How many blocks. */
  size: number
  /** The window after the last of the youngest. */
  untilWindow: number
  n: number
  controlN: number
}

/** With one more block. */
export function withBlock(spans: readonly BlockSpan[], block: Omit<BlockSpan, 'size'>): BlockSpan[] {
  return inAgeGroups([...spans, { size: 1, ...block }], (older, younger) => ({
    untilWindow: younger.untilWindow,
    n: older.n + younger.n,
    controlN: older.controlN + younger.controlN,
  }))
}

/** Those that hold a window of these, both included; the youngest where none does. */
export function spansOf(spans: readonly BlockSpan[], fromWindow: number, toWindow: number): BlockSpan[] {
  const found = spans.filter(
    ({ untilWindow }, i) => untilWindow > fromWindow && (spans[i - 1]?.untilWindow ?? 0) <= toWindow,
  )
  return found.length > 0 ? found : spans.slice(-1)
}
