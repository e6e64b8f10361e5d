/** A wire as a function from request to answer, which tests in any runtime call without a port. */
import type { Faults } from './faults.ts'

export interface PlainRequest {
  method: string
  /** As its sender reached this server: the URLs in an answer begin alike. */
  url: URL
  headers: { get(name: string): string | null }
  body: string
}

export interface PlainAnswer {
  status: number
  body: unknown
  /** A file instead of a body. */
  file?: Uint8Array
  headers?: Record<string, string>
  /** The file is sent whole whatever range was asked for. */
  ignoresRange?: boolean
}

export interface PlainWire {
  answer: (request: PlainRequest) => PlainAnswer
  isSubmit: (method: string, path: string) => boolean
  /** Of a submit, as far as it names one. */
  modelOf: (body: string) => string | null
}

/** What such a wire needs beside its own settings. */
export interface PlainOptions {
  /** Mean time of a job; each takes up to a fifth more or less. */
  jobSeconds: number
  random: () => number
  faults: () => Faults
  /** Unix ms. */
  now: () => number
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
}

export function told(status: number, body: unknown): PlainAnswer {
  return { status, body }
}

/** Null for what is no JSON object. */
export function parsedObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
