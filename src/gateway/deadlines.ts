/** How long a request of the data plane waits for its objects, in milliseconds, and what happens then. */
import { SluiceError } from '../core/errors.ts'

/** Before routing, for a newer snapshot: it is routed by the one that there is. */
export const SNAPSHOT_MS = 250
/** Beside requests, for the same: asked again with the next request. */
export const SNAPSHOT_BESIDE_MS = 2000
/** For whose a resource in an answer is: it gets an id that opens nothing. */
export const RESOURCE_MS = 500
/** For whose a backend's id is: 503. */
export const OWNER_MS = 1000
/** For a submit with native ids to be written down before its answer: written with the next flush. */
export const REGISTER_MS = 1000
/** For where a job goes on: where its id says. */
export const LOCATE_MS = 1000
/** For a claim on an idempotency key, and for its end: 503, and told again later. */
export const CLAIM_MS = 2000
/** For a page of jobs: 503. */
export const LIST_MS = 2000
/** For what this isolate has counted and learned: told as lost with the next flush. */
export const FLUSH_MS = 3000
/** For a failed job to have its submit at control: the client reads that it is on its way. */
export const RESCUE_MS = 4000
/** Beyond that, for the look that the ledger takes at the candidate's job first. */
export const RESCUE_SLACK_MS = 6000
/** For the other backends of a WebSocket to take part: they join as they answer. */
export const OTHER_SOCKETS_MS = 500
/** For a client's webhook to be taken: its backend is told 504, and may send it again. */
export const WEBHOOK_MS = 10_000

/** What only a ledger can say, and none does now. */
export function unavailable(message: string, cause: unknown): SluiceError {
  return new SluiceError('control_plane_unavailable', message, { cause, headers: { 'retry-after': '2' } })
}
