/**
 * The OpenAI Videos wire as vLLM-Omni serves it, over an in-memory job store, with its faults. Generates nothing by a model and listens on no port.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json, refuse, Refusal } from './answer.ts'
import { clipOf } from './clip.ts'
import { serveBytes } from './serve-bytes.ts'
import { readSubmit } from './submit-body.ts'
import { createVideoJobs, type VideoJob } from './video-jobs.ts'
import type { Exchange, Wire, WireOptions } from './wire.ts'

/** Serves one request; rejects with `Refusal` for every answer that is an error. */
export function createVideosApi(options: WireOptions): Wire {
  const { model, jobSeconds, clip, acceptJson, random, faults, signal } = options
  const jobs = createVideoJobs(model, { jobSeconds, random, faults, now: Date.now })
  const videoOf = (job: VideoJob) => clipOf(clip, job.id)

  const newJob = async ({ request, seen }: Exchange, remixedFrom?: string): Promise<VideoJob> => {
    const fields = await readSubmit(request, acceptJson || remixedFrom !== undefined)
    seen.model = fields.model
    if (jobs.isRefused()) throw new Refusal(500, 'CUDA error: device-side assert triggered')
    // A submit that names no model is taken for the one that is served.
    if (fields.model !== null && fields.model !== model) {
      throw new Refusal(400, `Model mismatch: expected ${model}, got ${fields.model}`)
    }
    const source = remixedFrom ?? fields.video
    if (source !== undefined && !jobs.find(source)) throw new Refusal(404, `Video '${source}' not found`)
    const { prompt, size, seconds } = fields
    return jobs.add({ prompt, size, seconds, remixedFrom: source })
  }

  const submit = async (exchange: Exchange, source?: string) => {
    const job = jobs.show(await newJob(exchange, source))
    if (faults().drip) await drip(exchange.response, JSON.stringify(job))
    else json(exchange.response, 200, job)
  }

  const submitSync = async (exchange: Exchange) => {
    const job = await newJob(exchange)
    // A timer may be early by a part of a millisecond.
    for (let ms = job.endsAtMs - Date.now(); ms > 0; ms = job.endsAtMs - Date.now())
      await delay(ms, undefined, { signal })
    const { inference_time_s: seconds, error } = jobs.show(job)
    if (error) throw new Refusal(error.code, error.message)
    exchange.response.setHeader('x-model', model).setHeader('x-inference-time-s', String(seconds))
    serveBytes(exchange.request, exchange.response, videoOf(job), 'video/mp4')
  }

  const list = ({ response }: Exchange, query: URLSearchParams) => {
    const limit = Number(query.get('limit') ?? 20)
    if (!(limit >= 0 && limit <= 100)) throw new Refusal(400, 'limit: Input should be from 0 to 100')
    const page = jobs.page(query.get('after'), limit, query.get('order'))
    const data = page.jobs.map((job) => jobs.show(job))
    const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
    json(response, 200, { object: 'list', data, ...ends, has_more: page.more })
  }

  const poll = ({ response }: Exchange, job: VideoJob) => {
    const shown = jobs.show(job)
    json(response, shown.error?.code ?? 200, shown)
  }

  const content = ({ request, response }: Exchange, job: VideoJob) => {
    if (!jobs.isDone(job)) throw new Refusal(404, 'Generation is still in-progress')
    if (job.fails) throw new Refusal(422, 'Generation failed')
    serveBytes(request, response, faults().empty_content ? new Uint8Array() : videoOf(job), 'video/mp4')
  }

  const remove = ({ response }: Exchange, { id }: VideoJob) => {
    jobs.remove(id)
    json(response, 200, { id, deleted: true, object: 'video.deleted' })
  }

  const serve = async (exchange: Exchange, url: URL) => {
    const { pathname } = url
    const method = exchange.request.method === 'HEAD' ? 'GET' : exchange.request.method
    if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
    if (/^\/v1\/videos(\/edits|\/extensions)?$/.test(pathname) && method === 'POST') return submit(exchange)
    if (pathname === '/v1/videos/sync' && method === 'POST') return submitSync(exchange)
    if (pathname === '/v1/videos' && method === 'GET') return list(exchange, url.searchParams)
    if (pathname === '/health') return json(exchange.response, 200, {})
    const [, id, action = ''] = /^\/v1\/videos\/([\w.-]+)(?:\/([a-z]+))?$/.exec(pathname) ?? []
    const job = id === undefined ? undefined : jobs.find(id)
    if (!job) throw new Refusal(404, id === undefined ? 'Not Found' : `Video '${id}' not found`)
    switch (`${method} ${action}`) {
      case 'GET ':
        return poll(exchange, job)
      case 'GET content':
        return content(exchange, job)
      case 'DELETE ':
        return remove(exchange, job)
      case 'POST remix':
        return submit(exchange, job.id)
      default:
        throw new Refusal(405, 'Method Not Allowed')
    }
  }

  return {
    serve,
    refuse,
    isSubmit: (method, path) =>
      method === 'POST' && /^\/v1\/videos(\/sync|\/edits|\/extensions|\/[^/]+\/remix)?$/.test(path),
  }
}
