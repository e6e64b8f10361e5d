/**
 * LightX2V's server as its source has it, over an in-memory task store: jobs wait for their turn, a full queue and a
 * taken id are refused alike, and a job that is cancelled while it runs shows `cancelled` first and `failed` later.
 */
import type { Faults } from './faults.ts'
import { objectIn, type PlainRequest, type RestAnswer } from './rest-api.ts'

export interface LightX2vOptions {
  /** Mean time of a job; each takes up to a fifth more or less. */
  jobSeconds: number
  random: () => number
  faults: () => Faults
  /** Unix ms. */
  now: () => number
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
  /** Jobs that run at a time: one a server. */
  servers: number
  /** Jobs that wait or run, at most. */
  maxQueueSize: number
}

export interface LightX2v {
  answer: (request: PlainRequest) => RestAnswer
  isSubmit: (method: string, path: string) => boolean
}

interface Task {
  id: string
  path: string
  createdAt: number
  startsAt: number
  endsAt: number
  error: string | null
  cancelledAt: number | null
}

type Status = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled'

/** Kept at most; the oldest that have ended go first. */
const KEPT = 1000
/** Between a cancel and the step of the model at which its worker sees it. */
const STEP_MS = 1000
const OUT_OF_MEMORY = 'CUDA out of memory. Tried to allocate 2.50 GiB'

export function createLightX2v(options: LightX2vOptions): LightX2v {
  const { jobSeconds, random, faults, now, clip, servers, maxQueueSize } = options
  const tasks = new Map<string, Task>()

  const statusOf = (task: Task): Status => {
    const { cancelledAt, startsAt, endsAt, error } = task
    if (cancelledAt !== null) return cancelledAt >= startsAt && now() >= cancelledAt + STEP_MS ? 'failed' : 'cancelled'
    if (now() < startsAt) return 'pending'
    return now() < endsAt ? 'processing' : error === null ? 'completed' : 'failed'
  }
  const isActive = (task: Task) => ['pending', 'processing'].includes(statusOf(task))

  const submit = (body: string): RestAnswer => {
    if (random() < faults().error_rate) return told(500, { detail: 'CUDA error: device-side assert triggered' })
    const message = objectIn(body)
    if (!message) return told(422, { detail: [{ type: 'json_invalid', loc: ['body', 1], msg: 'JSON decode error' }] })
    for (const name of ['prompt', 'task_id', 'image_path', 'save_result_path']) {
      if (!['string', 'undefined'].includes(typeof message[name]))
        return told(422, {
          detail: [{ type: 'string_type', loc: ['body', name], msg: 'Input should be a valid string' }],
        })
    }
    const { task_id: chosen, image_path: image = '', save_result_path: path = '' } = message as Record<string, string>
    // The server wraps its own refusal once more.
    if (image.startsWith('http://unreachable'))
      return told(500, { detail: `400: Image URL is not accessible: ${image}` })
    if (chosen !== undefined && tasks.has(chosen)) return told(503, { detail: `Task ID ${chosen} already exists` })
    const active = [...tasks.values()].filter(isActive)
    if (active.length >= maxQueueSize) return told(503, { detail: `Task queue is full (max ${maxQueueSize} tasks)` })
    const task = newTask(chosen ?? newId(), path, active)
    tasks.set(task.id, task)
    forgetOld()
    return told(200, { task_id: task.id, task_status: 'pending', save_result_path: task.path })
  }

  const newTask = (id: string, path: string, active: readonly Task[]): Task => {
    const takesMs = 1000 * (faults().job_seconds ?? jobSeconds * (0.8 + 0.4 * random()))
    // Its turn comes when so many have ended that one server is free.
    const before = active.map(({ endsAt }) => endsAt).toSorted((a, b) => b - a)[servers - 1] ?? 0
    const startsAt = Math.max(now(), before)
    const error = random() < faults().job_failure_rate ? OUT_OF_MEMORY : null
    return { id, path: path || id, createdAt: now(), startsAt, endsAt: startsAt + takesMs, error, cancelledAt: null }
  }

  const forgetOld = () => {
    for (const [id, task] of tasks) {
      if (tasks.size <= KEPT) return
      if (!isActive(task)) tasks.delete(id)
    }
  }

  const show = (task: Task) => {
    const status = statusOf(task)
    const wasRunning = status === 'failed' && task.cancelledAt !== null
    const end = status === 'pending' || status === 'processing' ? null : (task.cancelledAt ?? task.endsAt)
    const error = wasRunning
      ? 'Task cancelled during processing'
      : status === 'cancelled'
        ? 'Task cancelled by user'
        : status === 'failed'
          ? task.error
          : null
    return {
      task_id: task.id,
      status,
      start_time: localTime(now() < task.startsAt ? task.createdAt : task.startsAt),
      end_time: end === null ? null : localTime(wasRunning ? end + STEP_MS : end),
      error,
      error_type: status === 'failed' && !wasRunning ? 'OutOfMemoryError' : null,
      save_result_path: status === 'completed' ? `/data/outputs/${task.path}.mp4` : task.path,
    }
  }

  const result = (task: Task): RestAnswer => {
    if (statusOf(task) !== 'completed') return told(404, { detail: 'Task not completed' })
    const headers = {
      'content-type': 'video/mp4',
      'content-disposition': `attachment; filename="${task.path}.mp4"`,
    }
    const file = faults().empty_content ? new Uint8Array() : clip(task.id)
    return { status: 200, body: null, file, headers }
  }

  const stop = (task: Task | undefined): RestAnswer => {
    if (!task || ['completed', 'failed'].includes(statusOf(task)))
      return told(200, { stop_status: 'do_nothing', reason: 'Task not found or already completed.' })
    task.cancelledAt ??= now()
    return told(200, { stop_status: 'success', reason: 'Task stopped successfully.' })
  }

  const queue = () => {
    const active = [...tasks.values()].filter(isActive)
    const running = active.filter((task) => statusOf(task) === 'processing')
    return {
      is_processing: running.length > 0,
      current_task: running[0]?.id ?? null,
      pending_count: active.length - running.length,
      active_count: active.length,
      queue_size: maxQueueSize,
      queue_available: maxQueueSize - active.length,
    }
  }

  const answer = ({ method, url, body }: PlainRequest): RestAnswer => {
    const path = url.pathname
    if (path === '/health') return told(200, { status: 'ok' })
    if (method === 'POST' && /^\/v1\/tasks\/(video\/)?$/.test(path)) return submit(body)
    // FastAPI sends a submit without its slash to an address made of the host that it was asked by.
    if (method === 'POST' && path === '/v1/tasks/video')
      return { ...told(307, null), headers: { location: `${url.origin}/v1/tasks/video/` } }
    if (path === '/v1/tasks/' && method === 'GET')
      return told(200, Object.fromEntries([...tasks].map(([id, task]) => [id, show(task)])))
    if (path === '/v1/tasks/queue/status' && method === 'GET') return told(200, queue())
    const [, id, below = ''] = /^\/v1\/tasks\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? []
    const task = id === undefined ? undefined : tasks.get(decodeURIComponent(id))
    const asked = id === undefined ? '' : `${method} ${below}`
    if (asked === 'DELETE ') return stop(task)
    if (asked !== 'GET status' && asked !== 'GET result') return told(404, { detail: 'Not Found' })
    if (!task) return told(404, { detail: 'Task not found' })
    return asked === 'GET status' ? told(200, show(task)) : result(task)
  }

  return { answer, isSubmit: (method, path) => method === 'POST' && path.startsWith('/v1/tasks/') }
}

/** Without a zone. */
function localTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1)
}

/** `XXXX-XXXX-XXXX-XXXX-XXXX` of capitals and digits. */
function newId(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  const four = () => Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => letters[byte % 36]).join('')
  return [four(), four(), four(), four(), four()].join('-')
}

function told(status: number, body: unknown): RestAnswer {
  return { status, body }
}
