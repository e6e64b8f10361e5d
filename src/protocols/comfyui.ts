/**
 * ComfyUI: a submit is a graph, a job is found in the server's history once it has ended, its files are asked for by
 * name, and a WebSocket tells how it goes on. Puts the pieces together; each lives in a file of its own in `comfyui/`.
 */
import { idsAt } from './answer-json.ts'
import { readPath, translateComfy } from './comfyui/answers.ts'
import { isInQueue, isUnknownOrOpen, readComfyJob, readComfyMessage } from './comfyui/job.ts'
import { historyPath, routeComfy } from './comfyui/routes.ts'
import { searchAs, openComfyFrame } from './comfyui/socket.ts'
import { inputIn, readComfySubmit, readNamedJobs } from './comfyui/submit.ts'
import type { JobProtocol, ListQuery, ShownJob } from './protocol.ts'
import { translatedBy } from './translate.ts'

const MAX_LISTED = 100

export const comfyui: JobProtocol = {
  kind: 'jobs',
  name: 'comfyui',
  authScheme: 'Bearer',
  requestHeaders: ['comfy-user'],
  route: routeComfy,
  readSubmission: readComfySubmit,
  readNamedJobs,
  readJob: readComfyJob,
  mayLackJob: ({ body }) => isUnknownOrOpen(body),
  readIds: (body) => [...idsAt(body, 'prompt_id'), inputIn(body)].filter((each) => each !== null).slice(0, 1),
  ...translatedBy({ readPath }),
  translate: translateComfy,
  list: {
    query: listQuery,
    answer: (jobs, more, { pathname, searchParams }) => {
      if (pathname.endsWith('/queue')) return { queue_running: [], queue_pending: jobs.filter((job) => job !== null) }
      const { limit, order, skip = 0 } = listQuery(searchParams)
      if (pathname.endsWith('/jobs')) {
        const total = skip + jobs.length + (more ? 1 : 0)
        return { jobs, pagination: { offset: skip, limit, total, has_more: more } }
      }
      // The newest stands last.
      return Object.assign({}, ...(order === 'asc' ? jobs : jobs.toReversed())) as unknown
    },
    ofKnown: ({ pathname }) => (pathname.endsWith('/queue') ? asQueued : pathname.endsWith('/jobs') ? asListed : null),
  },
  placeholder,
  submitted: (clientId) => ({ prompt_id: clientId, number: 0, node_errors: {} }),
  socket: { search: searchAs, read: readComfyMessage, openFrame: openComfyFrame },
  pollCall: ({ prefix, upstreamId }) => ({ method: 'GET', path: historyPath(prefix, upstreamId) }),
  // An interrupt would stop whatever runs where the server is too old to look for the job.
  cancelCall: ({ prefix, upstreamId }) => ({
    method: 'POST',
    path: `${prefix}/queue`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ delete: [upstreamId] }),
  }),
  // What is asked is done later or not at all: only waiting jobs are taken out of the queue, only running ones stopped.
  cancelCheck: { call: ({ prefix }) => ({ method: 'GET', path: `${prefix}/queue` }), goesOn: isInQueue },
  limits: {
    always: [
      'only newer builds of comfyui look at the job that an interrupt names: an older one stops whatever runs',
      'comfyui says of a job that it has lost what it says of one that goes on: such a job ends at job_timeout',
    ],
    ofCopies: [
      'comfyui takes a copy out of its queue, but a copy that runs already is run to its end',
      "comfyui's nodes act by themselves: what a graph stores or calls, its copy stores or calls too",
    ],
  },
  // Of a picture a preview or one channel of it may be asked for.
  asksForVideo: (query) => !query.has('preview') && !query.has('channel'),
  makesAnyFile: true,
}

/** `/api/jobs` counts from the newest, and a history with an offset from the oldest. */
function listQuery(query: URLSearchParams): ListQuery {
  const number = (name: string) => {
    const text = query.get(name) ?? ''
    return /^\d{1,6}$/.test(text) ? Number(text) : null
  }
  const skip = number('offset')
  const limit = Math.min(MAX_LISTED, Math.max(1, number('max_items') ?? number('limit') ?? MAX_LISTED))
  const isFromOldest = query.has('limit') ? query.get('sort_order') === 'asc' : skip !== null
  return { limit, after: null, order: isFromOldest ? 'asc' : 'desc', ...(skip === null ? {} : { skip }) }
}

/** As the queue shows a job, without its graph, which is not kept here. */
function asQueued({ clientId, submittedAt, end }: ShownJob) {
  return end ? null : [submittedAt, clientId, {}, { create_time: submittedAt }, []]
}

function asListed({ clientId, submittedAt, end }: ShownJob) {
  const status = !end ? 'in_progress' : end.outcome === 'ok' ? 'completed' : 'failed'
  const ended = end ? { execution_end_time: end.at } : {}
  return { id: clientId, status, create_time: submittedAt, ...ended }
}

function placeholder({ clientId, submittedAt, end }: ShownJob) {
  if (!end) return {}
  const isGood = end.outcome === 'ok'
  const event = { prompt_id: clientId, timestamp: end.at }
  const why = { exception_type: end.outcome, exception_message: 'a poll of this job tells why it has failed' }
  const last = isGood ? ['execution_success', event] : ['execution_error', { ...event, ...why }]
  const status = { status_str: isGood ? 'success' : 'error', completed: isGood, messages: [last] }
  return { [clientId]: { prompt: [submittedAt, clientId, {}, {}, []], outputs: {}, status } }
}
