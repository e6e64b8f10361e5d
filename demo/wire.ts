/** What a demo backend speaks: one wire, with its own way to refuse. */
import type { Clip } from './clip.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Faults } from './faults.ts'
import type { SeenRequest } from './request-log.ts'

export interface WireOptions {
  /** The only model it serves, where its bodies name one; submits that name another are refused. */
  model: string
  /** Mean time of a job; each takes up to a fifth more or less. */
  jobSeconds: number
  /** What its videos show. */
  clip: Clip
  /** vLLM-Omni takes forms only. */
  acceptJson: boolean
  random: () => number
  faults: () => Faults
  /** Ends every wait. */
  signal: AbortSignal
}

/** One request to the API and the place for its answer; `seen` is its entry in the log. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  seen: SeenRequest
}

export interface Wire {
  /** Whatever asks for a new video. */
  isSubmit: (method: string, path: string) => boolean
  /** Serves one request; rejects with `Refusal` for answers that are errors. */
  serve: (exchange: Exchange, url: URL) => Promise<void>
  refuse: (response: ServerResponse, status: number, message: string) => void
  /** Takes a WebSocket; a wire without any refuses all. */
  upgrade?: (request: IncomingMessage, socket: Duplex, url: URL) => void
}
