/** The table of kinds of guardrails: what the rest knows of one, it knows from here. A new kind is a file and a line. */
import { fastTrip } from './fast-trip.ts'
import { latency } from './latency.ts'
import type { GuardrailBase, Kind } from './monitor.ts'
import { rate } from './rate.ts'
import { refusals } from './refusals.ts'
import { sequentialLatency } from './sequential-latency.ts'
import { sequentialRate } from './sequential-rate.ts'
import { signal } from './signal.ts'

const KINDS = [rate, latency, fastTrip, sequentialRate, sequentialLatency, refusals, signal] as const

type GuardrailOf<K> = K extends Kind<infer G> ? G : never

/** One monitor: a guardrail of the config on one operation. Made by config/, judged here. */
export type Guardrail = GuardrailOf<(typeof KINDS)[number]>

/** Each kind is asked about its own guardrails only, which the compiler can't follow through a table. */
type AnyKind = Kind<GuardrailBase>
export const ALL_KINDS = KINDS as unknown as readonly AnyKind[]
const BY_NAME = new Map(ALL_KINDS.map((kind) => [kind.kind, kind]))

export function kindOf(guardrail: GuardrailBase): AnyKind {
  return BY_NAME.get(guardrail.kind)!
}
