/**
 * `Idempotency-Key`: one key of one subject makes one job for 24 h, whatever the split has become.
 * Only requests that carry a key pay for the question to the ledger.
 */
import { SluiceError } from '../core/errors.ts'
import { ownerOf } from '../core/job-id.ts'
import type { Claim, ClaimEnd } from '../durable/rpc.ts'
import { within } from '../durable/stubs.ts'
import { readByAnyPage } from './answer.ts'
import type { Exchange } from './exchange.ts'
import type { Lane } from './isolate.ts'
import type { Submit } from './attempt.ts'
import type { Submitted } from './submit.ts'

const LEDGER_DEADLINE_MS = 2000
const MAX_KEY_CHARS = 255

interface Key {
  /** Whose key it is, as by the present signing key and those before it. */
  owners: readonly string[]
  key: string
}

export interface IdempotencyPorts {
  /** Sends the submit for the first time. */
  first: () => Promise<Submitted>
  /** Answers with the job that the key already made. */
  again: (clientId: string) => Promise<Response>
}

export async function once(x: Exchange, lane: Lane, s: Submit, { first, again }: IdempotencyPorts): Promise<Response> {
  const key = x.request.headers.get('idempotency-key')
  if (key === null || !lane.protocol.hasJobs) return (await first()).response
  if (key.length === 0 || key.length > MAX_KEY_CHARS) {
    throw new SluiceError('invalid_request', `an Idempotency-Key has 1 to ${MAX_KEY_CHARS} characters`)
  }
  const claimed = keyOf(x, s, key)
  const claim = await claimOf(x, claimed, s.submission.fingerprint).catch((cause) => {
    // Without the ledger nobody can tell whether this key made a job already: refusing is the only safe answer.
    const message = "idempotency keys can't be looked up now; nothing was submitted"
    throw new SluiceError('control_plane_unavailable', message, { cause, headers: { 'retry-after': '2' } })
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
      return new Response(claim.body, {
        status: claim.httpStatus,
        headers: {
          'content-type': 'application/json',
          'x-should-retry': 'false',
          'x-request-id': x.requestId,
          ...readByAnyPage(x.request),
        },
      })
    case 'new':
      return settled(x, claimed, first)
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
async function claimOf(x: Exchange, { owners, key }: Key, fingerprint: string): Promise<Claim> {
  const [owner, ...before] = owners as [string, ...string[]]
  for (const earlier of before) {
    const recalled = x.isolate.claimsOf(earlier).recall(earlier, key, fingerprint)
    const known = await within(LEDGER_DEADLINE_MS, recalled)
    if (known) return known
  }
  return within(LEDGER_DEADLINE_MS, x.isolate.claimsOf(owner).claim(owner, key, fingerprint))
}

async function settled(x: Exchange, { owners, key }: Key, first: () => Promise<Submitted>): Promise<Response> {
  const owner = owners[0]!
  const settle = (end: ClaimEnd) => within(LEDGER_DEADLINE_MS, x.isolate.claimsOf(owner).settle(owner, key, end))
  let done: Submitted
  try {
    done = await first()
  } catch (error) {
    x.waitUntil(settle({ release: true }).catch(() => undefined))
    throw error
  }
  // Settled before the answer leaves, so that a repeat right behind it finds the job.
  await settle(await endOf(x, done)).catch(() => undefined)
  return done.response
}

/**
 * A timeout or a broken connection may have made a job that nobody knows: its error is kept and answered again.
 * A video that was streamed at once was not kept: a repetition is refused rather than generated anew.
 */
async function endOf(x: Exchange, { response, clientId }: Submitted): Promise<ClaimEnd> {
  if (clientId !== null) return { job: { clientId } }
  if (response.ok) {
    const gone = new SluiceError(
      'idempotency_not_repeatable',
      'this Idempotency-Key has had its answer, which is not kept',
    )
    return { error: { httpStatus: gone.status, body: JSON.stringify(gone.body(x.requestId)) } }
  }
  const uncertain = response.status === 502 || response.status === 504
  return uncertain ? { error: { httpStatus: response.status, body: await response.clone().text() } } : { release: true }
}
