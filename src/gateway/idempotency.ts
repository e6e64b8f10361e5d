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
import { keepError, notKept } from './kept-error.ts'
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

export async function once(x: Exchange, s: Submit, { first, again }: IdempotencyPorts): Promise<Response> {
  const key = x.request.headers.get('idempotency-key')
  if (key === null) return (await first()).response
  if (key.length === 0 || key.length > MAX_KEY_CHARS) {
    throw new SluiceError('invalid_request', `an Idempotency-Key has 1 to ${MAX_KEY_CHARS} characters`)
  }
  const claimed = keyOf(x, s, key)
  const token = x.isolate.deps.newId()
  const settle = (end: ClaimEnd) => told(x, claimed, token, end)
  const claim = await claimOf(x, claimed, s.submission.fingerprint, token).catch((cause: unknown): never => {
    // The ledger may have claimed the key all the same, and only its answer was lost.
    x.waitUntil(settle({ release: true }))
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
      return errorAgain(x, claim)
    case 'unknown':
      throw new SluiceError(
        'idempotency_outcome_unknown',
        'a submit with this Idempotency-Key may have reached a backend, and its answer is not known; nothing is sent again under this key',
        { headers: { 'x-should-retry': 'false' } },
      )
    case 'late':
      throw notLookedUp(null)
    case 'new':
      return settled(x, first, settle)
  }
}

/**
 * Callers without identity are a new subject with each request, so their keys can't be told apart by who they
 * are: equal keys with equal bodies are taken for one submit.
 */
function keyOf(x: Exchange, s: Submit, key: string): Key {
  if (!s.subject.nameless) return { owners: s.subject.owners, key }
  return { owners: ownerOf('nameless', x.isolate.keys), key: `${key}\n${s.submission.fingerprint}` }
}

/** Claims the key under the owner's present name, unless it was claimed under one from before a key rotation. */
async function claimOf(x: Exchange, { owners, key }: Key, fingerprint: string, token: string): Promise<Claim> {
  const [owner, ...before] = owners as [string, ...string[]]
  for (const earlier of before) {
    const recalled = x.isolate.claimsOf(earlier).recall(earlier, key, fingerprint)
    const known = await within(CLAIM_MS, recalled)
    if (known) return known
  }
  const hold = { token, byMs: x.isolate.deps.now() + CLAIM_MS }
  return within(CLAIM_MS, x.isolate.claimsOf(owner).claim(owner, key, fingerprint, hold))
}

/** Without the ledger nobody can tell whether this key made a job already: refusing is the only safe answer. */
function notLookedUp(cause: unknown): SluiceError {
  const message = "idempotency keys can't be looked up now; nothing was submitted"
  return new SluiceError('control_plane_unavailable', message, { cause, headers: { 'retry-after': '2' } })
}

function errorAgain(x: Exchange, { error: { httpStatus, contentType, body } }: Claim & { status: 'error' }): Response {
  const headers = {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-should-retry': 'false',
    'x-request-id': x.requestId,
    ...readByAnyPage(x.request),
  }
  return new Response(isBodiless(httpStatus) ? null : body, { status: httpStatus, headers })
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/** Sends the first submit. Its end is told before the answer leaves, so that a repeat right behind it finds it. */
async function settled(
  x: Exchange,
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
  const { response, end } = await endOf(x, done)
  await settle(end)
  return response
}

/**
 * Resolves when the ledger knows, or has failed to take it once; then it is told again, beside the answer. If that
 * fails too, the claim stays as it is: repeats learn that the first submit's end is unknown, and nothing is sent.
 */
async function told(x: Exchange, { owners, key }: Key, token: string, end: ClaimEnd): Promise<void> {
  const owner = owners[0]!
  const tell = () => within(CLAIM_MS, x.isolate.claimsOf(owner).settle(owner, key, token, end))
  const again = async () => {
    for (const pauseMs of TELL_AGAIN_MS) {
      await x.isolate.deps.sleep(pauseMs)
      try {
        return await tell()
      } catch {
        continue
      }
    }
  }
  await tell().catch(() => x.waitUntil(again()))
}

/** A video that was streamed at once was not kept: a repetition is refused rather than generated anew. */
async function endOf(
  x: Exchange,
  { response, clientId, nothingBegun }: Submitted,
): Promise<{ response: Response; end: ClaimEnd }> {
  if (clientId !== null) return { response, end: { job: { clientId } } }
  if (nothingBegun) return { response, end: { release: true } }
  if (!response.ok) {
    const kept = await keepError(response, x.requestId)
    return { response: kept.response, end: { error: kept.error } }
  }
  const gone = notKept('this Idempotency-Key has had its answer, which is not kept', x.requestId)
  return { response, end: { error: gone } }
}
