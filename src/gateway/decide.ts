/** Which arm a new request goes to, and why: break-glass, override, what is known of the release, breaker, hash. */
import { assign } from '../core/assignment.ts'
import type { Snapshot } from '../core/release.ts'
import type { Submission } from '../protocols/protocol.ts'
import { attributesOf, type Exchange, type Routed } from './exchange.ts'
import type { Lane } from './isolate.ts'
import type { Subject } from './subject.ts'

/** From this age of the snapshot on the control plane counts as lost, and the isolate's own breaker is asked. */
const LOST_CONTROL_MS = 5000

export function decideArm(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  subject: Subject,
  submission: Submission | null,
): Routed {
  const control = (reason: Routed['reason']): Routed => ({ arm: 'control', reason })
  if (x.isolate.forceControl) return control('forced_control')
  if (x.forced) return { arm: x.forced, reason: 'override' }
  if (!snapshot) return control('control_plane_unknown')
  const { now } = x.isolate.deps
  const { onLostControl, leaseMs } = lane.release
  const ageMs = lane.snapshots.ageMs(now())
  if (onLostControl === 'control' && ageMs > leaseMs) return control('control_plane_unknown')
  const assigned = assign(snapshot, subject.value, attributesOf(x, subject, submission))
  const dealt = assigned.percent === null ? {} : { dealt: { arm: assigned.arm, percent: assigned.percent } }
  const isStopped = assigned.arm === 'candidate' && ageMs > LOST_CONTROL_MS && !lane.breaker.allows(now())
  const { arm, reason } = assigned
  return { ...(isStopped ? control('breaker') : { arm, reason }), ...dealt }
}
