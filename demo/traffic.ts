/**
 * Steady traffic as clients of a text-to-video API make it: submit, poll to the end, download.
 * Open loop: submits start on time however long jobs take, up to a bound of jobs at once. A machine that is too busy to
 * answer gets fewer, for what it can't serve would count against the candidate.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type Call, CLIENT_WIRES, type ClientWire, type WireName } from './client-wires.ts'

export interface TrafficOptions {
  gatewayUrl: string
  /** Submits a second. */
  ratePerSecond: number
  /** Users, at least one, taken in turn; each is sent as `x-user-id`. */
  subjects: readonly string[]
  /** Ends the traffic at once; what it cuts off counts nowhere. */
  signal: AbortSignal
  onEvent?: (event: TrafficEvent) => void
  /** What its clients speak; `openai-videos` by default. */
  wire?: WireName
  /** Between two polls of a job; 500 by default. */
  pollMs?: number
  /** Jobs followed at once, 200 by default; a submit beyond it is skipped and counted. */
  maxInFlight?: number
  /** Calls of all kinds without an answer, 16 by default; a submit beyond it is skipped and counted, too. */
  maxUnanswered?: number
}

export type TrafficEvent =
  | { kind: 'submitted'; subject: string; arm: string; id: string }
  | { kind: 'completed'; subject: string; arm: string; id: string; seconds: number; bytes: number }
  | { kind: 'failed'; subject: string; arm: string; id: string | null; step: Step; why: string }
  | { kind: 'skipped'; subject: string }

type Step = 'submit' | 'poll' | 'job' | 'content'

export interface TrafficCounters {
  submits: number
  /** By `x-sluice-arm`; `unknown` where the answer names none. */
  submitsByArm: Record<string, number>
  completed: number
  /** Where each job that went wrong did so. */
  failed: Record<Step, number>
  /** Submits that were due while `maxInFlight` jobs were open or `maxUnanswered` calls had no answer. */
  skipped: number
}

const PROMPTS = [
  'a red fox runs through snow',
  'a lighthouse in fog, slow pan',
  '雨夜的霓虹街道，镜头缓慢推进',
  'waves break on black sand',
]
/** One download in this many is made in two ranges. */
const RANGED_ONE_IN = 4

/** Resolves with the counters once `signal` is aborted; never rejects for what a server does. */
export async function runTraffic(options: TrafficOptions): Promise<TrafficCounters> {
  const { ratePerSecond, subjects, signal, onEvent, maxInFlight = 200, maxUnanswered = 16 } = options
  const counters: TrafficCounters = {
    submits: 0,
    submitsByArm: {},
    completed: 0,
    failed: { submit: 0, poll: 0, job: 0, content: 0 },
    skipped: 0,
  }
  const open = new Set<Promise<void>>()
  const calls: Calls = { unanswered: 0 }
  const tell = (event: TrafficEvent) => {
    if (event.kind === 'submitted') counters.submitsByArm[event.arm] = (counters.submitsByArm[event.arm] ?? 0) + 1
    else if (event.kind === 'completed') counters.completed++
    else if (event.kind === 'failed') counters.failed[event.step]++
    else counters.skipped++
    onEvent?.(event)
  }
  // Every open request listens to it, and Node would warn of a leak from the eleventh on.
  setMaxListeners(0, signal)
  const began = performance.now()
  for (let n = 0; !signal.aborted; n++) {
    const dueMs = began + (n * 1000) / ratePerSecond
    await quietly(delay(Math.max(0, dueMs - performance.now()), undefined, { signal }))
    if (signal.aborted) break
    const subject = subjects[n % subjects.length] as string
    if (open.size >= maxInFlight || calls.unanswered >= maxUnanswered) {
      tell({ kind: 'skipped', subject })
      continue
    }
    counters.submits++
    const job = oneJob(options, calls, subject, n, tell).finally(() => open.delete(job))
    open.add(job)
  }
  await Promise.all(open)
  return counters
}

interface Calls {
  unanswered: number
}

async function oneJob(
  options: TrafficOptions,
  calls: Calls,
  subject: string,
  n: number,
  tell: (event: TrafficEvent) => void,
): Promise<void> {
  const { gatewayUrl, signal, wire: name = 'openai-videos', pollMs = 500 } = options
  const wire: ClientWire = CLIENT_WIRES[name]
  const model = wire.models.client
  const began = performance.now()
  let arm = 'unknown'
  let id: string | null = null
  let step: Step = 'submit'
  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { 'x-user-id': subject, ...(init.headers as Record<string, string> | undefined) }
    calls.unanswered++
    const asked = fetch(new URL(path, gatewayUrl), { ...init, headers, signal })
    const response = await asked.finally(() => calls.unanswered--)
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${(await response.text()).slice(0, 200)}`)
    return response
  }
  try {
    const prompt = PROMPTS[n % PROMPTS.length] as string
    const asked = wire.submit({ model, prompt, seconds: n % 3 === 0 ? 8 : 4 })
    const submitted = await call(asked.path, posted(asked))
    arm = submitted.headers.get('x-sluice-arm') ?? arm
    let job: unknown = await submitted.json()
    id = wire.id(job)
    tell({ kind: 'submitted', subject, arm, id })
    step = 'poll'
    let end = wire.end(job, id)
    while (end === null) {
      await delay(pollMs, undefined, { signal })
      job = await (await call(wire.poll(id, model))).json()
      end = wire.end(job, id)
    }
    step = 'job'
    if ('result' in end) end = wire.end(await (await call(end.result)).json(), id)
    if (end === null || !('video' in end)) throw new Error(end && 'failure' in end ? end.failure : 'it told no end')
    step = 'content'
    const { video } = end
    const bytes = await download((init) => call(video, init), n % RANGED_ONE_IN === 0)
    tell({ kind: 'completed', subject, arm, id, seconds: (performance.now() - began) / 1000, bytes })
  } catch (error) {
    // What the end of the traffic cut off is nobody's failure.
    if (!signal.aborted)
      tell({ kind: 'failed', subject, arm, id, step, why: error instanceof Error ? error.message : String(error) })
  }
}

function posted({ body, headers = {} }: Call): RequestInit {
  if ('json' in body) {
    const typed = { 'content-type': 'application/json', ...headers }
    return { method: 'POST', headers: typed, body: JSON.stringify(body.json) }
  }
  const form = new FormData()
  for (const [name, value] of Object.entries(body.form)) form.append(name, value)
  return { method: 'POST', headers, body: form }
}

/** The number of bytes, which must be a video's. */
async function download(call: (init?: RequestInit) => Promise<Response>, inRanges: boolean): Promise<number> {
  const parts = inRanges ? ['bytes=0-1023', 'bytes=1024-'] : [null]
  let length = 0
  for (const range of parts) {
    const response = await call(range === null ? {} : { headers: { range } })
    length += (await response.arrayBuffer()).byteLength
    // A server that does not do ranges has sent the whole.
    if (response.status === 200) break
  }
  if (length === 0) throw new Error('the video is empty')
  return length
}

async function quietly(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // Only the signal ends a delay early, and the loop looks at it next.
  }
}
