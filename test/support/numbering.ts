/** How a backend answers that numbers its jobs v_1, v_2, …, as another one may, and makes a video of the prompt's text. */
import type { ServerResponse } from 'node:http'
import { type Call, type Handler, sendJson } from './odd-backend.ts'

export interface Numbering {
  handler: Handler
  /** What new jobs come to, and after how long. */
  fails: boolean
  jobMs: number
  /** Polls are never answered. */
  hangs: boolean
  /** Answers of the next submits instead of a job; then jobs again. */
  refusals: number[]
  /** A submit is answered so much later; its job is made at once. */
  acceptMs: number
}

interface Made {
  at: number
  prompt: string
  fails: boolean
  jobMs: number
}

export function numbering(): Numbering {
  const jobs = new Map<string, Made>()
  const state: Numbering = { handler, fails: false, jobMs: 0, hangs: false, refusals: [], acceptMs: 0 }

  function handler(call: Call, response: ServerResponse): void {
    const { pathname } = new URL(call.path, 'http://backend')
    const [, id, below] = /\/v1\/videos(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname) ?? []
    if (call.method === 'POST') return made(call, response, id)
    const job = id === undefined ? undefined : jobs.get(id)
    if (!job) return sendJson(response, 404, { error: { message: 'no such job' } })
    if (call.method === 'DELETE') {
      jobs.delete(id!)
      return sendJson(response, 200, { id, object: 'video.deleted', deleted: true })
    }
    if (state.hangs) return
    if (below === undefined) return sendJson(response, 200, shown(id!, job))
    if (statusOf(job) !== 'completed') return sendJson(response, 404, { error: { message: 'not ready' } })
    response.writeHead(200, { 'content-type': 'video/mp4' }).end(`video of ${job.prompt}`)
  }

  function made(call: Call, response: ServerResponse, source: string | undefined): void {
    const refusal = state.refusals.shift()
    if (refusal !== undefined) return sendJson(response, refusal, { error: { message: 'not now' } })
    if (source !== undefined && (jobs.get(source)?.fails ?? true))
      return sendJson(response, 400, { error: { message: 'the source has no video' } })
    const id = `v_${jobs.size + 1}`
    const job = { at: Date.now(), prompt: promptOf(call), fails: state.fails, jobMs: state.jobMs }
    jobs.set(id, job)
    setTimeout(() => sendJson(response, 200, shown(id, job)), state.acceptMs)
  }

  return state
}

/** The prompt of a submit, multipart or JSON. */
export function promptOf({ body }: Call): string {
  const text = body.toString()
  return /name="prompt"\r\n\r\n([^\r]*)/.exec(text)?.[1] ?? /"prompt":"([^"]*)"/.exec(text)?.[1] ?? ''
}

function statusOf({ at, fails, jobMs }: Made): string {
  if (Date.now() < at + jobMs) return 'in_progress'
  return fails ? 'failed' : 'completed'
}

function shown(id: string, job: Made): Record<string, unknown> {
  const status = statusOf(job)
  const error = status === 'failed' ? { code: 'oom', message: 'CUDA out of memory' } : null
  return { id, object: 'video', model: 'numbered', status, progress: 50, error, prompt: job.prompt }
}
