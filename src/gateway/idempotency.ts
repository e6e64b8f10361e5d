/**
 * `Idempotency-Key`: one key of one subject makes one submit for 24 h, whatever the split has become. Only an answer
 * that says for certain that nothing was begun frees it. Only requests that carry a key pay for the question to the ledger.
 */
import { SluiceError } from '../core/errors.ts'
import { ownerOf } from '../core/job-id.ts'
import type { Claim, ClaimEnd } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import { readByAnyPage } from './answer.ts'
import { CLAIM_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import type { Submit } from './attempt.ts'
import { storableError, notStored } from './stored-error.ts'
import type { Submitted } from './submit.ts'

/** A ledger that does not take a submit's end is told again so much later, beside the answer. */
const TELL_AGAIN_MS = [500, 2000, 6000] as const
const MAX_KEY_CHARS = 255

interface Key {
  /** Whose key it is, as by the present signing key and those before it. */
  owners: readonly string[]
  key: string
}

export interface IdempotencyPorts {
  /** Sends the submit for the first time. Rejects only where nothing was sent. */
  first: () => Promise<Submitted>
  /** Answers with the job that the key already made. */
  again: (clientId: string) => Promise<Response>
}

export async function withIdempotency(
  ctx: Exchange,
  submit: Submit,
  { first, again }: IdempotencyPorts,
): Promise<Response> {
  const key = ctx.request.headers.get('idempotency-key')
  if (key === null) return (await first()).response
  if (key.length === 0 || key.length > MAX_KEY_CHARS) {
    throw new SluiceError('invalid_request', `an Idempotency-Key has 1 to ${MAX_KEY_CHARS} characters`)
  }
  const claimed = keyOf(ctx, submit, key)
  const token = ctx.isolate.deps.newId()
  const settle = (end: ClaimEnd) => notifyLedger(ctx, claimed, token, end)
  const claim = await claimOf(ctx, claimed, submit.submission.fingerprint, token).catch((cause: unknown): never => {
    // The ledger may have claimed the key all the same, and only its answer was lost.
    ctx.waitUntil(settle({ release: true }))
    throw notLookedUp(cause)
  })
  switch (claim.status) {
    case 'job':
      return again(claim.clientId)
    case 'mismatch':
      throw new SluiceError(
        'idempotency_mismatch',
        'this Idempotency-Key was used with another body; send a new key with a new body',
      )
    case 'in_flight':
      throw new SluiceError('idempotency_in_flight', 'the first request with this Idempotency-Key is still under way', {
        headers: { 'retry-after': '1' },
      })
    case 'error':
      return errorAgain(ctx, claim)
    case 'unknown':
      throw new SluiceError(
        'idempotency_outcome_unknown',
        'a submit with this Idempotency-Key may have reached a backend, and its answer is not known; nothing is sent again under this key',
        { headers: { 'x-should-retry': 'false' } },
      )
    case 'late':
      throw notLookedUp(null)
    case 'new':
      return settled(ctx, first, settle)
  }
}

/**
 * Callers without identity are a new subject with each request, so their keys can't be told apart by who they
 * are: equal keys with equal bodies are taken for one submit.
 */
function keyOf(ctx: Exchange, submit: Submit, key: string): Key {
  if (!submit.subject.anonymous) return { owners: submit.subject.owners, key }
  return { owners: ownerOf('anonymous', ctx.isolate.keys), key: `${key}\n${submit.submission.fingerprint}` }
}

/** Claims the key under the owner's present name, unless it was claimed under one from before a key rotation. */
async function claimOf(ctx: Exchange, { owners, key }: Key, fingerprint: string, token: string): Promise<Claim> {
  const [owner, ...before] = owners as [string, ...string[]]
  for (const earlier of before) {
    const recalled = ctx.isolate.claimsOf(earlier).recall(earlier, key, fingerprint)
    const known = await within(CLAIM_MS, recalled)
    if (known) return known
  }
  const hold = { token, byMs: ctx.isolate.deps.now() + CLAIM_MS }
  return within(CLAIM_MS, ctx.isolate.claimsOf(owner).claim(owner, key, fingerprint, hold))
}

/** Without the ledger nobody can tell whether this key made a job already: refusing is the only safe answer. */
function notLookedUp(cause: unknown): SluiceError {
  const message = "idempotency keys can't be looked up now; nothing was submitted"
  return new SluiceError('control_plane_unavailable', message, { cause, headers: { 'retry-after': '2' } })
}

function errorAgain(
  ctx: Exchange,
  { error: { httpStatus, contentType, body } }: Claim & { status: 'error' },
): Response {
  const headers = {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-should-retry': 'false',
    'x-request-id': ctx.requestId,
    ...readByAnyPage(ctx.request),
  }
  return new Response(isBodiless(httpStatus) ? null : body, { status: httpStatus, headers })
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/** Sends the first submit. Its end is told before the answer leaves, so that a repeat right behind it finds it. */
async function settled(
  ctx: Exchange,
  first: () => Promise<Submitted>,
  settle: (end: ClaimEnd) => Promise<void>,
): Promise<Response> {
  let done: Submitted
  try {
    done = await first()
  } catch (error) {
    await settle({ release: true })
    throw error
  }
  const { response, end } = await endOf(ctx, done)
  await settle(end)
  return response
}

/**
 * Resolves when the ledger knows, or has failed to take it once; then it is told again, beside the answer. If that
 * fails too, the claim stays as it is: repeats learn that the first submit's end is unknown, and nothing is sent.
 */
async function notifyLedger(ctx: Exchange, { owners, key }: Key, token: string, end: ClaimEnd): Promise<void> {
  const owner = owners[0]!
  const notify = () => within(CLAIM_MS, ctx.isolate.claimsOf(owner).settle(owner, key, token, end))
  const again = async () => {
    for (const pauseMs of TELL_AGAIN_MS) {
      await ctx.isolate.deps.sleep(pauseMs)
      try {
        return await notify()
      } catch {
        continue
      }
    }
  }
  await notify().catch(() => ctx.waitUntil(again()))
}

/** A video that was streamed at once was not kept: a repetition is refused rather than generated anew. */
async function endOf(
  ctx: Exchange,
  { response, clientId, nothingBegun }: Submitted,
): Promise<{ response: Response; end: ClaimEnd }> {
  if (clientId !== null) return { response, end: { job: { clientId } } }
  if (nothingBegun) return { response, end: { release: true } }
  if (!response.ok) {
    const kept = await storableError(response, ctx.requestId)
    return { response: kept.response, end: { error: kept.error } }
  }
  const gone = notStored('this Idempotency-Key has had its answer, which is not kept', ctx.requestId)
  return { response, end: { error: gone } }
}
