/**
 * Clients of wires whose jobs are tasks, each with nothing but its base URL changed: Model Studio's by the AI SDK and by
 * its documented calls, LightX2V's, RunPod's and OpenRouter's by their documented calls. None knows that there is a gateway.
 */
import { createAlibaba } from '@ai-sdk/alibaba'
import { experimental_generateVideo as generateVideo } from 'ai'
import { expect } from 'vitest'
import { CLIENT_WIRES, type ClientWire } from '../../demo/client-wires.ts'

export interface TaskClient {
  /** As it is installed, or what it calls. */
  client: string
  protocol: 'dashscope' | 'lightx2v' | 'jobs' | 'openrouter'
  /** Submit, wait, result and download. `url`: of the gateway. */
  make: (url: string) => Promise<Uint8Array>
  /** Submit and cancel; resolves with what the client is told of the job then. Null where the client can't. */
  cancel: ((url: string) => Promise<unknown>) | null
}

/** Where a wire's releases are, and the names that its models have at the client and at either arm. */
export const TASK_WIRES = {
  // Not all of `/api/v1`, below which OpenRouter's videos are.
  dashscope: { ...CLIENT_WIRES.dashscope, paths: ['/api/v1/tasks', '/api/v1/services'] },
  lightx2v: CLIENT_WIRES.lightx2v,
  jobs: CLIENT_WIRES.jobs,
  openrouter: CLIENT_WIRES.openrouter,
} satisfies Record<TaskClient['protocol'], ClientWire>

const PROMPT = 'a red fox runs through snow'
const POLL_MS = 500
const SERVICE = '/api/v1/services/aigc/video-generation/video-synthesis'

async function good(asked: Promise<Response>): Promise<Response> {
  const response = await asked
  if (!response.ok) throw new Error(`${response.url}: HTTP ${response.status} ${await response.text()}`)
  return response
}

const told = async <T>(asked: Promise<Response>) => (await (await good(asked)).json()) as T
const bytes = async (asked: Promise<Response>) => new Uint8Array(await (await good(asked)).arrayBuffer())
const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS))
const posted = (body: object, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

interface Told {
  output: { task_id: string; task_status: string; video_url?: string }
}

const synthesize = (url: string) => {
  const parameters = { size: '832*480', duration: 5 }
  const body = { model: TASK_WIRES.dashscope.models.client, input: { prompt: PROMPT }, parameters }
  const headers = { authorization: 'Bearer sk-of-the-client', 'x-dashscope-async': 'enable' }
  return told<Told>(fetch(url + SERVICE, posted(body, headers)))
}
const taskOf = (url: string, { output }: Told) => `${url}/api/v1/tasks/${output.task_id}`

const enqueue = (url: string) => {
  const message = { prompt: PROMPT, infer_steps: 4, target_video_length: 81 }
  return told<{ task_id: string }>(fetch(`${url}/v1/tasks/video/`, posted(message)))
}

interface Run {
  id: string
  status: string
  output: { video_url: string }
}
const endpoint = (url: string) => `${url}/v2/${TASK_WIRES.jobs.models.client}`
const run = (url: string) =>
  told<Run>(
    fetch(`${endpoint(url)}/run`, posted({ input: { prompt: PROMPT } }, { authorization: 'rpa_of-the-client' })),
  )

interface Generation {
  id: string
  polling_url: string
  status: string
}

export const TASK_CLIENTS: readonly TaskClient[] = [
  {
    client: 'ai with @ai-sdk/alibaba',
    protocol: 'dashscope',
    make: async (url) => {
      const provider = createAlibaba({ videoBaseURL: url, apiKey: 'sk-of-the-client' })
      const { video } = await generateVideo({
        model: provider.video(TASK_WIRES.dashscope.models.client),
        prompt: PROMPT,
        maxRetries: 0,
        providerOptions: { alibaba: { pollIntervalMs: POLL_MS } },
        // Its own download refuses loopback.
        download: async ({ url: from }) => ({ data: await bytes(fetch(from)), mediaType: undefined }),
      })
      return video.uint8Array
    },
    cancel: null,
  },
  {
    client: 'the calls that Model Studio documents',
    protocol: 'dashscope',
    make: async (url) => {
      let task = await synthesize(url)
      while (!['SUCCEEDED', 'FAILED', 'CANCELED', 'UNKNOWN'].includes(task.output.task_status)) {
        await pause()
        task = await told<Told>(fetch(taskOf(url, task)))
      }
      const { data } = await told<{ data: { task_id: string }[] }>(fetch(`${url}/api/v1/tasks/?page_no=1&page_size=10`))
      if (data.every(({ task_id: id }) => id !== task.output.task_id)) throw new Error('it is in no list of its owner')
      return bytes(fetch(task.output.video_url!))
    },
    cancel: async (url) => {
      const task = await synthesize(url)
      await good(fetch(`${taskOf(url, task)}/cancel`, { method: 'POST' }))
      return (await told<Told>(fetch(taskOf(url, task)))).output
    },
  },
  {
    client: 'the calls that LightX2V documents',
    protocol: 'lightx2v',
    make: async (url) => {
      const { task_id: id } = await enqueue(url)
      for (;;) {
        await pause()
        const { status } = await told<{ status: string }>(fetch(`${url}/v1/tasks/${id}/status`))
        if (status === 'completed') return bytes(fetch(`${url}/v1/tasks/${id}/result`))
        if (status === 'failed' || status === 'cancelled') throw new Error(`${id} has ${status}`)
      }
    },
    cancel: async (url) => {
      const { task_id: id } = await enqueue(url)
      const { stop_status: stopped } = await told<{ stop_status: string }>(
        fetch(`${url}/v1/tasks/${id}`, { method: 'DELETE' }),
      )
      return { stopped, ...(await told<object>(fetch(`${url}/v1/tasks/${id}/status`))) }
    },
  },
  {
    client: 'the calls that RunPod documents',
    protocol: 'jobs',
    make: async (url) => {
      const { id } = await run(url)
      for (;;) {
        await pause()
        const { status, output } = await told<Run>(fetch(`${endpoint(url)}/status/${id}`))
        if (status === 'COMPLETED') return bytes(fetch(output.video_url))
        if (['FAILED', 'CANCELLED', 'TIMED_OUT'].includes(status)) throw new Error(`${id} has ${status}`)
      }
    },
    cancel: async (url) => {
      const { id } = await run(url)
      const { status } = await told<Run>(fetch(`${endpoint(url)}/cancel/${id}`, { method: 'POST' }))
      return { status, again: (await told<Run>(fetch(`${endpoint(url)}/status/${id}`))).status }
    },
  },
  {
    client: 'the calls that OpenRouter documents',
    protocol: 'openrouter',
    make: async (url) => {
      const body = { model: TASK_WIRES.openrouter.models.client, prompt: PROMPT, duration: 5 }
      const headers = { authorization: 'Bearer sk-or-of-the-client' }
      const { id, polling_url: polled } = await told<Generation>(fetch(`${url}/api/v1/videos`, posted(body, headers)))
      for (;;) {
        await pause()
        const { status } = await told<Generation>(fetch(new URL(polled, url)))
        if (status === 'completed') return bytes(fetch(`${url}/api/v1/videos/${id}/content?index=0`))
        if (['failed', 'cancelled', 'expired'].includes(status)) throw new Error(`${id} has ${status}`)
      }
    },
    cancel: null,
  },
]

/** What a client of the wire is told of a job that it has cancelled. */
export const TASK_CANCELLED: Record<TaskClient['protocol'], object> = {
  dashscope: { task_status: 'CANCELED' },
  // One that ran is marked as failed by its worker, at its next step.
  lightx2v: { stopped: 'success', status: expect.stringMatching(/^(cancelled|failed)$/) as string },
  jobs: { status: 'CANCELLED', again: 'CANCELLED' },
  openrouter: {},
}
