/**
 * fal's queue as its documentation tells it, over an in-memory job store, with faults in its own way: a failed job is
 * `COMPLETED` as well, and only its result answers with an error. Listens on no port.
 */
import { objectIn, type PlainRequest, type RestAnswer } from './rest-api.ts'
import { createTimedJobs, type TimedJob, type TimedOptions } from './timed-jobs.ts'

export interface FalOptions extends TimedOptions {
  /** Apps that it runs, such as `fal-ai/wan`; any path below one is a model of it. */
  apps: readonly string[]
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
}

interface Asked {
  app: string
  prompt: string
}
type Job = TimedJob & Asked

const OUT_OF_MEMORY = 'CUDA out of memory. Tried to allocate 2.50 GiB'

export interface FalQueue {
  answer: (request: PlainRequest) => RestAnswer
  isSubmit: (method: string, path: string) => boolean
  /** How long until a job ends; 0 where it has. */
  msToEnd: (id: string) => number
}

export function createFalQueue({ apps, clip, ...timed }: FalOptions): FalQueue {
  const { faults, now } = timed
  const jobs = createTimedJobs<Asked>(timed)

  const submit = ({ url, body }: PlainRequest, app: string): RestAnswer => {
    if (jobs.isRefused()) return told(500, { detail: 'Internal Server Error' })
    const input = objectIn(body)
    if (!input) return invalid([], 'JSON decode error', 'json_invalid')
    const { prompt } = input
    if (typeof prompt !== 'string') return invalid(['prompt'], 'Field required', 'missing')
    const job = jobs.add({ app, prompt })
    return told(200, { ...urlsOf(url, job), status: 'IN_QUEUE', queue_position: 0 })
  }

  const status = ({ url }: PlainRequest, job: Job): RestAnswer => {
    const word = hasEnded(job) ? 'COMPLETED' : jobs.phaseOf(job) === 'queued' ? 'IN_QUEUE' : 'IN_PROGRESS'
    const queue = word === 'IN_QUEUE' ? { queue_position: 0 } : { logs: null }
    const metrics = hasEnded(job) ? { metrics: { inference_time: (job.endsAtMs - job.startsAtMs) / 1000 } } : {}
    return told(200, { ...urlsOf(url, job), status: word, ...queue, ...metrics })
  }

  const result = ({ url }: PlainRequest, job: Job): RestAnswer => {
    const named = { 'x-fal-request-id': job.id }
    if (!hasEnded(job)) return told(400, { detail: 'Request is still in progress' }, named)
    if (job.cancelledAtMs !== null) return told(400, { detail: 'Request was cancelled' }, named)
    if (/forbidden/.test(job.prompt))
      return {
        ...invalid(['prompt'], 'The content could not be processed', 'content_policy_violation'),
        headers: named,
      }
    if (job.fails) return told(500, { detail: OUT_OF_MEMORY }, named)
    const video = { url: `${url.origin}/files/${job.id}.mp4`, content_type: 'video/mp4', file_name: `${job.id}.mp4` }
    return told(200, { video, seed: 42, prompt: job.prompt }, named)
  }

  const cancel = (job: Job): RestAnswer => {
    if (hasEnded(job)) return told(400, { status: 'ALREADY_COMPLETED' })
    jobs.cancel(job)
    return told(202, { status: 'CANCELLATION_REQUESTED' })
  }

  const hasEnded = (job: Job) => ['ended', 'cancelled'].includes(jobs.phaseOf(job))

  const appOf = (path: string) => apps.find((app) => path === `/${app}` || path.startsWith(`/${app}/`))

  const answer = (request: PlainRequest): RestAnswer => {
    const { method, url } = request
    const path = url.pathname
    const [, file] = /^\/files\/([\w-]+)\.mp4$/.exec(path) ?? []
    const filmed = file === undefined ? undefined : jobs.find(file)
    if (filmed && method === 'GET') {
      const bytes = faults().empty_content ? new Uint8Array() : clip(filmed.id)
      return { status: 200, headers: { 'content-type': 'video/mp4' }, body: null, file: bytes }
    }
    const app = appOf(path)
    if (app === undefined) return told(404, { detail: 'Application not found' })
    const [, id, below = ''] = /^\/requests\/([^/]+)(?:\/(\w+))?$/.exec(path.slice(app.length + 1)) ?? []
    if (id === undefined) return method === 'POST' ? submit(request, app) : told(405, { detail: 'Method Not Allowed' })
    const job = jobs.find(id)
    if (job?.app !== app)
      return told(404, below === 'cancel' ? { status: 'NOT_FOUND' } : { detail: 'Request not found' })
    switch (`${method} ${below}`) {
      case 'GET status':
        return status(request, job)
      case 'GET ':
        return result(request, job)
      case 'PUT cancel':
        return cancel(job)
      default:
        return told(405, { detail: 'Method Not Allowed' })
    }
  }

  return {
    answer,
    msToEnd: (id) => {
      const job = jobs.find(id)
      return job && !hasEnded(job) ? Math.max(0, job.endsAtMs - now()) : 0
    },
    isSubmit: (method, path) => method === 'POST' && appOf(path) !== undefined && !path.includes('/requests/'),
  }
}

function urlsOf({ origin }: URL, { app, id }: Job) {
  const own = `${origin}/${app}/requests/${id}`
  return { request_id: id, response_url: own, status_url: `${own}/status`, cancel_url: `${own}/cancel` }
}

function told(status: number, body: unknown, headers: Record<string, string> = {}): RestAnswer {
  return { status, headers, body }
}

/** As FastAPI refuses a parameter. */
function invalid(loc: string[], msg: string, type: string): RestAnswer {
  return told(422, { detail: [{ loc: ['body', ...loc], msg, type }] })
}
