/** How the demo backend answers: JSON, errors in vLLM's shape, and a body that hardly arrives. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** An answer other than success, given to the client as it is. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** As vLLM's own exception handlers wrap it: `code` is the HTTP status as a number. */
export function refuse(response: ServerResponse, code: number, message: string): void {
  const type = code === 404 ? 'NotFoundError' : code < 500 ? 'BadRequestError' : 'InternalServerError'
  json(response, code, { error: { message, type, param: null, code } })
}

/** One byte every half second for as long as anybody reads. */
export async function drip(response: ServerResponse, text: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' })
  for (const character of text) {
    if (response.destroyed) return
    response.write(character)
    await delay(500)
  }
  response.end()
}
