/**
 * The OpenAI Videos wire as OpenAI, vLLM-Omni, SGLang, TensorRT-LLM and Dynamo speak it. Puts the pieces together;
 * each lives in a file of its own in `openai-videos/`.
 */
import { isObject } from './answer-json.ts'
import { openBody } from './body/open.ts'
import { asOpenAi, cancelSays, readBackendJob, readResourceIds } from './openai-videos/backend-job.ts'
import { API, routeVideos } from './openai-videos/routes.ts'
import { toSubmission } from './openai-videos/submission.ts'
import type { JobAddress, JobProtocol, ListQuery, ShownJob } from './protocol.ts'
import { translatedBy } from './translate.ts'

const words = { readPath: (path: string) => routeVideos('GET', path) }
const jobPath = ({ upstreamId, prefix }: JobAddress) => `${prefix}${API}/${encodeURIComponent(upstreamId)}`

export const openaiVideos: JobProtocol = {
  kind: 'jobs',
  name: 'openai-videos',
  authScheme: 'Bearer',
  requestHeaders: [
    ...['openai-organization', 'openai-project', 'openai-beta'],
    ...['x-stainless-poll-helper', 'x-stainless-custom-poll-interval', 'x-stainless-retry-count'],
  ],
  route: routeVideos,
  readSubmission: (sent, route) => toSubmission(openBody(sent.bytes, sent.contentType), sent, route),
  readJob: ({ status, body }) => readBackendJob(status, body),
  cancelSays,
  readIds: readResourceIds,
  ...translatedBy(words, asOpenAi),
  list: {
    query: listQuery,
    answer: (jobs, more) => ({
      object: 'list',
      data: jobs,
      first_id: idOf(jobs[0]),
      last_id: idOf(jobs.at(-1)),
      has_more: more,
    }),
  },
  placeholder,
  pollCall: (job) => ({ method: 'GET', path: jobPath(job) }),
  cancelCall: (job) => ({ method: 'DELETE', path: jobPath(job) }),
  contentCall: (job) => ({ method: 'GET', path: `${jobPath(job)}/content` }),
  // `variant=thumbnail` and `variant=spritesheet` ask for pictures, which not every backend makes.
  asksForVideo: (query) => query.getAll('variant').every((variant) => variant === 'video'),
}

function placeholder({ clientId: id, submittedAt, end }: ShownJob) {
  const isDone = end?.outcome === 'ok'
  const failed = end && !isDone && { code: end.outcome, message: 'the job has failed; a poll of it tells why' }
  return {
    id,
    object: 'video',
    status: isDone ? 'completed' : failed ? 'failed' : 'in_progress',
    progress: isDone ? 100 : 0,
    created_at: Math.floor(submittedAt / 1000),
    completed_at: isDone ? Math.floor(end.at / 1000) : null,
    expires_at: null,
    error: failed || null,
  }
}

/** Anything that is no number falls back to 20, and numbers are brought into 1..100. */
function listQuery(query: URLSearchParams): ListQuery {
  const limit = query.get('limit') ?? ''
  return {
    limit: /^\d{1,6}$/.test(limit) ? Math.min(100, Math.max(1, Number(limit))) : 20,
    after: query.get('after') || null,
    order: query.get('order') === 'asc' ? 'asc' : 'desc',
  }
}

function idOf(job: unknown): string | null {
  return isObject(job) && typeof job['id'] === 'string' ? job['id'] : null
}
