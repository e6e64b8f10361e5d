/**
 * The job that a poll's answer shows. On a wire whose status says only that a job has ended its result is asked for too,
 * so that a failure is known, and can be rescued, before its client reads of an end; and after a cancel whose answer tells
 * nothing, whether the job goes on. How one more call about a job is made stands here, too.
 */
import { replicaUrl } from '../config/replica.ts'
import { withResult } from '../protocols/job-outcome.ts'
import type { BackendAnswer, BackendJob, JobAddress, Route, UpstreamCall } from '../protocols/protocol.ts'
import { type Exchange, headersFor } from './exchange.ts'
import { readAnswer } from './forward.ts'
import { credentialsOf } from './headers.ts'
import type { OwnedJob } from './owned-job.ts'

/** A poll or a cancel waits no longer for the second answer. */
const SECOND = { timeoutMs: 5000 }

interface Asked {
  ctx: Exchange
  route: Route
  job: OwnedJob
}

/** Null where there is none, and for all that is neither a poll nor a cancel that is answered with the job. */
export async function jobInPoll({ ctx, route, job }: Asked, shown: BackendAnswer): Promise<BackendJob | null> {
  const { protocol } = job.runtime
  const { result } = protocol
  if (route.operation !== 'poll' && !(route.operation === 'cancel' && route.answer === 'job')) return null
  if (route.answer === 'result') return result?.read(shown) ?? null
  const backendJob = protocol.readJob(shown)
  if (backendJob?.status !== 'ended' || !result) return backendJob
  const told = await askBackend(ctx, job, route, result, SECOND).catch(() => null)
  return withResult(backendJob, told && result.read(told.answer))
}

/** Whether the job goes on at its backend, where its wire has to be asked for that; null where nobody knows. */
export async function goesOn({ ctx, route, job }: Asked): Promise<boolean | null> {
  const check = job.runtime.protocol.cancelCheck
  const told = check ? await askBackend(ctx, job, route, check, SECOND).catch(() => null) : null
  return check && told ? check.goesOn(told.answer) : null
}

/** One more call about a job, shared as polls are; null where its backend does not answer. Rejects where the answer breaks off. */
export async function askBackend(
  ctx: Exchange,
  { runtime, arm, replica, upstreamId }: Pick<OwnedJob, 'runtime' | 'arm' | 'replica' | 'upstreamId'>,
  { prefix }: Pick<Route, 'prefix'>,
  asked: { call: (job: JobAddress) => UpstreamCall },
  { timeoutMs, maxBytes, maxAgeMs }: { timeoutMs: number; maxBytes?: number; maxAgeMs?: number },
): Promise<{ answer: BackendAnswer; text: string; at: number } | null> {
  const config = runtime.release.arms[arm]
  const base = replicaUrl(config, replica)
  if (base === null) return null
  const { path, method, headers: own } = asked.call({ upstreamId, prefix, model: config.model })
  const sent = headersFor(ctx, runtime, arm, credentialsOf(ctx, own))
  const limit = Math.min(config.timeoutMs, timeoutMs)
  const request = { url: base + path, method, headers: sent, body: null, timeoutMs: limit }
  const { upstream, at } = await ctx.isolate.polls.call(upstreamId, 'poll', request, maxAgeMs)
  if (!upstream.ok) return null
  try {
    const { status, headers } = upstream.response
    const { text, rest, json: body } = await readAnswer(upstream.response, maxBytes)
    await rest?.cancel()
    return { answer: { status, headers, body, job: upstreamId }, text: text ?? '', at }
  } finally {
    upstream.done()
  }
}
