/** The body of a submit as vLLM-Omni reads it: a form, or JSON where the backend was told to take it. Refuses in FastAPI's words. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Refusal } from './answer.ts'

export interface SubmitFields {
  prompt: string
  model: string | null
  seconds: string | undefined
  size: string | undefined
  /** Id of the job that an edit or an extension starts from. */
  video: string | undefined
}

const MAX_BYTES = 64 * 1024 * 1024

export async function readSubmit(request: IncomingMessage, acceptJson: boolean): Promise<SubmitFields> {
  const body = await readAll(request)
  const type = request.headers['content-type'] ?? ''
  const isJson = type.startsWith('application/json')
  if (isJson && !acceptJson) throw new Refusal(400, 'prompt: Field required')
  const values = isJson ? jsonValues(body.toString()) : await formValues(body, type)
  const text = (name: string) => {
    const value = values.get(name)
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined
  }
  const prompt = text('prompt')
  if (prompt === undefined || prompt === '') throw new Refusal(400, 'prompt: Field required')
  const seconds = text('seconds')
  if (seconds !== undefined && !(Number(seconds) > 0)) throw new Refusal(400, 'seconds: must be a positive number')
  const video = values.get('video')
  const inner = video !== null && typeof video === 'object' ? (video as { id?: unknown }).id : undefined
  const source = text('video[id]') ?? text('video') ?? (typeof inner === 'string' ? inner : undefined)
  return { prompt, model: text('model') ?? null, seconds, size: text('size'), video: source }
}

export async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_BYTES) request.destroy(new Refusal(413, 'Request body is too large'))
    else chunks.push(chunk)
  })
  await once(request, 'end')
  return Buffer.concat(chunks)
}

function jsonValues(text: string): Map<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(text) as object))
  } catch {
    throw new Refusal(400, 'body: JSON decode error')
  }
}

async function formValues(body: Buffer, type: string): Promise<Map<string, unknown>> {
  try {
    return new Map(await new Response(Uint8Array.from(body), { headers: { 'content-type': type } }).formData())
  } catch {
    throw new Refusal(400, 'There was an error parsing the body')
  }
}
