/** Sends requests to a running control plane and has every answer judged by its own OpenAPI document. */
import { expect } from 'vitest'
import type { JudgedAnswer, OpenApi, Operation } from './openapi.ts'
import { type Call, mayCall } from './openapi-calls.ts'
import { tokenOf } from './processes.ts'

export class JudgedClient {
  /** `operationId status` of every answer so far. */
  readonly seen = new Set<string>()
  readonly #api: OpenApi
  readonly #base: string

  constructor(api: OpenApi, base: string) {
    this.#api = api
    this.#base = base
  }

  /** Fails the test where the answer is not in the document, or is not for this caller's role. */
  async call(operation: Operation, call: Call): Promise<JudgedAnswer> {
    const answer = await send(this.#base, operation, call)
    const told = JSON.stringify(answer).slice(0, 600)
    const about = `${operation.method} ${operation.path} ${JSON.stringify(call)} → ${told}`
    expect(this.#api.faults(operation, answer), about).toEqual([])
    const isRefusedByRole = answer.status === 401 || answer.status === 403
    if (answer.status !== 503) expect(isRefusedByRole, about).toBe(!mayCall(call.as, operation))
    if (answer.mediaType === 'text/event-stream') {
      expect(this.#api.faultsOf('Release', stateIn(answer.body as string)), about).toEqual([])
    }
    this.seen.add(`${operation.operationId} ${answer.status}`)
    return answer
  }
}

function stateIn(events: string): unknown {
  return JSON.parse(/^event: state\ndata: (.*)$/m.exec(events)?.[1] ?? 'null')
}

export async function send(base: string, operation: Operation, call: Call): Promise<JudgedAnswer> {
  const { as, name = '', at = 1, query = {}, headers = {}, body } = call
  const path = operation.path.replace('{name}', encodeURIComponent(name)).replace(/\{(id|version)\}/, String(at))
  const response = await fetch(`${base}${path}?${new URLSearchParams(query).toString()}`, {
    method: operation.method.toUpperCase(),
    headers: {
      ...(as === 'nobody' ? {} : { authorization: `Bearer ${tokenOf(as)}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(60_000),
  })
  const mediaType = (response.headers.get('content-type') ?? '').split(';')[0]!.trim()
  if (mediaType === 'text/event-stream') return { status: response.status, mediaType, body: await firstState(response) }
  const text = await response.text()
  return { status: response.status, mediaType, body: mediaType === 'application/json' ? JSON.parse(text) : text }
}

/** What was streamed up to and with the first event that tells the release's state. */
async function firstState(response: Response): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!/^event: state\n.*\n\n/m.test(text)) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
  }
  await reader.cancel()
  return text
}
