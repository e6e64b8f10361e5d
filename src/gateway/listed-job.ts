/** One job in its owner's list: as its backend shows it, or by what the ledger knows where that is not asked or silent. */
import { answerJson } from '../protocols/answer-json.ts'
import type { ListedJob } from '../durable/rpc.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { JobSight } from '../protocols/protocol.ts'
import { replicaUrl } from '../config/replica.ts'
import { type Exchange, outgoing } from './exchange.ts'
import { readPrefix } from './forward.ts'
import { credentialsOf, toBackend } from './headers.ts'
import type { JobLane } from './isolate.ts'
import { ownedJob, rescue, showsFailure } from './rescue.ts'
import { LIST_AGE_MS } from './shared-polls.ts'
import { endOf, sightingOf } from './sighting.ts'
import { translationOf } from './translation.ts'

/** Of one job's backend: a list is not worth an arm's whole timeout. */
const SHOW_DEADLINE_MS = 3000
const MAX_JOB_JSON_BYTES = 1024 * 1024

export interface OwnJob {
  lane: JobLane
  job: ListedJob
}

/** What the jobs of one list have in common when they ask. */
export interface Asking {
  callsLeft: number
  /** Backends that did not answer; they are not asked for the rest. */
  silent: Set<string>
}

/** Under the client's id; null where the job is gone. `asking` null: by the ledger alone. */
export async function listedJob(x: Exchange, { lane, job }: OwnJob, asking: Asking | null): Promise<unknown> {
  const config = lane.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) return null
  // A backend that can't be asked takes no job out of its owner's list.
  const placeholder = (end = job.end) => lane.protocol.placeholder({ ...job, gatewayOrigin: x.url.origin, end })
  if (!asking || asking.callsLeft <= 0 || asking.silent.has(url)) return placeholder()
  asking.callsLeft--
  const { now } = lane.deps
  const began = now()
  try {
    let look = await lookAt(x, lane, job, url, LIST_AGE_MS)
    // The ledger has learned since then that it has ended.
    if (look && look.at < began && job.end && look.sight && !outcomeOf(look.sight))
      look = await lookAt(x, lane, job, url, 0)
    if (!look) {
      asking.silent.add(url)
      return placeholder()
    }
    const { at, status, text, body, sight } = look
    const owned = ownedJob(lane, job)
    if (showsFailure(owned, status, sight)) {
      lane.telemetry.seen(sight ? sightingOf(job, sight, now()) : endOf(job, 'job_lost', now()))
      const onward = await rescue(owned, 'pending', 0)
      if (onward === 'pending') return placeholder(null)
      if (onward) {
        const { replica, upstreamId } = onward
        return await listedJob(x, { lane, job: { ...job, arm: 'control', replica, upstreamId, end: null } }, asking)
      }
    }
    if (!sight && status === 404) {
      lane.telemetry.seen(endOf(job, 'job_lost', now()))
      return null
    }
    if (!sight) return placeholder()
    // What an earlier look has seen was told then.
    if (at >= began) lane.telemetry.seen(sightingOf(job, sight, at))
    const source = { lane, url, prefix: job.prefix, arm: job.arm, owner: job.owner, nameless: job.nameless }
    const own = new Map([[job.upstreamId, job.clientId]])
    return JSON.parse(lane.protocol.translate(text, await translationOf(x, source, own, body))) as unknown
  } catch {
    return placeholder()
  }
}

interface Look {
  /** When the answer came, unix ms: it may have been another's. */
  at: number
  status: number
  text: string
  body: unknown
  sight: JobSight | null
}

/** Null where the backend did not answer. Rejects where its answer breaks off. */
async function lookAt(x: Exchange, lane: JobLane, job: ListedJob, url: string, maxAgeMs: number): Promise<Look | null> {
  const call = lane.protocol.pollCall({ ...job, model: lane.release.arms[job.arm].model })
  const headers = toBackend(credentialsOf(x, call.headers), [], outgoing(x, lane, job.arm))
  const timeoutMs = Math.min(lane.release.arms[job.arm].timeoutMs, SHOW_DEADLINE_MS)
  const request = { url: url + call.path, method: call.method, headers, body: null, timeoutMs }
  const { upstream, at } = await x.isolate.polls.call(job.upstreamId, 'poll', request, maxAgeMs)
  if (!upstream.ok) return null
  try {
    const { status } = upstream.response
    const read = await readPrefix(upstream.response, MAX_JOB_JSON_BYTES)
    await read.rest?.cancel()
    const text = read.text ?? ''
    const body = answerJson(text)
    return {
      at,
      status,
      text,
      body,
      sight: lane.protocol.readJob({ status, headers: upstream.response.headers, body, job: job.upstreamId }),
    }
  } finally {
    upstream.done()
  }
}
