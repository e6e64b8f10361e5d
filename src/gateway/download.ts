/**
 * What a download's answer is counted as. Where it shows no video, the ledger is told: it knows whether the job had
 * finished, counts each job once however often it is asked for, and forgives a video that its owner has deleted.
 */
import { showsNoVideo } from '../protocols/video-answer.ts'
import { type Decided, type Exchange, recordEnd, seriesOf } from './exchange.ts'
import { type Answer, outcomeOfStatus } from './forward.ts'
import { nameOf, type OwnedJob } from './owned-job.ts'

/** More than a flush takes to tell the ledgers of deletions; what is forgotten earlier is only known to them later. */
const MAX_GIVEN_UP = 5000

export interface Download {
  decided: Decided
  job: OwnedJob
  response: Pick<Answer, 'status' | 'headers'>
  /** The body has come to its end without a byte. */
  isEmpty: boolean
  /** Until the answer's headers. */
  seconds: number
  /** When the backend was asked, unix ms. */
  sentAt: number
}

/** Of an answer that comes as bytes and is about a job. */
export function countDownload({ method, headers: asked, url }: Exchange, download: Download): void {
  const { decided, job, response, isEmpty, seconds, sentAt } = download
  const { status, headers } = response
  const { protocol, telemetry } = job.runtime
  const question = { method, headers: asked, query: new URLSearchParams(url.search) }
  if (!showsNoVideo(protocol, question, { status, headers, isEmpty }))
    return recordEnd(decided, 'content', outcomeOfStatus(status), seconds)
  // Nobody knows whether a job that was there before Sluice had finished.
  if (job.holder === null || isGivenUp(job)) return recordEnd(decided, 'content', 'client_error', seconds)
  telemetry.missedVideo({ job: nameOf(job), request: seriesOf(decided, 'content'), seconds, sentAt })
}

/** A job's owner is asking its backend to delete it: from now on its video may be gone, before the answer says so. */
export function givesUp(job: OwnedJob): void {
  const { givenUp } = job.runtime
  if (givenUp.size >= MAX_GIVEN_UP) givenUp.clear()
  givenUp.add(placeOf(job))
}

/** What came of that its backend does not say, so that other isolates are to know of it as well. */
export function tellStopping(job: OwnedJob): void {
  if (job.holder) job.runtime.telemetry.stopping(nameOf(job))
}

/** Whether its owner has asked this isolate to have it deleted. */
export function isGivenUp(job: OwnedJob): boolean {
  return job.runtime.givenUp.has(placeOf(job))
}

function placeOf({ arm, replica, upstreamId }: OwnedJob): string {
  return `${arm}|${replica}|${upstreamId}`
}
