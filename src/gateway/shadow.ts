/**
 * Fire-and-forget copies of accepted control submits for the candidate. Before the answer is on its way only sizes
 * are looked at; then the copy is built from the submit's own bytes, and ends inside its own deadline. Whether it may be
 * sent was granted before, or comes with a flush; the shadow *job* is the ledger's to follow.
 */
import { pickReplica, replicaHash } from '../config/replica.ts'
import { isShadowed } from '../core/assignment.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import { type LedgerJob, reportedBy } from '../durable/job-shapes.ts'
import type { CopyEnd, CopyResult } from '../durable/rpc.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { BackendJob } from '../protocols/protocol.ts'
import { readJson } from '../protocols/read-capped.ts'
import { authorizationOf } from '../protocols/send.ts'
import { rebuildForArm } from '../protocols/submission/for-arm.ts'
import type { RebuiltSubmit, Submission } from '../protocols/submit.ts'
import { type Decided, type Exchange, recordEnd } from './exchange.ts'
import { outcomeOfStatus, callBackend, type Upstream } from './forward.ts'
import { toShadow } from './headers.ts'
import { type JobRuntime, MAX_COPY_BYTES } from './isolate.ts'

/** Well inside the 30 s that the platform gives to what nobody waits for. */
const COPY_TIMEOUT_MS = 10_000
/** For the answer to leave this isolate before the copy takes its time. */
const HEAD_START_MS = 10
const MAX_ANSWER_BYTES = 256 * 1024

/** Decides in memory whether this submit is copied, and if so starts the copy beside the answer. */
export function copyToShadow(
  ctx: Exchange,
  { runtime, snapshot }: Decided<JobRuntime>,
  { submission }: { submission: Submission },
  control: LedgerJob,
): void {
  if (!snapshot || snapshot.shadow.sample <= 0 || ctx.isolate.forceControl) return
  runtime.telemetry.shadowCount('eligible')
  if (!isShadowed(runtime.release.name, ctx.requestId, snapshot.shadow.sample)) return
  runtime.telemetry.shadowCount('sampled')
  if (submission.jobs.length > 0) return runtime.telemetry.shadowCount('dropped:refers_to_job')
  const size = submission.byteLength
  if (size > snapshot.shadow.maxBodyBytes) return runtime.telemetry.shadowCount('dropped:body_too_large')
  // The body as it came and as it is rebuilt.
  const held = 2 * size
  if (ctx.isolate.copyBytes + held > MAX_COPY_BYTES) return runtime.telemetry.shadowCount('dropped:isolate_memory')
  const place = runtime.copies.want(runtime.places.indexOf(control), snapshot, runtime.places.sharing(snapshot.epoch))
  if (typeof place === 'string') return runtime.telemetry.shadowCount(`dropped:${place}`)
  ctx.isolate.copyBytes += held
  const copy = async () => {
    try {
      await ctx.answered
      await ctx.isolate.deps.sleep(HEAD_START_MS)
      const refused = await place.refused(() => runtime.telemetry.nextFlush())
      if (refused) return runtime.telemetry.shadowCount(`dropped:${refused}`)
      const body = rebuildForArm(submission, runtime.release.arms.candidate, { jobIds: new Map(), shadow: true })
      await sendCopy(ctx, { runtime, snapshot, body, owner: control.owner }, place.begin(control))
    } finally {
      place.end()
      ctx.isolate.copyBytes -= held
    }
  }
  ctx.waitUntil(copy().catch(() => runtime.telemetry.shadowCount('dropped:copy_failed')))
}

interface Copy {
  runtime: JobRuntime
  snapshot: Snapshot
  body: RebuiltSubmit
  /** Whose submit it copies. */
  owner: string
}

async function sendCopy(ctx: Exchange, copy: Copy, tell: (result: CopyResult) => void): Promise<void> {
  const { runtime, snapshot, body, owner } = copy
  const { deps } = ctx.isolate
  const arm = runtime.release.arms.candidate
  const url = pickReplica(arm, deps.random())
  const authorization = authorizationOf(ctx.isolate.env, arm, runtime.protocol)
  const { submitHeaders } = runtime.protocol
  const headers = toShadow(body.contentType, ctx.requestId, deps.newId(), authorization, submitHeaders)
  const timeoutMs = Math.min(arm.timeoutMs, COPY_TIMEOUT_MS)
  const request = { url: url + body.path, method: 'POST', headers, body: body.bytes, timeoutMs }
  const upstream = await callBackend(request, deps)
  const { outcome, backendJob } = await readCopy(runtime, upstream)
  const decided = { runtime, snapshot, routed: { arm: 'candidate' } } as const
  recordEnd(decided, 'submit', outcome, upstream.seconds, { shadow: true, owner })
  const job = backendJob && { upstreamId: backendJob.id, replica: replicaHash(url), ...endOf(backendJob, deps.now()) }
  tell(job ?? { outcome })
  runtime.telemetry.schedule(ctx.waitUntil)
}

/** A backend that answers with the video itself, as Dynamo does, knows of no polls. */
function endOf(backendJob: BackendJob, at: number): { end?: CopyEnd } {
  const outcome = outcomeOf(backendJob)
  return outcome === null ? {} : { end: { outcome, reported: reportedBy(backendJob), at } }
}

/** The job in the copy's answer. A huge, endless or broken answer costs no more than its cap and the deadline. */
async function readCopy(
  runtime: JobRuntime,
  upstream: Upstream,
): Promise<{ outcome: Outcome; backendJob: BackendJob | null }> {
  if (!upstream.ok) return { outcome: upstream.failure, backendJob: null }
  const { response, failure, done } = upstream
  const { status } = response
  const failed = status >= 400 ? outcomeOfStatus(status) : null
  const { submitError } = runtime.protocol
  try {
    if (failed && !submitError) {
      await response.body?.cancel()
      return { outcome: failed, backendJob: null }
    }
    const body = await readJson(response, MAX_ANSWER_BYTES)
    const shown = { status, headers: response.headers, body, job: null }
    if (failed) return { outcome: submitError?.(shown) ?? failed, backendJob: null }
    const backendJob = runtime.protocol.readJob(shown)
    return backendJob ? { outcome: 'ok', backendJob } : { outcome: 'bad_output', backendJob: null }
  } catch {
    return { outcome: failed ?? failure(), backendJob: null }
  } finally {
    done()
  }
}
