/** Which arm a new request goes to, and why: break-glass, override, what is known of the release, breaker, hash. */
import { assign } from '../core/assignment.ts'
import type { Snapshot } from '../core/release.ts'
import type { Submission } from '../protocols/protocol.ts'
import { attributesOf, type Exchange, type Routed } from './exchange.ts'
import type { ReleaseRuntime } from './isolate.ts'
import type { Subject } from './subject.ts'

/** From this age of the snapshot on the control plane counts as lost, and the isolate's own breaker is asked. */
const LOST_CONTROL_MS = 5000

export function decideArm(
  ctx: Exchange,
  runtime: ReleaseRuntime,
  snapshot: Snapshot | null,
  subject: Subject,
  submission: Submission | null,
): Routed {
  const control = (reason: Routed['reason']): Routed => ({ arm: 'control', reason })
  if (ctx.isolate.forceControl) return control('forced_control')
  if (ctx.forced) return { arm: ctx.forced, reason: 'override' }
  if (!snapshot) return control('control_plane_unknown')
  const { now } = ctx.isolate.deps
  const { onLostControl, leaseMs } = runtime.release
  const ageMs = runtime.snapshots.ageMs(now())
  if (onLostControl === 'control' && ageMs > leaseMs) return control('control_plane_unknown')
  const assigned = assign(snapshot, subject.value, attributesOf(ctx, subject, submission))
  const dealt = assigned.percent === null ? {} : { dealt: { arm: assigned.arm, percent: assigned.percent } }
  const isStopped = assigned.arm === 'candidate' && ageMs > LOST_CONTROL_MS && !runtime.breaker.allows(now())
  const { arm, reason } = assigned
  return { ...(isStopped ? control('breaker') : { arm, reason }), ...dealt }
}
