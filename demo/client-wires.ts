/**
 * How a client of each wire asks for a video, waits for it and finds it: what the demo's traffic sends, and what the
 * release in front of it needs. None knows that there is a gateway.
 */
import { detail, SluiceError } from '../src/core/errors.ts'
import type { Arm } from '../src/core/arm.ts'

/** What a submit asks for; `model` is the client's name for it. */
export interface Wanted {
  model: string
  prompt: string
  seconds: number
}

export interface Call {
  path: string
  /** A form's fields, or JSON. */
  body: { form: Record<string, string> } | { json: object }
  headers?: Record<string, string>
}

/** Where the video is, why there is none, or where the job's end is told; a path or a URL. */
export type End = { video: string } | { failure: string } | { result: string }

export interface ClientWire<Answer = unknown> {
  /** Its paths at the gateway. */
  paths: string[]
  /** Names of the model; empty where nobody names one. */
  models: Record<'client' | Arm, string>
  /** The backends' name for it, and the scenario's that declares it, where it is no protocol of its own. */
  declared?: 'runpod' | 'openrouter'
  submit(wanted: Wanted): Call
  /** Of the answer to a submit. */
  id(answer: Answer): string
  poll(id: string, model: string): string
  /** Null while it goes on. */
  end(answer: Answer, id: string): End | null
}

type Status = { id: string; status: string }

const openaiVideos: ClientWire<Status & { error?: { message?: string } | null }> = {
  paths: ['/v1/videos'],
  models: { client: 'wan-t2v', control: 'wan2.1-t2v-14b', candidate: 'wan2.2-t2v-a14b' },
  submit: ({ model, prompt, seconds }) => ({
    path: '/v1/videos',
    body: { form: { prompt, model, seconds: String(seconds), size: '832x480' } },
  }),
  id: ({ id }) => id,
  poll: (id) => `/v1/videos/${id}`,
  end: ({ status, error }, id) =>
    status === 'completed'
      ? { video: `/v1/videos/${id}/content` }
      : status === 'failed'
        ? { failure: error?.message ?? status }
        : null,
}

const fal: ClientWire<{ request_id: string; status?: string; response_url: string; video?: { url: string } }> = {
  paths: ['/fal-ai'],
  models: { client: 'fal-ai/wan/text-to-video', control: 'fal-ai/wan/v2.1', candidate: 'fal-ai/wan/v2.2-a14b' },
  submit: ({ model, prompt, seconds }) => ({
    path: `/${model}`,
    body: { json: { prompt, num_frames: 16 * seconds + 1 } },
  }),
  id: ({ request_id: id }) => id,
  // Below the app, whichever of its models made it.
  poll: (id, model) => `/${model.split('/').slice(0, 2).join('/')}/requests/${id}/status`,
  end: ({ status, response_url: result, video }) =>
    video ? { video: video.url } : status === 'COMPLETED' ? { result } : null,
}

const replicate: ClientWire<Status & { output: string; error: string | null }> = {
  paths: ['/v1/predictions', '/v1/models'],
  models: { client: 'wan-video/wan', control: 'wan-video/wan-2.1-t2v', candidate: 'wan-video/wan-2.2-t2v' },
  submit: ({ model, prompt, seconds }) => ({
    path: `/v1/models/${model}/predictions`,
    body: { json: { input: { prompt, num_frames: 16 * seconds + 1 } } },
  }),
  id: ({ id }) => id,
  poll: (id) => `/v1/predictions/${id}`,
  end: ({ status, output, error }) =>
    status === 'succeeded'
      ? { video: output }
      : ['failed', 'canceled', 'aborted'].includes(status)
        ? { failure: error ?? status }
        : null,
}

const dashscope: ClientWire<{
  output: { task_id: string; task_status: string; video_url: string; message?: string }
}> = {
  paths: ['/api/v1'],
  models: { client: 'wan-t2v', control: 'wanx2.1-t2v-plus', candidate: 'wan2.2-t2v-plus' },
  submit: ({ model, prompt, seconds: duration }) => ({
    path: '/api/v1/services/aigc/video-generation/video-synthesis',
    headers: { 'x-dashscope-async': 'enable' },
    body: { json: { model, input: { prompt }, parameters: { size: '832*480', duration } } },
  }),
  id: ({ output }) => output.task_id,
  poll: (id) => `/api/v1/tasks/${id}`,
  end: ({ output: { task_status: status, video_url: video, message } }) =>
    status === 'SUCCEEDED'
      ? { video }
      : ['FAILED', 'CANCELED', 'UNKNOWN'].includes(status)
        ? { failure: message ?? status }
        : null,
}

const lightx2v: ClientWire<{ task_id: string; status?: string; error: string | null }> = {
  paths: ['/v1/tasks'],
  // A server has one model.
  models: { client: '', control: '', candidate: '' },
  submit: ({ prompt, seconds }) => ({
    path: '/v1/tasks/video/',
    body: { json: { prompt, infer_steps: 4, target_video_length: 16 * seconds + 1 } },
  }),
  id: ({ task_id: id }) => id,
  poll: (id) => `/v1/tasks/${id}/status`,
  end: ({ status, error }, id) =>
    status === 'completed'
      ? { video: `/v1/tasks/${id}/result` }
      : status === 'failed' || status === 'cancelled'
        ? { failure: error ?? status }
        : null,
}

interface ComfyHistory {
  outputs: Record<string, { images?: Record<string, string>[] }>
  status: { status_str: string; messages: [string, { exception_message?: string }][] }
}

const comfyui: ClientWire<Record<string, unknown>> = {
  paths: ['/prompt', '/history', '/queue', '/interrupt', '/view', '/ws'],
  models: { client: 'wan2.1.safetensors', control: 'wan2.1.safetensors', candidate: 'wan2.2.safetensors' },
  submit: ({ model, prompt, seconds }) => {
    const graph = {
      '6': { class_type: 'CLIPTextEncode', inputs: { text: prompt } },
      '37': { class_type: 'UNETLoader', inputs: { unet_name: model } },
      '40': { class_type: 'EmptyHunyuanLatentVideo', inputs: { width: 832, height: 480, length: 16 * seconds + 1 } },
      '57': { class_type: 'KSampler', inputs: { seed: 7, positive: ['6', 0], model: ['37', 0] } },
      '61': { class_type: 'SaveVideo', inputs: { filename_prefix: 'video/ComfyUI' } },
    }
    return { path: '/prompt', body: { json: { prompt: graph } } }
  },
  id: ({ prompt_id: id }) => id as string,
  poll: (id) => `/history/${id}`,
  end: (history, id) => {
    // It has jobs that are over only.
    const job = history[id] as ComfyHistory | undefined
    if (!job) return null
    const [file] = Object.values(job.outputs).flatMap(({ images = [] }) => images)
    if (job.status.status_str === 'success' && file) return { video: `/view?${new URLSearchParams(file).toString()}` }
    const [, error] = job.status.messages.find(([event]) => event === 'execution_error') ?? []
    return { failure: error?.exception_message ?? job.status.status_str }
  },
}

const runpod: ClientWire<Status & { output: { video_url: string }; error?: string }> = {
  paths: ['/v2/wan'],
  models: { client: 'wan', control: 'wan21endpoint', candidate: 'wan22endpoint' },
  declared: 'runpod',
  submit: ({ model, prompt, seconds }) => ({
    path: `/v2/${model}/run`,
    body: { json: { input: { prompt, num_frames: 16 * seconds + 1 } } },
  }),
  id: ({ id }) => id,
  poll: (id, model) => `/v2/${model}/status/${id}`,
  end: ({ status, output, error }) =>
    status === 'COMPLETED'
      ? { video: output.video_url }
      : ['FAILED', 'TIMED_OUT', 'CANCELLED'].includes(status)
        ? { failure: error ?? status }
        : null,
}

const openrouter: ClientWire<Status & { unsigned_urls?: string[]; error?: string }> = {
  paths: ['/api/v1/videos'],
  models: { client: 'wan', control: 'alibaba/wan-2.1', candidate: 'alibaba/wan-2.2' },
  declared: 'openrouter',
  submit: ({ model, prompt, seconds: duration }) => ({
    path: '/api/v1/videos',
    body: { json: { model, prompt, duration, resolution: '480p' } },
  }),
  id: ({ id }) => id,
  poll: (id) => `/api/v1/videos/${id}`,
  end: ({ status, unsigned_urls: [video] = [], error }) =>
    status === 'completed' && video !== undefined
      ? { video }
      : ['failed', 'expired', 'cancelled'].includes(status)
        ? { failure: error ?? status }
        : null,
}

/** By the names that `--protocol` takes: those of `protocol` in a release, and a second wire that releases declare. */
export const CLIENT_WIRES = {
  'openai-videos': openaiVideos,
  fal,
  replicate,
  dashscope,
  lightx2v,
  comfyui,
  jobs: runpod,
  openrouter,
} satisfies Record<string, ClientWire>

export type WireName = keyof typeof CLIENT_WIRES

/** Throws `invalid_request` with the choices for a name that is none of them. */
export function wireNamed(name: string): WireName {
  if (Object.hasOwn(CLIENT_WIRES, name)) return name as WireName
  const choices = Object.keys(CLIENT_WIRES).join(', ')
  const message = `"${name}" is no wire of the demo; choose one of ${choices}`
  throw new SluiceError('invalid_request', message, {
    details: [detail('--protocol', 'not_one_of', message, { choices, given: name })],
  })
}
