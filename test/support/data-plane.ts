/** Requests to the gateway's data plane as plain HTTP clients make them. */
import { eventually } from './control-client.ts'
import type { Gateway } from './processes.ts'

export interface Reply {
  status: number
  headers: Headers
  text: string
  arm: string | null
  stage: string | null
  /** The body's `id`, or empty. */
  id: string
}

export interface Job {
  id: string
  status: string
  error?: { message?: string } | null
}

export interface SubmitOptions {
  model?: string
  prompt?: string
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** One multipart submit, as the official client sends it. `subject` null shows no identity. */
export function submit(gateway: Gateway, subject: string | null, options: SubmitOptions = {}): Promise<Reply> {
  const { model = 'wan-t2v', prompt = 'a red fox runs through snow', headers = {}, signal } = options
  const form = new FormData()
  for (const [name, value] of Object.entries({ prompt, model, seconds: '4', size: '832x480' })) form.append(name, value)
  return call(gateway, 'POST', '/v1/videos', subject, { body: form, headers, ...(signal ? { signal } : {}) })
}

export async function call(
  gateway: Gateway,
  method: string,
  path: string,
  subject: string | null,
  init: { body?: FormData | string; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Reply> {
  const { headers, signal = AbortSignal.timeout(60_000), ...rest } = init
  const named = subject === null ? {} : { 'x-user-id': subject }
  const response = await fetch(gateway.url + path, { ...rest, method, headers: { ...named, ...headers }, signal })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    arm: response.headers.get('x-sluice-arm'),
    stage: response.headers.get('x-sluice-stage'),
    id: /"id":"([^"]+)"/.exec(text)?.[1] ?? '',
  }
}

export function poll(gateway: Gateway, id: string, subject: string | null, headers: Record<string, string> = {}) {
  return call(gateway, 'GET', `/v1/videos/${encodeURIComponent(id)}`, subject, { headers })
}

/** Polls to the job's end; every poll must be answered with 200. */
export async function pollToEnd(gateway: Gateway, id: string, subject: string | null, withinMs?: number): Promise<Job> {
  return eventually(
    `job ${id} ends`,
    async () => {
      const reply = await poll(gateway, id, subject)
      if (reply.status !== 200) throw new Error(`poll of ${id}: ${reply.status} ${reply.text}`)
      return JSON.parse(reply.text) as Job
    },
    ({ status }) => status === 'completed' || status === 'failed',
    withinMs,
  )
}

/** Waits until the data plane routes by this stage. */
export async function routedBy(gateway: Gateway, stage: string, options: SubmitOptions = {}): Promise<void> {
  await eventually(
    `the data plane is in ${stage}`,
    () => submit(gateway, 'settling', options),
    (reply) => reply.stage === stage,
  )
}

/** `work` over `items`, `width` at a time, in their order. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const out: R[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) out[i] = await work(items[i] as T)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return out
}
