/**
 * A RunPod serverless endpoint as its documentation tells it. A failed job has its reason as text in `error`, one that
 * outlasts its `policy` has timed out, and both are told with status 200.
 */
import { objectIn, type PlainRequest, type RestAnswer, type RestApiOf } from './rest-api.ts'
import { createTimedJobs, type TimedJob } from './timed-jobs.ts'

type Job = TimedJob & { prompt: string }

const OUT_OF_MEMORY = 'CUDA out of memory. Tried to allocate 2.50 GiB'

/** `model`: the endpoint's id. */
export const createRunpodEndpoint: RestApiOf = ({ model, clip, faults, ...timed }) => {
  const jobs = createTimedJobs<{ prompt: string }>({ faults, ...timed })
  /** Ms that a job may run. */
  const limits = new Map<string, number>()

  const isLate = (job: Job) => {
    const limitMs = limits.get(job.id) ?? Infinity
    return Math.min(timed.now(), job.endsAtMs) - job.startsAtMs > limitMs
  }

  const statusOf = (job: Job): string => {
    const phase = jobs.phaseOf(job)
    if (phase === 'cancelled') return 'CANCELLED'
    if (isLate(job)) return 'TIMED_OUT'
    if (phase !== 'ended') return phase === 'queued' ? 'IN_QUEUE' : 'IN_PROGRESS'
    return job.fails || isForbidden(job) ? 'FAILED' : 'COMPLETED'
  }

  const shown = (job: Job, { origin }: URL) => {
    const status = statusOf(job)
    const delayTime = Math.round(Math.min(timed.now(), job.startsAtMs) - job.createdAtMs)
    const executionTime = Math.round(job.endsAtMs - job.startsAtMs)
    const error = isForbidden(job) ? 'the prompt violates our content policy' : OUT_OF_MEMORY
    return {
      id: job.id,
      status,
      ...(status === 'IN_QUEUE' ? {} : { delayTime }),
      ...(status === 'COMPLETED' ? { executionTime, output: { video_url: `${origin}/files/${job.id}.mp4` } } : {}),
      ...(status === 'FAILED' ? { executionTime, error } : {}),
      ...(status === 'TIMED_OUT' ? { error: 'job timed out' } : {}),
    }
  }

  const submit = ({ body }: PlainRequest): RestAnswer => {
    if (jobs.isRefused()) return { status: 500, body: { error: 'internal server error' } }
    const given = objectIn(body)
    const input = given?.['input']
    if (input === null || typeof input !== 'object') return { status: 400, body: { error: 'input is required' } }
    const { prompt } = input as { prompt?: unknown }
    const job = jobs.add({ prompt: typeof prompt === 'string' ? prompt : '' })
    const policy = given?.['policy'] as { executionTimeout?: unknown } | undefined
    if (typeof policy?.executionTimeout === 'number') limits.set(job.id, policy.executionTimeout)
    return { status: 200, body: { id: job.id, status: 'IN_QUEUE' } }
  }

  const isSubmit = (method: string, path: string) => method === 'POST' && path === `/v2/${model}/run`

  return {
    isSubmit,
    modelOf: ({ url }) => url.pathname.split('/')[2] ?? null,
    error: (_, message) => ({ error: message }),
    answer: (request) => {
      const { method, url } = request
      const [, file] = /^\/files\/([\w-]+)\.mp4$/.exec(url.pathname) ?? []
      if (file !== undefined && jobs.find(file)) {
        return { status: 200, body: null, file: faults().empty_content ? new Uint8Array() : clip(file) }
      }
      if (isSubmit(method, url.pathname)) return submit(request)
      const [, endpoint, verb, id = ''] = /^\/v2\/([^/]+)\/(status|cancel)\/([^/]+)$/.exec(url.pathname) ?? []
      const job = endpoint === model ? jobs.find(id) : undefined
      if (!job || method !== (verb === 'cancel' ? 'POST' : 'GET')) return { status: 404, body: { error: 'not found' } }
      if (verb === 'cancel' && ['queued', 'running'].includes(jobs.phaseOf(job))) jobs.cancel(job)
      return { status: 200, body: shown(job, url) }
    },
  }
}

function isForbidden({ prompt }: Job): boolean {
  return prompt.includes('forbidden')
}
