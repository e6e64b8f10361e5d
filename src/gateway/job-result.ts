/**
 * The job that a poll's answer shows. On a wire whose status says only that a job has ended its result is asked for too,
 * so that a failure is known, and can be rescued, before its client reads of an end.
 */
import { answerJson } from '../protocols/answer-json.ts'
import { replicaUrl } from '../config/replica.ts'
import { withResult } from '../protocols/job-outcome.ts'
import type { BackendAnswer, JobResult, BackendJob, Route } from '../protocols/protocol.ts'
import { type Exchange, outgoing } from './exchange.ts'
import { MAX_JOB_JSON_BYTES, readPrefix } from './forward.ts'
import { credentialsOf, toBackend } from './headers.ts'
import type { OwnedJob } from './owned-job.ts'

/** A poll waits no longer for the result. */
const RESULT_TIMEOUT_MS = 5000

interface Asked {
  ctx: Exchange
  route: Route
  job: OwnedJob
}

/** Null where there is none, and for all that is no poll. */
export async function jobInPoll(asked: Asked, shown: BackendAnswer): Promise<BackendJob | null> {
  const { route, job } = asked
  const { protocol } = job.runtime
  if (route.operation !== 'poll') return null
  if (route.answer === 'result') return protocol.result?.read(shown) ?? null
  const backendJob = protocol.readJob(shown)
  if (backendJob?.status !== 'ended' || !protocol.result) return backendJob
  return withResult(backendJob, await resultOf(asked, protocol.result))
}

/** Null where the backend does not tell now. */
async function resultOf({ ctx, route, job }: Asked, result: JobResult): Promise<BackendJob | null> {
  const { runtime, arm, replica, upstreamId } = job
  const config = runtime.release.arms[arm]
  const url = replicaUrl(config, replica)
  if (url === null) return null
  const call = result.call({ upstreamId, prefix: route.prefix, model: config.model })
  const request = {
    url: url + call.path,
    method: call.method,
    headers: toBackend(credentialsOf(ctx, call.headers), runtime.protocol.requestHeaders, outgoing(ctx, runtime, arm)),
    body: null,
    timeoutMs: Math.min(config.timeoutMs, RESULT_TIMEOUT_MS),
  }
  const { upstream } = await ctx.isolate.polls.call(upstreamId, 'poll', request)
  if (!upstream.ok) return null
  try {
    const { status, headers } = upstream.response
    const { text, rest } = await readPrefix(upstream.response, MAX_JOB_JSON_BYTES)
    await rest?.cancel()
    const body = text === null ? undefined : answerJson(text)
    return result.read({ status, headers, body, job: upstreamId })
  } catch {
    return null
  } finally {
    upstream.done()
  }
}
