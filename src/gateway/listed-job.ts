/** One job in its owner's list: as its backend shows it, or by what the ledger knows where that is not asked or silent. */
import { exactJson } from '../protocols/answer-json.ts'
import { type ListedJob, toJobUpdate } from '../durable/job-shapes.ts'
import { isGone, outcomeOf } from '../protocols/job-outcome.ts'
import type { JobAddress } from '../protocols/protocol.ts'
import { replicaUrl } from '../config/replica.ts'
import type { Exchange } from './exchange.ts'
import { askBackend } from './job-result.ts'
import type { JobRuntime } from './isolate.ts'
import { ownedJob } from './owned-job.ts'
import { rescue, showsFailure } from './rescue.ts'
import { LIST_AGE_MS } from './shared-polls.ts'
import { translationOf } from './translation.ts'

/** Of one job's backend: a list is not worth an arm's whole timeout. */
const SHOWN = { timeoutMs: 3000, maxBytes: 1024 * 1024 }

export interface OwnJob {
  runtime: JobRuntime
  job: ListedJob
}

/** What the jobs of one list have in common when they ask. */
export interface Asking {
  callsLeft: number
  /** Backends that did not answer; they are not asked for the rest. */
  unreachable: Set<string>
}

/** Under the client's id; null where the job is gone. `asking` null: by the ledger alone. */
export async function listedJob(ctx: Exchange, { runtime, job }: OwnJob, asking: Asking | null): Promise<unknown> {
  const config = runtime.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) return null
  // A backend that can't be asked takes no job out of its owner's list.
  const placeholder = (end = job.end) => runtime.protocol.placeholder({ ...job, gatewayOrigin: ctx.url.origin, end })
  if (!asking || asking.callsLeft <= 0 || asking.unreachable.has(url)) return placeholder()
  asking.callsLeft--
  const { now } = runtime.deps
  const began = now()
  try {
    const owned = ownedJob(runtime, job)
    const poll = { call: (address: JobAddress) => runtime.protocol.pollCall(address) }
    const polledAfter = async (maxAgeMs: number) => {
      const told = await askBackend(ctx, owned, job, poll, { ...SHOWN, maxAgeMs })
      return told && { ...told, backendJob: runtime.protocol.readJob(told.answer) }
    }
    let polled = await polledAfter(LIST_AGE_MS)
    // The ledger has learned since then that it has ended.
    if (polled && polled.at < began && job.end && polled.backendJob && !outcomeOf(polled.backendJob))
      polled = await polledAfter(0)
    if (!polled) {
      asking.unreachable.add(url)
      return placeholder()
    }
    const { at, text, backendJob } = polled
    const { status, body } = polled.answer
    if (showsFailure(owned, status, backendJob)) {
      runtime.telemetry.seen(toJobUpdate(job, backendJob ?? 'job_lost', now()))
      const rescued = await rescue(owned, 'pending', 0)
      if (rescued === 'pending') return placeholder(null)
      if (rescued) {
        const { replica, upstreamId } = rescued
        const there: ListedJob = { ...job, arm: 'control', replica, upstreamId, end: null }
        return await listedJob(ctx, { runtime, job: there }, asking)
      }
    }
    if (!backendJob && isGone(status)) {
      runtime.telemetry.seen(toJobUpdate(job, 'job_lost', now()))
      return null
    }
    if (!backendJob) return placeholder()
    // What an earlier look has seen was told then.
    if (at >= began) runtime.telemetry.seen(toJobUpdate(job, backendJob, at))
    const own = new Map([[job.upstreamId, job.clientId]])
    const translation = await translationOf(ctx, { ...job, runtime, url }, own, body)
    return exactJson(runtime.protocol.translate(text, translation))
  } catch {
    return placeholder()
  }
}
