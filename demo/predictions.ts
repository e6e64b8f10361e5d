/**
 * Replicate's predictions as its documentation tells them, over an in-memory job store, with faults in its own way: a
 * failure is a sentence in `error`, and a refusal by HTTP has `title`, `detail` and `status`. Listens on no port.
 */
import { objectIn, type RestAnswer, type RestOptions, type RestRequest } from './rest-api.ts'
import { createTimedJobs, type TimedJob } from './timed-jobs.ts'

interface Asked {
  input: Record<string, unknown> & { prompt: string }
  version: string
  /** When its own deadline, or its client, ends it. */
  cancelsAtMs: number
  /** As it was sent. */
  webhook: { webhook?: unknown; webhook_events_filter?: unknown }
}
type Prediction = TimedJob & Asked

const PAGE = 100
const OUT_OF_MEMORY = 'CUDA out of memory. Tried to allocate 2.50 GiB (E1001)'
const NSFW = 'NSFW content detected. Try running it again, or try a different prompt.'
const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000 }

export interface Predictions {
  answer: (request: RestRequest) => RestAnswer
  isSubmit: (method: string, path: string) => boolean
  /** How long until it starts or ends; 0 where it has. */
  msTo: (event: 'start' | 'end', id: string) => number
}

/** `model`: the only one that it runs, `owner/name`; deployments and versions of it too. */
export function createPredictions({ model, clip, ...timed }: RestOptions): Predictions {
  const { faults, now } = timed
  const all = createTimedJobs<Asked>(timed)
  const version = versionOf(model)

  const endsAt = ({ endsAtMs, cancelsAtMs }: Prediction) => Math.min(endsAtMs, cancelsAtMs)
  const statusOf = (one: Prediction) => {
    if (now() < endsAt(one)) return now() < one.startsAtMs ? 'starting' : 'processing'
    if (one.cancelsAtMs < one.startsAtMs) return 'aborted'
    return one.cancelsAtMs < one.endsAtMs ? 'canceled' : errorOf(one) === null ? 'succeeded' : 'failed'
  }

  const shown = (origin: string, one: Prediction) => {
    const status = statusOf(one)
    const own = `${origin}/v1/predictions/${one.id}`
    const hasEnded = now() >= endsAt(one)
    const hasStarted = now() >= one.startsAtMs && status !== 'aborted'
    const seconds = (from: number) => Math.max(0, endsAt(one) - from) / 1000
    return {
      id: one.id,
      model,
      version: one.version,
      input: one.input,
      logs: hasStarted ? 'Using seed: 42\n' : '',
      output: status === 'succeeded' ? `${origin}/files/${one.id}/output.mp4` : null,
      data_removed: false,
      error: status === 'failed' ? errorOf(one) : null,
      source: 'api',
      status,
      created_at: iso(one.createdAtMs),
      started_at: hasStarted ? iso(one.startsAtMs) : null,
      completed_at: hasEnded ? iso(endsAt(one)) : null,
      metrics: hasEnded ? { predict_time: seconds(one.startsAtMs), total_time: seconds(one.createdAtMs) } : {},
      urls: { cancel: `${own}/cancel`, get: own, web: `${origin}/p/${one.id}` },
      ...one.webhook,
    }
  }

  const create = ({ url, headers, body }: RestRequest): RestAnswer => {
    if (all.isRefused()) return refused(500, 'Internal Server Error', 'An unexpected error occurred.')
    const sent = objectIn(body)
    if (!sent) return refused(400, 'Invalid JSON', 'The request body could not be parsed.')
    const named = url.pathname === '/v1/predictions' ? sent['version'] : version
    if (![version, model, `${model}:${version}`].includes(named as string))
      return refused(422, 'Invalid version or not permitted', 'The specified version does not exist.')
    const input = sent['input'] as Partial<Asked['input']> | undefined
    if (typeof input?.prompt !== 'string') return refused(422, 'Input validation failed', '- input: prompt is required')
    const asked = {
      input: { ...input, prompt: input.prompt },
      version: url.pathname === '/v1/predictions' ? version : 'hidden',
      cancelsAtMs: now() + lengthOf(headers.get('cancel-after')),
      webhook: webhookIn(sent),
    }
    const one = all.add(asked, base36())
    return { status: 201, body: shown(url.origin, one) }
  }

  const list = ({ origin, searchParams }: URL): RestAnswer => {
    const newest = all.all().toReversed()
    const after = searchParams.get('cursor')
    const from = after === null ? 0 : newest.findIndex(({ id }) => id === after) + 1
    const results = newest.slice(from, from + PAGE).map((one) => shown(origin, one))
    const isLast = from + PAGE >= newest.length
    const next = isLast ? null : `${origin}/v1/predictions?cursor=${results.at(-1)!.id}`
    return { status: 200, body: { previous: null, next, results } }
  }

  const answer = (request: RestRequest): RestAnswer => {
    const { method, url } = request
    if (isSubmit(method, url.pathname)) return create(request)
    if (method === 'GET' && url.pathname === '/v1/predictions') return list(url)
    const [, file] = /^\/files\/(\w+)\/output\.mp4$/.exec(url.pathname) ?? []
    const [, id = file, cancel] = /^\/v1\/predictions\/(\w+)(\/cancel)?$/.exec(url.pathname) ?? []
    const one = id === undefined ? undefined : all.find(id)
    if (!one) return refused(404, 'Not found', 'The requested resource could not be found.')
    if (method === 'GET' && file !== undefined) {
      const bytes = faults().empty_content ? new Uint8Array() : clip(one.id)
      return { status: 200, headers: { 'content-type': 'video/mp4' }, body: null, file: bytes }
    }
    if (method !== (cancel ? 'POST' : 'GET')) return refused(405, 'Method not allowed', `${method} is not allowed.`)
    // By its client it is canceled even before it starts; only a deadline aborts.
    if (cancel && now() < endsAt(one)) {
      one.startsAtMs = Math.min(one.startsAtMs, now())
      one.cancelsAtMs = now()
    }
    return { status: 200, body: shown(url.origin, one) }
  }

  const isSubmit = (method: string, path: string) =>
    method === 'POST' &&
    ['/v1/predictions', `/v1/models/${model}/predictions`, `/v1/deployments/${model}/predictions`].includes(path)

  return {
    answer,
    isSubmit,
    msTo: (event, id) => {
      const one = all.find(id)
      if (!one) return 0
      return Math.max(0, (event === 'start' ? Math.min(one.startsAtMs, endsAt(one)) : endsAt(one)) - now())
    },
  }
}

/** The id of the model's only version: 64 hex digits, here of its name. */
export function versionOf(model: string): string {
  const digits = Array.from(new TextEncoder().encode(model), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return digits.padEnd(64, '0').slice(0, 64)
}

function refused(status: number, title: string, detail: string): RestAnswer {
  return { status, body: { title, detail, status } }
}

function errorOf({ input, fails }: Prediction): string | null {
  return /forbidden/.test(input.prompt) ? NSFW : fails ? OUT_OF_MEMORY : null
}

function webhookIn({ webhook, webhook_events_filter: events }: Record<string, unknown>): Asked['webhook'] {
  if (webhook === undefined) return {}
  return events === undefined ? { webhook } : { webhook, webhook_events_filter: events }
}

/** Of `Cancel-After`, such as `90s`, `5m` or `1h30m`; for ever without one. */
function lengthOf(header: string | null): number {
  const parts = [...(header ?? '').matchAll(/(\d{1,6})([hms])/g)]
  if (parts.length === 0) return Infinity
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0)
}

function base36(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(26))
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('')
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
