/**
 * fal's queue: the model stands in the path, a job's own paths below its app only, and `COMPLETED` means that a job has
 * ended, well or not: what came of it is an answer of its own, whose HTTP status tells.
 */
import { isObject } from './answer-json.ts'
import { readFalJob, readFalResult, readFalWebhook } from './fal/job.ts'
import { appOf, jobPath, routeFal, STILL_IN_PROGRESS } from './fal/routes.ts'
import { readFalSubmit } from './fal/submit.ts'
import type { JobAddress, JobProtocol, ShownJob } from './protocol.ts'
import { idsAt } from './resource-id.ts'
import { translatedBelow } from './translate.ts'

/** A job's links to itself. */
const OWN_URLS = new Set(['status_url', 'response_url', 'cancel_url'])
/** Of a cancel that came too late, or names no job, should a server say so under a good status. */
const NOT_CANCELLED: ReadonlySet<unknown> = new Set(['ALREADY_COMPLETED', 'NOT_FOUND'])
const appAt = ({ prefix, model }: JobAddress) => (model === null ? prefix : (appOf(`/${model}`) ?? prefix))

export const fal: JobProtocol = {
  kind: 'jobs',
  name: 'fal',
  authScheme: 'Key',
  requestHeaders: [
    'x-app-fal-disable-fallback',
    'x-fal-no-retry',
    'x-fal-object-lifecycle-preference',
    'x-fal-queue-priority',
    'x-fal-request-timeout',
    'x-fal-runner-hint',
  ],
  route: routeFal,
  readSubmission: readFalSubmit,
  readJob: readFalJob,
  readIds: (body) => idsAt(body, 'request_id'),
  ...translatedBelow(routeFal, {
    // Outputs are objects with a `url`, one (`video`) or a list of them (`images`); a webhook has them in its `payload`.
    holdsFile: (path) => path.at(-1) === 'url' && path.length === (path[0] === 'payload' ? 3 : 2),
    // Whatever name their backend goes by, or clients would go past the gateway.
    holdsOwnUrl: ([name, ...below]) => below.length === 0 && OWN_URLS.has(name!),
  }),
  list: null,
  placeholder,
  result: {
    call: (job) => ({ method: 'GET', path: jobPath(appAt(job), job.upstreamId) }),
    read: readFalResult,
    pending: { status: 400, body: { detail: STILL_IN_PROGRESS } },
  },
  pollCall: (job) => ({ method: 'GET', path: jobPath(appAt(job), job.upstreamId, '/status') }),
  cancelCall: (job) => ({ method: 'PUT', path: jobPath(appAt(job), job.upstreamId, '/cancel') }),
  cancelSays: ({ body }) => (isObject(body) && NOT_CANCELLED.has(body['status']) ? 'refused' : null),
  mayLackJob: ({ body }) => isObject(body) && body['status'] === 'NOT_FOUND',
  contentCall: null,
  readWebhook: readFalWebhook,
  asksForVideo: () => true,
  isVideoType: () => true,
}

function placeholder({ clientId, prefix, gatewayOrigin, end }: ShownJob) {
  const at = (below: string) => gatewayOrigin + jobPath(prefix, clientId, below)
  return {
    status: end ? 'COMPLETED' : 'IN_PROGRESS',
    request_id: clientId,
    response_url: at(''),
    status_url: at('/status'),
    cancel_url: at('/cancel'),
  }
}
