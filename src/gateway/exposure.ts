/**
 * Tells the experiment of a subject that the hash has dealt to an arm, once an epoch and isolate: the first submit,
 * whatever comes of it, since counting only what succeeded would hide a model that refuses.
 */
import { kindOf } from '../config/subject-key.ts'
import type { Exposure } from '../durable/rpc.ts'
import type { Submission } from '../protocols/protocol.ts'
import { attributesOf, type Decided, type Exchange } from './exchange.ts'
import type { Subject } from './subject.ts'

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
  const at = ctx.isolate.deps.now()
  runtime.telemetry.exposed({ owner, arm, epoch, percent, at }, () => traitsOf(ctx, subject, submission))
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
