/** One request on its way: who asks, by which release, what was decided, and how its end is counted. */
import type { Arm } from '../core/arm.ts'
import type { Reason } from '../core/assignment.ts'
import type { Operation, Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { Attributes } from '../core/rules.ts'
import type { Series } from '../core/window.ts'
import { authorizationOf } from '../protocols/send.ts'
import type { Submission } from '../protocols/submit.ts'
import type { Address, HeaderReader, ReceivedHeaders } from './asked.ts'
import type { WaitUntil } from './deps.ts'
import { toBackend } from './headers.ts'
import type { Isolate, ReleaseRuntime } from './isolate.ts'
import { type StreamedBody, streamedBody } from './request-body.ts'
import type { Subject } from './subject.ts'
import { readSmall } from './upload.ts'

export interface Exchange {
  /** For its body, and what the platform alone knows of it. */
  request: Request
  method: string
  headers: ReceivedHeaders
  url: Address
  requestId: string
  isolate: Isolate
  waitUntil: WaitUntil
  /** Resolves when the answer is made and given to the platform; what nobody waits for begins then. */
  answered: Promise<void>
  /** What the log line tells; filled on the way. */
  log: Record<string, unknown>
  /** The Authorization header is a credential for Sluice itself: it names no user and never leaves for a backend. */
  ownCredential: boolean
  /** The arm that a tester asks for by `x-sluice-arm`. */
  forced: Arm | null
  /** What is known of the release that takes the request, from when it is routed; null: nothing. */
  snapshot: Snapshot | null
  /** Set once an arm is chosen, so that refusals too are marked with it. */
  decided: Decided | null
  /** Nothing of the request's body is left to read. */
  isBodyRead: boolean
  /** The request's body, where it went to a backend unread. */
  streamed: StreamedBody | null
  /** Bytes of a submit may have gone to a backend. */
  submitSent: boolean
}

/** Which arm of which release serves a request, by what was known of the release at that moment. */
export interface Decided<L extends ReleaseRuntime = ReleaseRuntime> {
  runtime: L
  snapshot: Snapshot | null
  routed: Routed
}

/** How a request was decided, for headers, counters and the log. */
export interface Routed {
  arm: Arm
  reason: Reason
  /** What the hash had dealt, also where the breaker has sent the request elsewhere; missing where none was asked. */
  dealt?: { arm: Arm; percent: number }
}

/** Settles which arm serves the request. */
export function settle<L extends ReleaseRuntime>(ctx: Exchange, runtime: L, routed: Routed): Decided<L> {
  const chosen = { runtime, snapshot: ctx.snapshot, routed }
  ctx.decided = chosen
  return chosen
}

/** The request's body for a backend: a small one whole, any other as a stream; null where it has none. */
export async function bodyOf(ctx: Exchange): Promise<BodyInit | null> {
  const small = await readSmall(ctx)
  if (small) return small
  ctx.streamed = streamedBody(ctx.request, ctx.isolate.deps.now)
  return ctx.streamed?.stream ?? null
}

/** The headers of a call to this arm: of the request's own, or of others, what may go there. */
export function headersFor(ctx: Exchange, runtime: ReleaseRuntime, name: Arm, own: HeaderReader = ctx.headers) {
  const { protocol } = runtime
  const arm = runtime.release.arms[name]
  return toBackend(own, protocol.requestHeaders, {
    requestId: ctx.requestId,
    arm,
    authorization: authorizationOf(ctx.isolate.env, arm, protocol),
    mayForwardAuthorization: !ctx.ownCredential,
    passesOrigin: ctx.isolate.config.cors === null,
  })
}

export function attributesOf(ctx: Exchange, subject: Subject, submission: Submission | null): Attributes {
  return {
    claims: subject.claims,
    // Looked up only where it is asked for, since few releases do.
    get country() {
      const country = (ctx.request as { cf?: { country?: unknown } }).cf?.country
      return typeof country === 'string' ? country : null
    },
    header: (name) => ctx.headers.get(name),
    model: submission?.model ?? null,
    promptChars: submission?.promptChars ?? null,
    durationSeconds: submission?.durationSeconds ?? null,
  }
}

type Counted = Pick<Decided, 'runtime' | 'snapshot'> & { routed: Pick<Routed, 'arm'> }

/** Counts one request under its arm; `latency` in seconds. Of whose submits it is, so that a user's retries are told apart from failures of many. */
export function recordEnd(
  decided: Counted,
  operation: Operation,
  outcome: Outcome,
  latency: number,
  { shadow = false, owner }: { shadow?: boolean; owner?: string } = {},
): void {
  decided.runtime.telemetry.record(seriesOf(decided, operation, shadow), { outcome, seconds: { latency } }, owner)
}

/** Stage and epoch are those that the request was routed by. */
export function seriesOf({ snapshot, routed }: Omit<Counted, 'runtime'>, operation: Operation, shadow = false): Series {
  const { stage, epoch } = snapshot ?? { stage: 'idle', epoch: 0 }
  return { stage, epoch, arm: routed.arm, operation, shadow }
}
