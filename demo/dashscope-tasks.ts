/**
 * Model Studio's asynchronous tasks as its documentation tells them, over an in-memory store, with its own faults: what
 * is wrong with a request is often told by the task only, under HTTP 200, and errors are flat. Listens on no port.
 */
import { objectIn, type RestAnswer, type RestRequest } from './rest-api.ts'
import { createTimedJobs, type TimedJob, type TimedOptions } from './timed-jobs.ts'

export interface DashscopeOptions extends TimedOptions {
  /** The models that it runs. */
  models: readonly string[]
  /** The video of a finished job. */
  clip: (id: string) => Uint8Array
  /** Tasks that may wait or run at a time; any number by default. */
  quota?: number
  /** Where finished videos are; by default where this server was reached. */
  store?: string
}

export interface Dashscope {
  answer: (request: RestRequest) => RestAnswer
  isSubmit: (method: string, path: string) => boolean
}

interface Failure {
  code: string
  message: string
}

interface Asked {
  model: string
  prompt: unknown
  seconds: number
  requestId: string
}
type Task = TimedJob & Asked

type Status = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED'

const SUBMIT = /^\/api\/v1\/services\/aigc\/(video-generation|image2video)\/video-synthesis$/
const CHINA_MS = 8 * 3_600_000
const OUT_OF_MEMORY = { code: 'InternalError.Algo', message: 'CUDA out of memory. Tried to allocate 2.50 GiB' }
const REFUSED = { code: 'DataInspectionFailed', message: 'Input data may contain inappropriate content.' }

export function createDashscope(options: DashscopeOptions): Dashscope {
  const { models, faults, clip, quota = Infinity, store } = options
  const tasks = createTimedJobs<Asked>(options)

  const statusOf = (task: Task): Status => {
    const phase = tasks.phaseOf(task)
    if (phase === 'ended') return failureOf(task) ? 'FAILED' : 'SUCCEEDED'
    return phase === 'cancelled' ? 'CANCELED' : phase === 'queued' ? 'PENDING' : 'RUNNING'
  }
  const isActive = (task: Task) => ['PENDING', 'RUNNING'].includes(statusOf(task))

  const submit = ({ headers, body }: RestRequest): RestAnswer => {
    if (headers.get('x-dashscope-async') !== 'enable')
      return refused(403, 'AccessDenied', 'current user api does not support synchronous calls')
    if (tasks.isRefused())
      return refused(
        500,
        'InternalError',
        'An internal error has occured, please try again later or contact service support.',
      )
    const sent = objectIn(body)
    if (!sent) return refused(400, 'InvalidParameter', 'Required body invalid, please check the request body format.')
    const { model } = sent
    if (typeof model !== 'string' || !models.includes(model))
      return refused(400, 'InvalidParameter', 'Model not exist.')
    const prompt = memberOf(sent, 'input')['prompt']
    if (typeof prompt === 'string' && prompt.includes('forbidden')) return refused(400, REFUSED.code, REFUSED.message)
    if (tasks.all().filter(isActive).length >= quota)
      return refused(429, 'Throttling.RateQuota', 'Requests rate limit exceeded, please try again later.')
    const { duration } = memberOf(sent, 'parameters')
    const seconds = typeof duration === 'number' ? duration : 5
    const task = tasks.add({ model, prompt, seconds, requestId: crypto.randomUUID() })
    return told(200, { output: { task_status: 'PENDING', task_id: task.id }, request_id: task.requestId })
  }

  const show = (task: Task, origin: string) => {
    const status = statusOf(task)
    const { id, createdAtMs, startsAtMs, prompt, seconds } = task
    const hasStarted = status !== 'PENDING' && status !== 'CANCELED'
    const hasEnded = !isActive(task)
    const video = {
      orig_prompt: String(prompt),
      video_url: `${store ?? origin}/oss/${id}.mp4?Expires=1924905600&OSSAccessKeyId=demo&Signature=c2lnbmVk%3D`,
    }
    return {
      request_id: crypto.randomUUID(),
      output: {
        task_id: id,
        task_status: status,
        submit_time: chinaTime(createdAtMs),
        ...(hasStarted ? { scheduled_time: chinaTime(startsAtMs) } : {}),
        ...(hasEnded ? { end_time: chinaTime(task.cancelledAtMs ?? task.endsAtMs) } : {}),
        ...(status === 'SUCCEEDED' ? video : {}),
        ...(status === 'FAILED' ? failureOf(task) : {}),
      },
      ...(status === 'SUCCEEDED' ? { usage: { video_duration: seconds, video_count: 1, size: '832*480' } } : {}),
    }
  }

  const list = (query: URLSearchParams): RestAnswer => {
    const page = Number(query.get('page_no') ?? 1)
    const size = Number(query.get('page_size') ?? 10)
    const wanted = query.get('status')
    const all = tasks
      .all()
      .toReversed()
      .filter((task) => wanted === null || statusOf(task) === wanted)
    const data = all.slice((page - 1) * size, page * size).map((task) => ({
      api_key_id: '1',
      caller_parent_id: '1',
      caller_uid: '1',
      gmt_create: task.createdAtMs,
      start_time: task.startsAtMs,
      ...(isActive(task) ? {} : { end_time: task.cancelledAtMs ?? task.endsAtMs }),
      model_name: task.model,
      region: 'cn-beijing',
      request_id: task.requestId,
      status: statusOf(task),
      task_id: task.id,
      user_api_unique_key: `apikey:v1:aigc:video-generation:video-synthesis:${task.model}`,
    }))
    const total_page = Math.ceil(all.length / size)
    const request_id = crypto.randomUUID()
    return told(200, { total: all.length, data, total_page, page_no: page, request_id, page_size: size })
  }

  const cancel = (task: Task | undefined): RestAnswer => {
    if (!task || statusOf(task) !== 'PENDING')
      return refused(
        400,
        'UnsupportedOperation',
        'Failed to cancel the task, please confirm if the task is in PENDING status.',
      )
    tasks.cancel(task)
    return told(200, { request_id: crypto.randomUUID() })
  }

  const answer = (request: RestRequest): RestAnswer => {
    const { method, url } = request
    const path = url.pathname
    if (method === 'POST' && SUBMIT.test(path)) return submit(request)
    if (method === 'GET' && path === '/api/v1/tasks/') return list(url.searchParams)
    const [, file] = /^\/oss\/([\w-]+)\.mp4$/.exec(path) ?? []
    const filmed = file === undefined ? undefined : tasks.find(file)
    if (method === 'GET' && filmed) {
      const bytes = faults().empty_content ? new Uint8Array() : clip(filmed.id)
      return { status: 200, headers: { 'content-type': 'video/mp4' }, body: null, file: bytes }
    }
    const [, id, action] = /^\/api\/v1\/tasks\/([^/]+)(\/cancel)?$/.exec(path) ?? []
    if (id === undefined) return refused(404, 'NotFound', 'url error, please check url!')
    const task = tasks.find(id)
    if (method === 'POST' && action !== undefined) return cancel(task)
    if (method !== 'GET' || action !== undefined)
      return refused(405, 'MethodNotAllowed', 'Request method is not supported.')
    // It knows no task that is not there any more, and says so as of a task.
    if (!task) return told(200, { request_id: crypto.randomUUID(), output: { task_id: id, task_status: 'UNKNOWN' } })
    return told(200, show(task, url.origin))
  }

  return { answer, isSubmit: (method, path) => method === 'POST' && SUBMIT.test(path) }
}

/** Only the worker looks at what it is to make. */
function failureOf({ prompt, fails }: Task): Failure | null {
  if (typeof prompt !== 'string') return { code: 'InvalidParameter', message: 'Field required: input.prompt' }
  if (prompt.includes('indecent')) return { ...REFUSED, message: 'Output data may contain inappropriate content.' }
  return fails ? OUT_OF_MEMORY : null
}

function told(status: number, body: unknown): RestAnswer {
  return { status, body }
}

function refused(status: number, code: string, message: string): RestAnswer {
  return told(status, { code, message, request_id: crypto.randomUUID() })
}

/** As Beijing's clocks show it, which goes without saying. */
function chinaTime(ms: number): string {
  return new Date(ms + CHINA_MS).toISOString().slice(0, -1).replace('T', ' ')
}

function memberOf(body: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = body[name]
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
}
