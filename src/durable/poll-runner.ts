/**
 * Polls a batch of jobs at one backend, for a ledger: an object may wait for six backends at a time, and so may each
 * batch that runs in a call of its own. Keeps nothing; what a poll means is for the ledger to say.
 */
import { WorkerEntrypoint } from 'cloudflare:workers'
import type { Env } from '../config/env.ts'
import { POLL_MS, BACK_OFF_AFTER } from '../core/poll-schedule.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { jobProtocolOf } from '../protocols/index.ts'
import { BACKENDS_AT_ONCE, inParallel } from '../protocols/send.ts'
import { Backend, type PollAnswer } from './ledger/backend.ts'
import { releaseConfigOf } from './stubs.ts'
import type { LedgerJob } from './job-shapes.ts'

/** A batch starts no poll after this; the rest of it is left for another one. */
const BATCH_MS = 5000
/** How long the video of a finished copy may be waited for. */
const VIDEO_MS = 2000

export interface PollBatch extends Pick<LedgerJob, 'arm' | 'replica'> {
  jobs: { key: string; upstreamId: string; prefix: string }[]
  /** Polls at a time. */
  width: number
  /** Nobody downloads a copy's video, so one that succeeded is asked for it. */
  asksForVideo: boolean
}

/** One job that was asked for. Unix ms. */
export interface PollResult {
  key: string
  answer: PollAnswer
  /** Whether a finished job's video is missing; null where its backend does not tell. Left out where nobody asked. */
  lacksVideo?: boolean | null
  askedAt: number
  answeredAt: number
}

/** Reached by the Worker's own exports, so that it needs no binding. */
export class PollRunner extends WorkerEntrypoint<Env> {
  /** Results of those that were asked for. A backend that leaves two polls unanswered in a row is asked for no more. */
  async poll(release: string, batch: PollBatch): Promise<PollResult[]> {
    const config = releaseConfigOf(this.env, release)
    const protocol = config && jobProtocolOf(config)
    return config && protocol ? pollBatch(new Backend(this.env, config, protocol), batch) : []
  }
}

/** Whom a ledger has ask for it: so many batches at a time, of so many polls each. */
export interface Pollers {
  poll(batch: PollBatch): Promise<PollResult[]>
  batches: number
  width: number
}

/** The Worker's own entry point; where it does not export that, the object itself, within its six connections. */
export function pollersOf(exported: object | undefined, release: string, backend: Backend): Pollers {
  const runner = (exported as { PollRunner?: Pick<PollRunner, 'poll'> } | undefined)?.PollRunner
  return runner
    ? { poll: (batch) => runner.poll(release, batch), batches: 32, width: BACKENDS_AT_ONCE }
    : { poll: (batch) => pollBatch(backend, batch), batches: 3, width: BACKENDS_AT_ONCE / 3 }
}

export async function pollBatch(backend: Backend, batch: PollBatch): Promise<PollResult[]> {
  const { jobs, arm, replica } = batch
  const results: PollResult[] = []
  const untilMs = Date.now() + BATCH_MS
  let unanswered = 0
  /** The first video that was asked for, or the last that was not answered: the others wait for what comes of it. */
  let video: Promise<boolean | null> | null = null
  const poll = async ({ key, upstreamId, prefix }: PollBatch['jobs'][number]): Promise<void> => {
    const askedAt = Date.now()
    const answer = await backend.poll({ arm, replica, prefix }, upstreamId, POLL_MS)
    const result: PollResult = { key, answer, askedAt, answeredAt: Date.now() }
    results.push(result)
    unanswered = answer.state === 'unanswered' ? unanswered + 1 : 0
    if (!batch.asksForVideo || answer.state !== 'job' || outcomeOf(answer.job) !== 'ok') return
    if (video && (await video) === null) return
    const asked = backend.lacksVideo({ arm, replica, prefix }, upstreamId, VIDEO_MS)
    video ??= asked
    result.lacksVideo = await asked
    if (result.lacksVideo === null) video = asked
  }
  await inParallel(jobs, batch.width, poll, () => unanswered < BACK_OFF_AFTER && Date.now() < untilMs)
  return results
}
