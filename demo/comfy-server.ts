/**
 * ComfyUI's server as its source has it: a queue, a history, files by name and what its sockets are told, with faults in
 * its own way. Jobs don't wait for each other, as if each had a GPU. Listens on no port, and moves on when `tick` is called.
 */
import { checkGraph, type Graph } from './comfy-graph.ts'
import { asJob, type ComfyJob as Job, historyEntry, queueItem } from './comfy-job.ts'
import type { Faults } from './faults.ts'
import { objectIn } from './rest-api.ts'

export interface ComfyOptions {
  /** Files that its loaders know. */
  models: readonly string[]
  /** Mean time of a job; each takes up to a fifth more or less. */
  jobSeconds: number
  random: () => number
  faults: () => Faults
  /** Unix ms. */
  now: () => number
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
  /** As builds of before 2025: each id is its own, and an interrupt stops whatever runs. */
  isOld?: boolean
}

export interface ComfyRequest {
  method: string
  url: URL
  body: string
}

export interface ComfyAnswer {
  status: number
  headers: Record<string, string>
  /** JSON; undefined for none. */
  body?: unknown
  /** Plain text. */
  text?: string
  file?: Uint8Array
}

/** To one client, text or bytes. */
export type Send = (message: string | Uint8Array) => void

const QUEUED_SHARE = 0.1
/** Of the sampler; each is told and shows a preview. */
const STEPS = 4
const MAX_JOBS = 20_000
const OUT_OF_MEMORY = 'Allocation on device 0 would exceed allowed memory. (out of memory)'
/** Event 1 (a preview), format 1 (JPEG), and the picture's first bytes. */
const PREVIEW = Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xd8, 0xff, 0xe0])

export function createComfyServer(options: ComfyOptions) {
  const { models, jobSeconds, random, faults, now, clip, isOld = false } = options
  const known = new Set(models)
  const jobs = new Map<string, Job>()
  const files = new Map<string, Job>()
  const images = new Set<string>()
  const sockets = new Map<string, Send>()
  let [number, count] = [0, 0]

  const tell = (sid: unknown, type: string, data: object) => {
    const message = JSON.stringify({ type, data })
    if (typeof sid === 'string') sockets.get(sid)?.(message)
    else for (const send of sockets.values()) send(message)
  }
  const remaining = () => [...jobs.values()].filter(({ state }) => state !== 'done').length
  const queueInfo = () => ({ exec_info: { queue_remaining: remaining() } })
  const queueUpdated = () => tell(null, 'status', { status: queueInfo() })

  /** An event that the history keeps as well. */
  const record = (job: Job, event: string, more: object, atMs: number) => {
    const data = { prompt_id: job.id, ...more, timestamp: Math.floor(atMs) }
    job.messages.push([event, data])
    tell(job.extra['client_id'], event, data)
  }
  const about = (job: Job, event: string, data: object) =>
    tell(job.extra['client_id'], event, { ...data, prompt_id: job.id })

  const end = (job: Job, event: string, more: object) => {
    job.isGood = event === 'execution_success'
    job.state = 'done'
    record(job, event, more, Math.min(now(), job.endsAtMs))
    about(job, 'executing', { node: null })
    queueUpdated()
  }

  const finish = (job: Job) => {
    const node = job.outputs[0]!
    if (job.fails) {
      const error = { exception_type: 'torch.OutOfMemoryError', exception_message: OUT_OF_MEMORY, traceback: [] }
      return end(job, 'execution_error', { node_id: node, node_type: 'KSampler', executed: [], ...error })
    }
    for (const id of job.outputs) {
      const filename = `ComfyUI_${String(++count).padStart(5, '0')}_.mp4`
      files.set(filename, job)
      job.files[id] = { images: [{ filename, subfolder: 'video', type: 'output' }], animated: [true] }
      about(job, 'executed', { node: id, display_node: id, output: job.files[id] })
    }
    end(job, 'execution_success', {})
  }

  const tick = () => {
    // One moment for all of it: a job must not end before its last step is told.
    const at = now()
    for (const job of jobs.values()) {
      if (job.state === 'pending' && at >= job.startsAtMs) {
        job.state = 'running'
        record(job, 'execution_start', {}, job.startsAtMs)
        record(job, 'execution_cached', { nodes: [] }, job.startsAtMs)
      }
      if (job.state !== 'running') continue
      const share = Math.min(1, (at - job.startsAtMs) / Math.max(1, job.endsAtMs - job.startsAtMs))
      while (job.steps < Math.floor(share * STEPS)) {
        if (job.steps === 0) about(job, 'executing', { node: '57', display_node: '57' })
        about(job, 'progress', { value: ++job.steps, max: STEPS, node: '57' })
        const sid = job.extra['client_id']
        for (const [name, send] of sockets) if (typeof sid !== 'string' || sid === name) send(PREVIEW)
      }
      if (at >= job.endsAtMs) finish(job)
    }
  }

  const submit = (body: string): ComfyAnswer => {
    if (random() < faults().error_rate)
      return { status: 500, headers: {}, text: '500 Internal Server Error\n\nServer got itself in trouble' }
    const input = objectIn(body)
    const checked = checkGraph(input?.['prompt'], known, images)
    if ('refusal' in checked) return told(400, checked.refusal)
    const takesMs = 1000 * (faults().job_seconds ?? jobSeconds * (0.8 + 0.4 * random()))
    const at = now()
    const chosen = input!['prompt_id']
    const job: Job = {
      id: typeof chosen === 'string' && !isOld ? chosen : crypto.randomUUID(),
      number: number++,
      graph: input!['prompt'] as Graph,
      extra: { ...(input!['extra_data'] as object | undefined), ...(isOld ? {} : { create_time: Math.floor(at) }) },
      outputs: checked.outputs,
      startsAtMs: at + takesMs * QUEUED_SHARE,
      endsAtMs: at + takesMs,
      fails: random() < faults().job_failure_rate,
      steps: 0,
      state: 'pending',
      messages: [],
      files: {},
      isGood: false,
    }
    if (typeof input!['client_id'] === 'string') job.extra['client_id'] = input!['client_id']
    jobs.set(job.id, job)
    for (const oldest of jobs.keys()) {
      if (jobs.size <= MAX_JOBS) break
      jobs.delete(oldest)
    }
    queueUpdated()
    return told(200, { prompt_id: job.id, number: job.number, node_errors: {} })
  }

  const of = (state: Job['state']) => [...jobs.values()].filter((job) => job.state === state)

  const interrupt = (id: unknown) => {
    for (const job of of('running'))
      if (isOld || typeof id !== 'string' || job.id === id)
        end(job, 'execution_interrupted', { node_id: '57', executed: [] })
  }

  const remove = (body: Record<string, unknown>, states: readonly Job['state'][]) => {
    const ids = new Set(Array.isArray(body['delete']) ? (body['delete'] as unknown[]) : [])
    for (const job of states.flatMap(of)) if (body['clear'] === true || ids.has(job.id)) jobs.delete(job.id)
    queueUpdated()
  }

  const view = ({ searchParams: query }: URL): ComfyAnswer => {
    const filename = query.get('filename') ?? ''
    const made = files.get(filename)
    const isThere = made && (query.get('type') ?? 'output') === 'output' && query.get('subfolder') === 'video'
    if (!isThere) return { status: 404, headers: {} }
    const headers = { 'content-type': 'video/mp4', 'content-disposition': `filename="${filename}"` }
    return { status: 200, headers, file: faults().empty_content ? new Uint8Array() : clip(made.id) }
  }

  const answer = ({ method, url, body }: ComfyRequest): ComfyAnswer => {
    tick()
    const isApi = url.pathname.startsWith('/api/')
    const path = isApi ? url.pathname.slice(4) : url.pathname
    const [, word = '', id] = /^\/(\w+)(?:\/([^/]+))?$/.exec(path) ?? []
    const job = id === undefined ? undefined : jobs.get(decodeURIComponent(id))
    switch (`${method} ${word}${id === undefined ? '' : '/'}`) {
      case 'POST prompt':
        return submit(body)
      case 'GET prompt':
        return told(200, queueInfo())
      case 'GET history/':
        return told(200, job?.state === 'done' ? { [job.id]: historyEntry(job) } : {})
      case 'GET history':
        return told(200, Object.fromEntries(of('done').map((done) => [done.id, historyEntry(done)])))
      case 'GET queue':
        return told(200, { queue_running: of('running').map(queueItem), queue_pending: of('pending').map(queueItem) })
      case 'POST queue':
        remove(objectIn(body) ?? {}, ['pending'])
        return { status: 200, headers: {} }
      case 'POST history':
        remove(objectIn(body) ?? {}, ['done'])
        return { status: 200, headers: {} }
      case 'POST interrupt':
        interrupt(objectIn(body)?.['prompt_id'])
        return { status: 200, headers: {} }
      case 'GET view':
        return view(url)
      case 'GET jobs/':
        if (!isApi || isOld) break
        return job ? told(200, asJob(job)) : told(404, { error: 'Job not found' })
      case 'GET object_info':
        return told(200, { UNETLoader: { input: { required: { unet_name: [models] } } } })
    }
    return { status: 404, headers: {}, text: '404: Not Found' }
  }

  return {
    answer,
    tick,
    isSubmit: (method: string, path: string) => method === 'POST' && /^(\/api)?\/prompt$/.test(path),
    /** As `POST /upload/image` keeps an input. */
    upload: (name: string): ComfyAnswer => {
      images.add(name)
      return told(200, { name, subfolder: '', type: 'input' })
    },
    /** A socket, by the name that its client gave; ends what another had under the same. */
    connect: (clientId: string | null, send: Send): (() => void) => {
      const sid = clientId || crypto.randomUUID().replaceAll('-', '')
      sockets.set(sid, send)
      send(JSON.stringify({ type: 'status', data: { status: queueInfo(), sid } }))
      return () => void (sockets.get(sid) === send && sockets.delete(sid))
    },
  }
}

function told(status: number, body: unknown): ComfyAnswer {
  return { status, headers: {}, body }
}
