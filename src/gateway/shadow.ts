/**
 * Fire-and-forget copies of accepted control submits for the candidate. Before the answer is on its way only sizes
 * are looked at; then the copy is built from the submit's own bytes, and ends inside its own deadline. The shadow
 * *job* is the ledger's to follow.
 */
import { answerJson } from '../protocols/answer-json.ts'
import { isShadowed } from '../core/assignment.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { JobEntry } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import type { JobSight, RebuiltSubmit, Submission } from '../protocols/protocol.ts'
import { COPY_MS } from './deadlines.ts'
import { authorizationOf, type Decided, type Exchange, recordEnd } from './exchange.ts'
import { armErrorOf, callBackend } from './forward.ts'
import { pickReplica, replicaHash } from '../config/replica.ts'
import { readCapped } from '../protocols/read-capped.ts'
import { toShadow } from './headers.ts'
import { type JobLane, MAX_COPY_BYTES } from './isolate.ts'

/** Well inside the 30 s that the platform gives to what nobody waits for. */
const COPY_TIMEOUT_MS = 10_000
/** For the answer to leave this isolate before the copy takes its time. */
const HEAD_START_MS = 10
const MAX_ANSWER_BYTES = 256 * 1024

/** Decides in memory whether this submit is copied, and if so starts the copy beside the answer. */
export function copyToShadow(
  x: Exchange,
  { lane, snapshot }: Decided<JobLane>,
  { submission }: { submission: Submission },
  control: JobEntry,
): void {
  if (!snapshot || snapshot.shadow.sample <= 0 || x.isolate.forceControl) return
  lane.telemetry.shadowCount('eligible')
  if (!isShadowed(lane.release.name, x.requestId, snapshot.shadow.sample)) return
  lane.telemetry.shadowCount('sampled')
  if (submission.jobs.length > 0) return lane.telemetry.shadowCount('dropped:refers_to_job')
  const size = submission.byteLength
  if (size > snapshot.shadow.maxBodyBytes) return lane.telemetry.shadowCount('dropped:body_too_large')
  // The body as it came and as it is rebuilt.
  const held = 2 * size
  if (x.isolate.copyBytes + held > MAX_COPY_BYTES) return lane.telemetry.shadowCount('dropped:isolate_memory')
  x.isolate.copyBytes += held
  const copy = async () => {
    try {
      await x.answered
      await x.isolate.deps.sleep(HEAD_START_MS)
      const { model } = lane.release.arms.candidate
      const body = submission.rebuild({ model, jobIds: new Map(), shadow: true })
      await sendCopy(x, { lane, snapshot, control, body })
    } finally {
      x.isolate.copyBytes -= held
    }
  }
  x.waitUntil(copy().catch(() => lane.telemetry.shadowCount('dropped:copy_failed')))
}

interface Copy {
  lane: JobLane
  snapshot: Snapshot
  /** The job that it copies. */
  control: JobEntry
  body: RebuiltSubmit
}

async function sendCopy(x: Exchange, { lane, snapshot, control, body }: Copy): Promise<void> {
  const ledger = lane.ledgerFor(control.owner)
  const { maxInFlight, maxJobsPerDay, jobTimeoutMs } = snapshot.shadow
  const caps = { maxInFlight, maxJobsPerDay, jobTimeoutMs }
  const asked = ledger.admitShadow({ control: { ...control, rescue: null }, caps })
  const admission = await within(COPY_MS, asked)
  if (!admission.admitted) return lane.telemetry.shadowCount(`dropped:${admission.reason}`)
  const { deps } = x.isolate
  const arm = lane.release.arms.candidate
  const url = pickReplica(arm, deps.random())
  const upstream = await callBackend(
    {
      url: url + body.path,
      method: 'POST',
      headers: toShadow(body.contentType, x.requestId, deps.newId(), authorizationOf(x, lane, 'candidate')),
      body: body.bytes,
      timeoutMs: Math.min(arm.timeoutMs, COPY_TIMEOUT_MS),
    },
    deps,
  )
  let outcome: Outcome
  let sight: JobSight | null = null
  if (!upstream.ok) outcome = upstream.failure
  else ({ outcome, sight } = await readCopy(lane, upstream.response))
  if (upstream.ok) upstream.done()
  const routed = { arm: 'candidate' } as const
  recordEnd(
    { lane, snapshot, routed },
    'submit',
    outcome,
    { latency: upstream.seconds },
    { shadow: true, owner: control.owner },
  )
  const result = sight ? { upstreamId: sight.id, replica: replicaHash(url) } : { outcome }
  await within(COPY_MS, ledger.shadowSubmitted(admission.id, result))
  lane.telemetry.schedule(x.waitUntil)
}

/** The job in the copy's answer. A huge, endless or broken answer costs no more than its cap and the deadline. */
async function readCopy(lane: JobLane, response: Response): Promise<{ outcome: Outcome; sight: JobSight | null }> {
  const { status } = response
  const failed = armErrorOf(status) ?? (status >= 400 ? 'client_error' : null)
  if (failed) {
    await response.body?.cancel()
    return { outcome: failed, sight: null }
  }
  try {
    const bytes = response.body ? await readCapped(response.body, MAX_ANSWER_BYTES) : null
    const body = bytes ? answerJson(new TextDecoder().decode(bytes)) : undefined
    const sight = lane.protocol.readJob({ status, headers: response.headers, body, job: null })
    return sight ? { outcome: 'ok', sight } : { outcome: 'bad_output', sight: null }
  } catch {
    return { outcome: 'timeout', sight: null }
  }
}
