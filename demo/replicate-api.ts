/** Replicate's predictions over HTTP: a submit with `Prefer: wait` is answered when it has ended, or has waited enough. */
import { setTimeout as delay } from 'node:timers/promises'
import { clipOf } from './clip.ts'
import type { PlainRequest } from './plain-backend.ts'
import { plainWire } from './plain-wire.ts'
import { createPredictions } from './predictions.ts'
import type { Wire, WireOptions } from './wire.ts'

const MAX_WAIT_SECONDS = 60

export function createReplicateApi(options: WireOptions): Wire {
  const { model, jobSeconds, clip: shown, random, faults, signal } = options
  const clip = (id: string) => clipOf(shown, id)
  const predictions = createPredictions({ model, jobSeconds, random, faults, now: Date.now, clip })
  const answer = async (request: PlainRequest) => {
    const first = predictions.answer(request)
    const [, seconds] = /^wait(?:=(\d{1,3}))?$/.exec(request.headers.get('prefer') ?? '') ?? [null, null]
    if (seconds === null || first.status !== 201) return first
    const { id } = first.body as { id: string }
    const waitMs = 1000 * Math.min(MAX_WAIT_SECONDS, Number(seconds ?? MAX_WAIT_SECONDS))
    await delay(Math.min(waitMs, predictions.msToEnd(id)), undefined, { signal })
    const url = new URL(`/v1/predictions/${id}`, request.url)
    const { body } = predictions.answer({ ...request, method: 'GET', url })
    return { ...first, status: predictions.msToEnd(id) > 0 ? 202 : 201, body }
  }
  const modelOf = ({ url, body }: PlainRequest) => {
    const [, inPath] = /^\/v1\/(?:models\/)?(.+)\/predictions$/.exec(url.pathname) ?? []
    return inPath ?? String((JSON.parse(body) as { version?: unknown }).version)
  }
  const refusal = (status: number, detail: string) => ({ title: 'Error', detail, status })
  return plainWire({ ...predictions, answer, modelOf, refusal }, options)
}
