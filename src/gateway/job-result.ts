/**
 * The job that a poll's answer shows. On a wire whose status says only that a job has ended its result is asked for too,
 * so that a failure is known, and can be rescued, before its client reads of an end; and after a cancel whose answer tells
 * nothing, whether the job goes on.
 */
import { replicaUrl } from '../config/replica.ts'
import { withResult } from '../protocols/job-outcome.ts'
import type { BackendAnswer, BackendJob, JobAddress, Route, UpstreamCall } from '../protocols/protocol.ts'
import { type Exchange, outgoing } from './exchange.ts'
import { readAnswer } from './forward.ts'
import { credentialsOf, toBackend } from './headers.ts'
import type { OwnedJob } from './owned-job.ts'

/** A poll or a cancel waits no longer for the second answer. */
const SECOND_TIMEOUT_MS = 5000

interface Asked {
  ctx: Exchange
  route: Route
  job: OwnedJob
}

/** Null where there is none, and for all that is neither a poll nor a cancel that is answered with the job. */
export async function jobInPoll(asked: Asked, shown: BackendAnswer): Promise<BackendJob | null> {
  const { route, job } = asked
  const { protocol } = job.runtime
  if (route.operation !== 'poll' && !(route.operation === 'cancel' && route.answer === 'job')) return null
  if (route.answer === 'result') return protocol.result?.read(shown) ?? null
  const backendJob = protocol.readJob(shown)
  if (backendJob?.status !== 'ended' || !protocol.result) return backendJob
  const answer = await askedOf(asked, protocol.result)
  return withResult(backendJob, answer && protocol.result.read(answer))
}

/** Whether the job goes on at its backend, where its wire has to be asked for that; null where nobody knows. */
export async function goesOn(asked: Asked): Promise<boolean | null> {
  const check = asked.job.runtime.protocol.cancelCheck
  const answer = check ? await askedOf(asked, check) : null
  return check && answer ? check.goesOn(answer) : null
}

/** One more call about the job; null where the backend does not tell now. */
async function askedOf(
  { ctx, route, job }: Asked,
  { call: callOf }: { call: (job: JobAddress) => UpstreamCall },
): Promise<BackendAnswer | null> {
  const { runtime, arm, replica, upstreamId } = job
  const config = runtime.release.arms[arm]
  const url = replicaUrl(config, replica)
  if (url === null) return null
  const call = callOf({ upstreamId, prefix: route.prefix, model: config.model })
  const request = {
    url: url + call.path,
    method: call.method,
    headers: toBackend(credentialsOf(ctx, call.headers), runtime.protocol.requestHeaders, outgoing(ctx, runtime, arm)),
    body: null,
    timeoutMs: Math.min(config.timeoutMs, SECOND_TIMEOUT_MS),
  }
  const { upstream } = await ctx.isolate.polls.call(upstreamId, 'poll', request)
  if (!upstream.ok) return null
  try {
    const { status, headers } = upstream.response
    const { rest, json } = await readAnswer(upstream.response)
    await rest?.cancel()
    return { status, headers, body: json, job: upstreamId }
  } catch {
    return null
  } finally {
    upstream.done()
  }
}
