/**
 * Clients as people install them, each with nothing but its base URL or host changed: what they make, wait for and
 * download, and what they cancel. None knows that there is a gateway.
 */
import { createFal } from '@ai-sdk/fal'
import { createReplicate } from '@ai-sdk/replicate'
import { createFalClient } from '@fal-ai/client'
import { experimental_generateVideo as generateVideo } from 'ai'
import OpenAI from 'openai'
import Replicate from 'replicate'
import { CLIENT_WIRES, type ClientWire } from '../../demo/client-wires.ts'
import { TASK_CLIENTS, TASK_WIRES, type TaskClient } from './task-clients.ts'

export interface RealClient {
  /** As it is installed. */
  client: string
  protocol: 'openai-videos' | 'replicate' | 'fal' | TaskClient['protocol']
  /** Submit, wait, result and download. `url`: of the gateway. */
  make: (url: string) => Promise<Uint8Array>
  /** Submit and cancel; resolves with what the client is told of the job then. Null where the client can't. */
  cancel: ((url: string) => Promise<unknown>) | null
  /** Submit that names a webhook, and nothing more; resolves with the job's id. Null where the client can't. */
  hook: ((url: string, webhook: string) => Promise<string>) | null
}

/** Where a wire's releases are, and the names that its models have at the client and at either arm. */
export const WIRES = {
  'openai-videos': CLIENT_WIRES['openai-videos'],
  replicate: CLIENT_WIRES.replicate,
  fal: CLIENT_WIRES.fal,
  ...TASK_WIRES,
} satisfies Record<RealClient['protocol'], Pick<ClientWire, 'paths' | 'models'>>

const PROMPT = 'a red fox runs through snow'
/** What clients poll at by default, or may be told to. */
const POLL_MS = 500
const FAL_QUEUE = 'https://queue.fal.run'

async function download(url: string | URL): Promise<Uint8Array> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-of-the-client' })
const create = (url: string) =>
  openai(url).videos.create({ model: WIRES['openai-videos'].models.client as 'sora-2', prompt: PROMPT, seconds: '4' })

const replicate = (url: string) => new Replicate({ baseUrl: `${url}/v1`, auth: 'r8_of-the-client' })
const predict = (url: string, more: object = {}) =>
  replicate(url).predictions.create({ model: WIRES.replicate.models.client, input: { prompt: PROMPT }, ...more })

const fal = (url: string) =>
  createFalClient({
    credentials: 'key-of-the-client',
    requestMiddleware: async (request) => ({ ...request, url: request.url.replace(FAL_QUEUE, url) }),
  })

/** What the AI SDK makes; its own download refuses loopback. */
async function generated(model: Parameters<typeof generateVideo>[0]['model'], more: object): Promise<Uint8Array> {
  const { video } = await generateVideo({
    model,
    prompt: PROMPT,
    maxRetries: 0,
    providerOptions: more as NonNullable<Parameters<typeof generateVideo>[0]['providerOptions']>,
    download: async ({ url }) => ({ data: await download(url), mediaType: undefined }),
  })
  return video.uint8Array
}

export const REAL_CLIENTS: readonly RealClient[] = [
  {
    client: 'openai',
    protocol: 'openai-videos',
    make: async (url) => {
      const { videos } = openai(url)
      let video = await create(url)
      while (video.status !== 'completed' && video.status !== 'failed') {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
        video = await videos.retrieve(video.id)
      }
      const content = await videos.downloadContent(video.id)
      return new Uint8Array(await content.arrayBuffer())
    },
    cancel: async (url) => openai(url).videos.delete((await create(url)).id),
    hook: null,
  },
  {
    client: 'replicate',
    protocol: 'replicate',
    make: async (url) => {
      const client = replicate(url)
      const made = await client.wait(await predict(url), { interval: POLL_MS })
      for await (const page of client.paginate(() => client.predictions.list()))
        if (page.some(({ id }) => id === made.id)) return download(made.output as string)
      throw new Error(`${made.id} is not in the list of its owner`)
    },
    cancel: async (url) => {
      const { id } = await predict(url)
      const { status } = await replicate(url).predictions.cancel(id)
      return { status, again: (await replicate(url).predictions.get(id)).status }
    },
    hook: async (url, webhook) => {
      const asked = { webhook, webhook_events_filter: ['completed' as const] }
      return (await predict(url, asked)).id
    },
  },
  {
    client: 'replicate, in one call',
    protocol: 'replicate',
    make: async (url) => {
      const model = WIRES.replicate.models.client as `${string}/${string}`
      return download((await replicate(url).run(model, { input: { prompt: PROMPT } })) as unknown as string)
    },
    cancel: null,
    hook: null,
  },
  {
    client: 'ai with @ai-sdk/replicate',
    protocol: 'replicate',
    make: (url) => {
      const provider = createReplicate({ baseURL: `${url}/v1`, apiToken: 'r8_of-the-client' })
      const waits = { pollIntervalMs: POLL_MS, maxWaitTimeInSeconds: 1 }
      return generated(provider.video(WIRES.replicate.models.client), { replicate: waits })
    },
    cancel: null,
    hook: null,
  },
  {
    client: '@fal-ai/client',
    protocol: 'fal',
    make: async (url) => {
      const options = { input: { prompt: PROMPT }, pollInterval: POLL_MS }
      const { data } = await fal(url).subscribe(WIRES.fal.models.client, options)
      return download((data as { video: { url: string } }).video.url)
    },
    cancel: async (url) => {
      const { queue } = fal(url)
      const model = WIRES.fal.models.client
      const { request_id: requestId } = await queue.submit(model, { input: { prompt: PROMPT } })
      await queue.cancel(model, { requestId })
      return queue.status(model, { requestId })
    },
    hook: async (url, webhookUrl) => {
      const { queue } = fal(url)
      return (await queue.submit(WIRES.fal.models.client, { input: { prompt: PROMPT }, webhookUrl })).request_id
    },
  },
  {
    client: 'ai with @ai-sdk/fal',
    protocol: 'fal',
    make: (url) => {
      const there = (asked: Parameters<typeof fetch>[0], init?: RequestInit) =>
        fetch(new Request(asked).url.replace(FAL_QUEUE, url), init)
      const provider = createFal({ apiKey: 'key-of-the-client', fetch: there })
      return generated(provider.video(WIRES.fal.models.client), { fal: { pollIntervalMs: POLL_MS } })
    },
    cancel: null,
    hook: null,
  },
  ...TASK_CLIENTS.map((each) => ({ ...each, hook: null })),
]
