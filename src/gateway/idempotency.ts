/**
 * `Idempotency-Key`: one key of one subject makes one submit for 24 h, whatever the split has become. Only an answer
 * that says for certain that nothing was begun frees it. Only requests that carry a key pay for the question to the ledger.
 */
import { SluiceError } from '../core/errors.ts'
import { ownerOf } from '../core/job-id.ts'
import { KEEP_KEYS_MS } from '../core/ledger-growth.ts'
import { within } from '../durable/deadline.ts'
import type { Claim, ClaimEnd, StoredError } from '../durable/rpc.ts'
import { readByAnyPage } from './answer.ts'
import type { Submit } from './attempt.ts'
import { CLAIM_MS, unavailable } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { isBodiless } from './headers.ts'
import { storableError, notStored } from './stored-error.ts'
import type { Submitted } from './submit.ts'

/** A ledger that does not take a submit's end is told again so much later, beside the answer. */
const TELL_AGAIN_MS = [500, 2000, 6000] as const
const MAX_KEY_CHARS = 255

interface Key {
  /** Whose key it is, as by the present signing key and those before it, and in which ledgers it may be. */
  owners: readonly { owner: string; ledgers: readonly number[] }[]
  key: string
}

interface Ports {
  /** Sends the submit for the first time. Rejects only where nothing was sent. */
  first: () => Promise<Submitted>
  /** Answers with the job that the key already made. */
  again: (clientId: string) => Promise<Response>
}

export async function withIdempotency(ctx: Exchange, submit: Submit, { first, again }: Ports): Promise<Response> {
  const key = ctx.headers.get('idempotency-key')
  if (key === null) return (await first()).response
  if (key.length === 0 || key.length > MAX_KEY_CHARS)
    throw new SluiceError('invalid_request', `an Idempotency-Key has 1 to ${MAX_KEY_CHARS} characters`)
  const claimed = await keyOf(ctx, submit, key)
  const token = ctx.isolate.deps.newId()
  const settle = (end: ClaimEnd) => notifyLedgers(ctx, claimed, token, end)
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
      return errorAgain(ctx, claim.error)
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
async function keyOf(ctx: Exchange, { subject: { anonymous, owners }, submission }: Submit, key: string): Promise<Key> {
  if (!anonymous) return placedKey(ctx, owners, key)
  return placedKey(ctx, ownerOf('anonymous', ctx.isolate.keys), `${key}\n${submission.fingerprint}`)
}

/** A key of these owners, with the ledgers that may know it. */
export async function placedKey(ctx: Exchange, owners: readonly string[], key: string): Promise<Key> {
  const { deps } = ctx.isolate
  const { snapshots, places } = ctx.isolate.claimed()
  // Of another release than this request's it may be old.
  await snapshots.forRouting(deps.now, ctx.waitUntil)
  const since = deps.now() - KEEP_KEYS_MS
  return { owners: owners.map((owner) => ({ owner, ledgers: places.since(owner, since) })), key }
}

/**
 * Claims the key under the owner's present name, unless it was claimed under one from before a key rotation; in every
 * ledger where it may be, in the same order everywhere, so that any two claims meet while their number grows.
 */
export async function claimOf(ctx: Exchange, { owners, key }: Key, fingerprint: string, token: string): Promise<Claim> {
  const { ledger } = ctx.isolate.claimed()
  const [{ owner, ledgers }, ...before] = owners as [Key['owners'][number], ...Key['owners']]
  for (const earlier of before) {
    for (const index of earlier.ledgers) {
      const known = await within(CLAIM_MS, ledger(index).recall(earlier.owner, key, fingerprint))
      if (known) return known
    }
  }
  for (const index of ledgers) {
    const hold = { token, byMs: ctx.isolate.deps.now() + CLAIM_MS }
    const claim = await within(CLAIM_MS, ledger(index).claim(owner, key, fingerprint, hold))
    if (claim.status === 'new') continue
    if (index !== ledgers[0]) ctx.waitUntil(notifyLedgers(ctx, { owners, key }, token, { release: true }))
    return claim
  }
  return { status: 'new' }
}

/** Without the ledger nobody can tell whether this key made a job already: refusing is the only safe answer. */
function notLookedUp(cause: unknown): SluiceError {
  return unavailable("idempotency keys can't be looked up now; nothing was submitted", cause)
}

function errorAgain(ctx: Exchange, { httpStatus, contentType, body }: StoredError): Response {
  const headers = {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-should-retry': 'false',
    'x-request-id': ctx.requestId,
    ...readByAnyPage(ctx.headers),
  }
  return new Response(isBodiless(httpStatus) ? null : body, { status: httpStatus, headers })
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
 * Resolves when the ledgers know, or one has failed to take it once; then it is told again, beside the answer. If that
 * fails too, the claim stays as it is: repeats learn that the first submit's end is unknown, and nothing is sent.
 */
export async function notifyLedgers(ctx: Exchange, { owners, key }: Key, token: string, end: ClaimEnd): Promise<void> {
  const { owner, ledgers } = owners[0]!
  const { ledger } = ctx.isolate.claimed()
  const notify = async () => {
    await within(CLAIM_MS, Promise.all(ledgers.map((index) => ledger(index).settle(owner, key, token, end))))
  }
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
    const { response: shown, error } = await storableError(response, ctx.requestId)
    return { response: shown, end: { error } }
  }
  const gone = notStored('this Idempotency-Key has had its answer, which is not kept', ctx.requestId)
  return { response, end: { error: gone } }
}
