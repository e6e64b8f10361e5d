/**
 * An id that a client chooses for its job must be nobody's yet, this client included: a backend would not tell the two
 * apart. It is claimed before anything is sent, so that of two submits at the same moment one is refused.
 */
import { SluiceError } from '../core/errors.ts'
import { ownerOf } from '../core/job-id.ts'
import type { ClaimEnd } from '../durable/rpc.ts'
import type { Submit } from './attempt.ts'
import { unavailable } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { claimOf, notifyLedgers, placedKey } from './idempotency.ts'
import type { JobRuntime } from './isolate.ts'
import { knownJob, withSameBackends } from './owned-job.ts'
import type { Submitted } from './submit.ts'

/** `send` runs where the id is free, or none was chosen. Throws `invalid_request`, and `control_plane_unavailable` where nobody can say. */
export async function withChosenId(
  ctx: Exchange,
  runtime: JobRuntime,
  { submission: { chosenId }, subject }: Submit,
  send: () => Promise<Submitted>,
): Promise<Submitted> {
  if (chosenId === undefined) return send()
  const { deps, keys } = ctx.isolate
  const name = `job ${chosenId}`
  // Whoever chooses it, wherever: the same ledger knows.
  const claimed = await placedKey(ctx, ownerOf(name, keys), name)
  const token = deps.newId()
  const settle = (end: ClaimEnd) => ctx.waitUntil(notifyLedgers(ctx, claimed, token, end))
  const { control, candidate } = runtime.release.arms
  const urls = [...control.urls, ...candidate.urls]
  try {
    const [claim, known] = await Promise.all([
      claimOf(ctx, claimed, '', token).catch((cause: unknown): never => {
        throw unavailable("the chosen id can't be looked up now", cause)
      }),
      knownJob(withSameBackends(ctx, [runtime], urls), { upstreamId: chosenId, subject, urls }),
    ])
    if (claim.status !== 'new' || known !== null)
      throw new SluiceError(
        'invalid_request',
        'there is a job with the id that was chosen for this one, or another is being made; choose another',
      )
    const done = await send()
    // An older build of the server has made an id of its own.
    const isFree = done.nothingBegun || (done.clientId !== null && done.clientId !== chosenId)
    settle(isFree ? { release: true } : { job: { clientId: chosenId } })
    return done
  } catch (error) {
    settle(ctx.submitSent ? { job: { clientId: chosenId } } : { release: true })
    throw error
  }
}
