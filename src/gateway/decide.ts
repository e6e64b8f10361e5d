/**
 * Which arm a new request goes to, and why: break-glass, override, what is known of the release, breaker, hash. And
 * the experiment's word of it, where the hash has dealt.
 */
import { kindOf } from '../config/subject-key.ts'
import { assign } from '../core/assignment.ts'
import type { Exposure } from '../durable/rpc.ts'
import type { Submission } from '../protocols/submit.ts'
import { attributesOf, type Decided, type Exchange, type Routed } from './exchange.ts'
import type { ReleaseRuntime } from './isolate.ts'
import type { Subject } from './subject.ts'

/** From this age of the snapshot on the control plane counts as lost, and the isolate's own breaker is asked. */
const LOST_CONTROL_MS = 5000

export function decideArm(
  ctx: Exchange,
  runtime: ReleaseRuntime,
  subject: Subject,
  submission: Submission | null,
): Routed {
  const { snapshot } = ctx
  const control = (reason: Routed['reason']): Routed => ({ arm: 'control', reason })
  if (ctx.isolate.forceControl) return control('forced_control')
  if (ctx.forced) return { arm: ctx.forced, reason: 'override' }
  if (!snapshot) return control('control_plane_unknown')
  const { now } = ctx.isolate.deps
  const { onLostControl, leaseMs } = runtime.release
  if (onLostControl === 'control' && runtime.snapshots.ageMs(now()) > leaseMs) return control('control_plane_unknown')
  const assigned = assign(snapshot, subject.value, attributesOf(ctx, subject, submission))
  const dealt = assigned.percent === null ? {} : { dealt: { arm: assigned.arm, percent: assigned.percent } }
  const isStopped =
    assigned.arm === 'candidate' && runtime.snapshots.ageMs(now()) > LOST_CONTROL_MS && !runtime.breaker.allows(now())
  const { arm, reason } = assigned
  return { ...(isStopped ? control('breaker') : { arm, reason }), ...dealt }
}

/**
 * Tells the experiment of a subject that the hash has dealt to an arm, once an epoch and isolate: the first submit,
 * whatever comes of it, since counting only what succeeded would hide a model that refuses.
 */
export function expose(
  ctx: Exchange,
  { runtime, snapshot, routed }: Decided,
  subject: Subject,
  submission: Submission | null,
): void {
  const { dealt } = routed
  if (snapshot?.state !== 'canary' || !dealt || dealt.percent <= 0 || dealt.percent >= 100) return
  // A caller without any identity is a new subject each time: nothing it does can be found again.
  if (kindOf(subject.key) === 'request') return
  const [owner] = subject.owners
  const { arm, percent } = dealt
  const { epoch } = snapshot
  runtime.telemetry.exposed({ owner, arm, epoch, percent }, () => traitsOf(ctx, subject, submission))
}

function traitsOf(ctx: Exchange, subject: Subject, submission: Submission | null): Exposure['traits'] {
  const { country, promptChars, durationSeconds } = attributesOf(ctx, subject, submission)
  const kind = kindOf(subject.key)
  return {
    region: country,
    prompt: bucket(promptChars, [100, 400], ['short', 'medium', 'long']),
    duration: bucket(durationSeconds, [5, 15], ['≤ 5 s', '≤ 15 s', '> 15 s']),
    visitor: kind === 'jwt' || kind === 'header' ? 'known' : 'anonymous',
  }
}

/** `bounds` are inclusive upper ends. */
function bucket(value: number | null, bounds: readonly number[], names: readonly string[]): string | null {
  if (value === null) return null
  const at = bounds.findIndex((bound) => value <= bound)
  return names[at < 0 ? bounds.length : at] ?? null
}
