/**
 * Replicate's predictions over HTTP: a submit with `Prefer: wait` is answered when it has ended, or has waited enough, and
 * webhooks are called as a prediction starts and ends, signed as Replicate does.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { callWebhook } from './call-webhook.ts'
import { createPredictions } from './predictions.ts'
import type { PlainRequest, RestRequest } from './rest-api.ts'
import { restOptions, serveRest } from './rest-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

const MAX_WAIT_SECONDS = 60

interface Shown {
  id: string
  webhook?: string
  webhook_events_filter?: string[]
}

export function createReplicateApi(options: WireOptions): Wire {
  const { signal } = options
  const predictions = createPredictions(restOptions(options))
  const key = randomBytes(24)

  const now = (request: RestRequest, id: string) => {
    const url = new URL(`/v1/predictions/${id}`, request.url)
    return predictions.answer({ ...request, method: 'GET', url }).body as Shown
  }

  const callAbout = async (request: RestRequest, id: string, event: 'start' | 'end') => {
    // A cancel ends it earlier than it was to.
    for (let ms = predictions.msTo(event, id); ms > 0; ms = predictions.msTo(event, id))
      await delay(Math.min(ms, 200), undefined, { signal })
    const body = JSON.stringify(now(request, id))
    const { webhook } = JSON.parse(body) as Shown
    const [messageId, timestamp] = [`msg_${randomBytes(12).toString('hex')}`, String(Math.floor(Date.now() / 1000))]
    const mac = createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64')
    const signed = { 'webhook-id': messageId, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` }
    await callWebhook(webhook!, signed, body, signal)
  }

  const answer = async (request: RestRequest) => {
    const first = predictions.answer(request)
    if (first.status !== 201) return first
    const { id, webhook, webhook_events_filter: events = ['start', 'completed'] } = first.body as Shown
    for (const [event, name] of [
      ['start', 'start'],
      ['end', 'completed'],
    ] as const)
      if (webhook !== undefined && events.includes(name)) void callAbout(request, id, event).catch(() => undefined)
    const [, seconds] = /^wait(?:=(\d{1,3}))?$/.exec(request.headers.get('prefer') ?? '') ?? [null, null]
    if (seconds === null) return first
    const untilMs = Date.now() + 1000 * Math.min(MAX_WAIT_SECONDS, Number(seconds ?? MAX_WAIT_SECONDS))
    const msLeft = () => Math.min(untilMs - Date.now(), predictions.msTo('end', id))
    // A timer may be early by a part of a millisecond, when the job has not ended.
    while (msLeft() > 0) await delay(Math.max(1, msLeft()), undefined, { signal })
    return { ...first, status: predictions.msTo('end', id) > 0 ? 202 : 201, body: now(request, id) }
  }
  const modelOf = ({ url, body }: PlainRequest) => {
    const [, inPath] = /^\/v1\/(?:models\/)?(.+)\/predictions$/.exec(url.pathname) ?? []
    return inPath ?? String((JSON.parse(body) as { version?: unknown }).version)
  }
  const error = (status: number, detail: string) => ({ title: 'Error', detail, status })
  return serveRest({ ...predictions, answer, modelOf, error }, options)
}
