/**
 * OpenRouter's videos as its documentation tells them: the paths of OpenAI's with words of its own, a relative
 * `polling_url`, signed and unsigned links of a finished video, and jobs that expire where they wait too long.
 */
import { objectIn, type PlainRequest, type RestAnswer, type RestApiOf } from './rest-api.ts'
import { createTimedJobs, type TimedJob } from './timed-jobs.ts'

type Job = TimedJob & { prompt: string }

const PATH = '/api/v1/videos'
/** Where a job waits longer for its turn it is given up. */
const EXPIRES_MS = 60_000

export const createOpenrouterVideos: RestApiOf = ({ model, clip, faults, ...timed }) => {
  const jobs = createTimedJobs<{ prompt: string }>({ faults, ...timed })
  const refused = (status: number, message: string): RestAnswer => ({ status, body: errorOf(status, message) })

  const statusOf = (job: Job): string => {
    if (Math.min(timed.now(), job.startsAtMs) - job.createdAtMs > EXPIRES_MS) return 'expired'
    const phase = jobs.phaseOf(job)
    if (phase !== 'ended') return phase === 'queued' ? 'pending' : 'in_progress'
    return job.fails || isForbidden(job) ? 'failed' : 'completed'
  }

  const shown = (job: Job, { origin }: URL) => {
    const status = statusOf(job)
    const error = isForbidden(job) ? 'blocked by moderation: content policy' : 'the provider ran out of memory'
    const links = {
      urls: [`${origin}/signed/${job.id}.mp4?expires=3600&sig=abc`],
      unsigned_urls: [`${origin}${PATH}/${job.id}/content?index=0`],
    }
    return {
      id: job.id,
      polling_url: `${PATH}/${job.id}`,
      status,
      ...(status === 'completed' ? links : {}),
      ...(status === 'failed' ? { error } : {}),
    }
  }

  const submit = ({ body }: PlainRequest, url: URL): RestAnswer => {
    if (jobs.isRefused()) return refused(500, 'Internal Server Error')
    const { prompt, model: asked } = objectIn(body) ?? {}
    if (typeof prompt !== 'string') return refused(400, 'prompt is required')
    if (asked !== model) return refused(400, `${String(asked)} is not a valid model ID`)
    return { status: 200, body: shown(jobs.add({ prompt }), url) }
  }

  const fileOf = (job: Job): RestAnswer =>
    statusOf(job) === 'completed'
      ? { status: 200, body: null, file: faults().empty_content ? new Uint8Array() : clip(job.id) }
      : refused(404, 'the video is not ready')

  const isSubmit = (method: string, path: string) => method === 'POST' && path === PATH

  return {
    isSubmit,
    modelOf: ({ body }) => {
      const named = objectIn(body)?.['model']
      return typeof named === 'string' ? named : null
    },
    error: errorOf,
    answer: (request) => {
      const { method, url } = request
      if (isSubmit(method, url.pathname)) return submit(request, url)
      const [, signed] = /^\/signed\/([\w-]+)\.mp4$/.exec(url.pathname) ?? []
      const [, id, below] = /^\/api\/v1\/videos\/([^/]+)(?:\/(content))?$/.exec(url.pathname) ?? []
      const job = jobs.find(signed ?? id ?? '')
      if (!job || method !== 'GET') return refused(404, 'Not Found')
      if (signed !== undefined && url.searchParams.get('sig') !== 'abc') return refused(403, 'the link is not valid')
      return signed !== undefined || below ? fileOf(job) : { status: 200, body: shown(job, url) }
    },
  }
}

function errorOf(code: number, message: string) {
  return { error: { code, message } }
}

function isForbidden({ prompt }: Job): boolean {
  return prompt.includes('forbidden')
}
