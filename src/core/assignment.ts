/**
 * Subject + snapshot → arm and reason, synchronously and without any look-up.
 * The hash rule (README, "How a split is decided") must never change: it decides who sees which model.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8Bytes } from './utf8.ts'
import type { Arm } from './arm.ts'
import type { Snapshot } from './release.ts'
import { remembered } from './remembered.ts'
import { type Attributes, firstMatch } from './rules.ts'

export type Reason =
  | 'job'
  | 'override'
  | 'rolled_back'
  | 'idle'
  | 'shadow'
  | 'rule'
  | 'hash'
  | 'failover'
  | 'forced_control'
  | 'breaker'
  | 'control_plane_unknown'

export interface Assignment {
  arm: Arm
  reason: Reason
  /** In [0, 100), two decimals. */
  position: number
  /** By which the hash dealt this subject; null where no hash was asked. */
  percent: number | null
}

/** First 8 hex digits of sha256 over UTF-8 text, as an unsigned integer. */
export function hash32(text: string): number {
  const digest = sha256(utf8Bytes(text))
  return ((digest[0]! << 24) | (digest[1]! << 16) | (digest[2]! << 8) | digest[3]!) >>> 0
}

/** Where a subject stands in [0, 100): whole part `h mod 100`, two decimals from the next digits. */
export function positionOf(release: string, subject: string): number {
  return position(`${release}_${subject}`)
}

/** A subject asks many times; where it stands is worked out once. */
const position = remembered({ entries: 5000, chars: 256 }, (text) => {
  const h = hash32(text)
  return (h % 100) + (Math.floor(h / 100) % 100) / 100
})

/** The arm of a new request. `job` and `override` are settled before; here the order is state, rule, hash. */
export function assign(snapshot: Snapshot, subject: string, attributes: Attributes): Assignment {
  const at = positionOf(snapshot.release, subject)
  const on = (arm: Arm, reason: Reason, percent: number, dealt = false): Assignment => ({
    arm,
    reason,
    position: at,
    percent: dealt ? percent : null,
  })
  const { state } = snapshot
  if (state === 'rolled_back' || state === 'idle' || state === 'shadow') return on('control', state, 0)
  const rule = firstMatch(snapshot.rules, subject, attributes)
  if (rule && 'arm' in rule) return on(rule.arm, 'rule', snapshot.percent)
  const percent = rule ? Math.min(100, snapshot.percent * rule.weight) : snapshot.percent
  return on(isCandidate(at, percent) ? 'candidate' : 'control', rule ? 'rule' : 'hash', percent, true)
}

/** `position >= 100 - percent`, in whole hundredths so that 99.9 % is not at the mercy of binary fractions. */
export function isCandidate(position: number, percent: number): boolean {
  return Math.round(position * 100) >= (100 - percent) * 100 - 1e-6
}

/** Whether a control submit is copied: a hash of its own, so that sampling never follows the A/B split. */
export function isShadowed(release: string, requestId: string, sample: number): boolean {
  if (sample >= 1) return true
  return hash32(`${release}:shadow_${requestId}`) < sample * 2 ** 32
}
