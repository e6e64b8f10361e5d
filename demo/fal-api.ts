/** fal's queue over HTTP; a webhook is called when its job has ended, with what its result would be. */
import { setTimeout as delay } from 'node:timers/promises'
import { callWebhook } from './call-webhook.ts'
import { createFalQueue } from './fal-queue.ts'
import type { PlainRequest } from './rest-api.ts'
import { restOptions, serveRest } from './rest-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

/** The app that it runs; its models stand below it. */
const APP = 'fal-ai/wan'

/** A refusal has FastAPI's `detail`, as everything at fal. */
export function createFalApi(options: WireOptions): Wire {
  const { signal } = options
  const queue = createFalQueue({ ...restOptions(options), apps: [APP] })

  const callAbout = async (request: PlainRequest, webhook: string, { request_id: id, response_url: at }: Queued) => {
    for (let ms = queue.msToEnd(id); ms > 0; ms = queue.msToEnd(id))
      await delay(Math.min(ms, 200), undefined, { signal })
    const { status, body: payload } = queue.answer({ ...request, method: 'GET', url: new URL(at) })
    const end = status === 200 ? { status: 'OK' } : { status: 'ERROR', error: `Invalid status code: ${status}` }
    const body = JSON.stringify({ request_id: id, gateway_request_id: id, ...end, payload })
    await callWebhook(webhook, { 'x-fal-webhook-request-id': id }, body, signal)
  }

  const answer = (request: PlainRequest) => {
    const answered = queue.answer(request)
    const webhook = request.url.searchParams.get('fal_webhook')
    if (webhook !== null && answered.status === 200 && queue.isSubmit(request.method, request.url.pathname))
      void callAbout(request, webhook, answered.body as Queued).catch(() => undefined)
    return answered
  }
  const modelOf = ({ url }: { url: URL }) => url.pathname.slice(1)
  return serveRest({ ...queue, answer, modelOf, error: (_, detail) => ({ detail }) }, options)
}

interface Queued {
  request_id: string
  response_url: string
}
