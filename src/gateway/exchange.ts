/** One request on its way: who asks, by which lane, what was decided, and how its answer leaves. */
import { callerOf, isOwnCredential } from '../auth/caller.ts'
import { atLeast } from '../auth/roles.ts'
import { armToken } from '../config/env.ts'
import type { Arm } from '../core/arm.ts'
import type { Assignment, Reason } from '../core/assignment.ts'
import { SluiceError } from '../core/errors.ts'
import { ownerOf } from '../core/job-id.ts'
import type { Operation, Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { Attributes } from '../core/rules.ts'
import type { Measure } from '../core/window.ts'
import type { Submission, Translation } from '../protocols/protocol.ts'
import { translateText } from '../protocols/translate.ts'
import { type Outgoing, toClient } from './headers.ts'
import { type Isolate, type Lane, now } from './isolate.ts'
import { type Subject, subjectOf } from './subject.ts'

export interface Exchange {
  request: Request
  url: URL
  requestId: string
  isolate: Isolate
  waitUntil: (work: Promise<unknown>) => void
  /** What the log line tells; filled on the way. */
  log: Record<string, unknown>
  /** The Authorization header is a credential for Sluice itself: it names no user and never leaves for a backend. */
  ownCredential: boolean
  /** Set once an arm is chosen, so that refusals too are marked with it. */
  decided: { lane: Lane; snapshot: Snapshot | null; routed: Routed } | null
}

/** How a request was decided, for headers, counters and the log. */
export interface Routed {
  arm: Arm
  reason: Reason
  matched: boolean
  /** What the hash had dealt, also where the breaker has sent the request elsewhere; missing where none was asked. */
  dealt?: { arm: Arm; percent: number }
}

const jwksDeps = { fetch: (url: string, init: RequestInit) => fetch(url, init), now }

export async function identify(x: Exchange): Promise<Subject> {
  const { config, keys, tokens } = x.isolate
  const known = { tokens, controlPlane: config.controlPlane }
  x.ownCredential = await isOwnCredential(x.request.headers, known, jwksDeps)
  // Whoever forces an arm as a tester need not be a user as well; any other control-plane credential names no user.
  const forces = x.request.headers.has('x-sluice-arm')
  const caller = x.ownCredential && forces ? await callerOf(x.request.headers, known, jwksDeps) : null
  const isTester = caller?.ok === true && atLeast(caller.caller.role, 'tester')
  return subjectOf(x.request, config, keys, jwksDeps, isTester)
}

export function ownersOf(x: Exchange, subject: Subject): string[] {
  return ownerOf(subject.key, x.isolate.keys)
}

/** The arm that `x-sluice-arm` forces, for callers who may; null where it is not asked for. */
export async function overrideOf(x: Exchange): Promise<Arm | null> {
  const wanted = x.request.headers.get('x-sluice-arm')
  if (wanted === null) return null
  const found = await callerOf(
    x.request.headers,
    { tokens: x.isolate.tokens, controlPlane: x.isolate.config.controlPlane },
    jwksDeps,
  )
  if (!found.ok && found.code === 'identity_unavailable')
    throw new SluiceError(found.code, found.message, { headers: { 'retry-after': '5' } })
  if (!found.ok || !atLeast(found.caller.role, 'tester')) {
    throw new SluiceError('override_not_allowed', 'x-sluice-arm needs credentials with the role tester or higher')
  }
  if (wanted !== 'control' && wanted !== 'candidate') {
    throw new SluiceError('invalid_request', 'x-sluice-arm is control or candidate', {
      details: [{ path: 'x-sluice-arm', message: 'unknown arm' }],
    })
  }
  return wanted
}

export function outgoing(x: Exchange, lane: Lane, arm: Arm): Outgoing {
  const config = lane.release.arms[arm]
  return {
    requestId: x.requestId,
    arm: config,
    token: armToken(x.isolate.env, config.auth),
    mayForwardAuthorization: !x.ownCredential,
  }
}

export function attributesOf(x: Exchange, subject: Subject, submission: Submission | null): Attributes {
  const country = (x.request as { cf?: { country?: unknown } }).cf?.country
  return {
    claims: subject.claims,
    country: typeof country === 'string' ? country : null,
    header: (name) => x.request.headers.get(name),
    model: submission?.model ?? null,
    promptChars: submission?.promptChars ?? null,
    durationSeconds: submission?.durationSeconds ?? null,
  }
}

/** Counts one request under its arm. Stage and epoch are those that it was routed by. */
export function recordEnd(
  lane: Lane,
  snapshot: Snapshot | null,
  routed: Pick<Assignment, 'arm' | 'matched'>,
  operation: Operation,
  outcome: Outcome,
  seconds: Partial<Record<Measure, number>>,
  shadow = false,
): void {
  const { stage, epoch } = snapshot ?? { stage: 'idle', epoch: 0 }
  lane.telemetry.record(
    { stage, epoch, arm: routed.arm, operation, shadow, matched: routed.matched },
    { outcome, seconds },
  )
}

/** Headers in which backends name jobs and themselves. */
const NAMING_HEADERS = ['location', 'content-location', 'content-disposition']

/** An answer for the client: the backend's headers cleaned, ours added, body handed through. */
export function answer(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  routed: Routed,
  response: { status: number; headers: Headers; body: BodyInit | null; translation?: Translation },
  subject: Subject | null,
): Response {
  const headers = toClient(response.headers)
  for (const name of response.translation ? NAMING_HEADERS : []) {
    const value = headers.get(name)
    if (value !== null) headers.set(name, translateText(value, response.translation!))
  }
  if (typeof response.body === 'string') {
    // The text was rewritten, so neither its old length nor its old encoding holds.
    headers.delete('content-length')
    headers.delete('content-encoding')
    if (!headers.has('cache-control')) headers.set('cache-control', 'private, no-store')
  }
  mark(x, headers, lane, snapshot, routed)
  if (subject?.cookie) headers.append('set-cookie', subject.cookie)
  const bodiless = response.status === 204 || response.status === 304 || x.request.method === 'HEAD'
  return new Response(bodiless ? null : response.body, { status: response.status, headers })
}

/** Our own headers, and the same facts for the log line. */
export function mark(x: Exchange, headers: Headers, lane: Lane, snapshot: Snapshot | null, routed: Routed): void {
  const { stage, epoch } = snapshot ?? { stage: 'idle', epoch: 0 }
  Object.assign(x.log, { release: lane.release.name, arm: routed.arm, stage, epoch, reason: routed.reason })
  headers.set('x-request-id', x.requestId)
  if (!x.isolate.config.exposeHeaders) return
  headers.set('x-sluice-release', encodeURIComponent(lane.release.name))
  headers.set('x-sluice-arm', routed.arm)
  headers.set('x-sluice-stage', stage)
  headers.set('x-sluice-epoch', String(epoch))
  headers.set('x-sluice-reason', routed.reason)
}
