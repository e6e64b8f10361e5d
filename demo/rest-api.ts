/** An API of JSON requests and answers without its server: what a demo backend says, and nothing of how it is sent. */
import type { TimedOptions } from './timed-jobs.ts'

export interface RestRequest {
  method: string
  /** As its sender reached this server: the URLs in an answer begin alike. */
  url: URL
  headers: Headers
  body: string
}

/** A request to an API that looks at no headers. */
export type PlainRequest = Omit<RestRequest, 'headers'>

export interface RestAnswer {
  status: number
  headers?: Record<string, string>
  body: unknown
  /** A file instead of a body. */
  file?: Uint8Array
}

export interface RestApi {
  answer: (request: RestRequest) => RestAnswer | Promise<RestAnswer>
  isSubmit: (method: string, path: string) => boolean
  /** An error in its own shape. */
  error: (status: number, message: string) => unknown
  /** The model that a submit names. */
  modelOf: (request: PlainRequest) => string | null
}

export interface RestOptions extends TimedOptions {
  /** The only model that it serves. */
  model: string
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
}

/** Listens on no port. */
export type RestApiOf = (options: RestOptions) => Omit<RestApi, 'answer'> & {
  answer: (request: PlainRequest) => RestAnswer
}

/** A JSON object, or null for anything else. */
export function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
