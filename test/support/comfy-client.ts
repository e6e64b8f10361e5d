/**
 * A ComfyUI client by the calls that its documentation shows: a WebSocket that is opened first, a graph, messages until
 * the job has ended, its history and its files. Knows of no gateway.
 */
import { randomUUID } from 'node:crypto'
import { CLIENT_WIRES } from '../../demo/client-wires.ts'

/** Files of models, at the client and at either arm. */
export const COMFY_MODELS = CLIENT_WIRES.comfyui.models

const GRAPH = {
  '6': { class_type: 'CLIPTextEncode', inputs: { text: 'a red fox runs through snow' } },
  '37': { class_type: 'UNETLoader', inputs: { unet_name: COMFY_MODELS.client } },
  '40': { class_type: 'EmptyHunyuanLatentVideo', inputs: { width: 832, height: 480, length: 81 } },
  '57': { class_type: 'KSampler', inputs: { seed: 7, positive: ['6', 0], model: ['37', 0] } },
  '61': { class_type: 'SaveVideo', inputs: { filename_prefix: 'video/ComfyUI' } },
}
const POLL_MS = 500

interface File {
  filename: string
  subfolder: string
  type: string
}
interface Message {
  type: string
  data: { prompt_id?: string; node?: string | null }
}
type History = Record<string, { outputs: Record<string, { images?: File[] }>; status: { status_str: string } }>

type Headers = Record<string, string>

/** What came on the socket. */
export interface Heard {
  messages: Message[]
  pictures: number
}

export class ComfyClient {
  readonly #url: string
  readonly #headers: Headers
  readonly #clientId = randomUUID()

  /** `headers`: of every request, the WebSocket's too. */
  constructor(url: string, headers: Headers = {}) {
    this.#url = url
    this.#headers = headers
  }

  /** A video, as the messages of the WebSocket lead to it; `heard` is filled. The client chooses the job's id. */
  async make(heard: Heard = { messages: [], pictures: 0 }): Promise<Uint8Array> {
    const id = randomUUID()
    const socket = await this.#open()
    const isOver = new Promise<void>((resolve, reject) => {
      socket.addEventListener('close', ({ code }) => reject(new Error(`the socket was closed with ${code}`)))
      socket.addEventListener('message', ({ data }) => {
        if (typeof data !== 'string') return void heard.pictures++
        const message = JSON.parse(data) as Message
        heard.messages.push(message)
        if (message.type === 'executing' && message.data.node === null && message.data.prompt_id === id) resolve()
      })
    })
    await this.submit({ prompt_id: id })
    await isOver
    socket.close()
    return this.#download(id)
  }

  /** The same without a WebSocket, under the id that the server gives. */
  async poll(): Promise<Uint8Array> {
    const id = await this.submit()
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      if (id in (await this.history(id))) return this.#download(id)
    }
  }

  async submit(more: object = {}): Promise<string> {
    const response = await this.#call('POST', '/prompt', { prompt: GRAPH, client_id: this.#clientId, ...more })
    return ((await response.json()) as { prompt_id: string }).prompt_id
  }

  async history(id: string): Promise<History> {
    return (await (await this.#call('GET', `/history/${id}`)).json()) as History
  }

  /** Takes it out of the queue, and ends it if it runs. */
  async cancel(id: string): Promise<void> {
    await this.#call('POST', '/queue', { delete: [id] })
    await this.#call('POST', '/interrupt', { prompt_id: id })
  }

  async #download(id: string): Promise<Uint8Array> {
    const { outputs, status } = (await this.history(id))[id]!
    if (status.status_str !== 'success') throw new Error(JSON.stringify(status))
    const file = Object.values(outputs).flatMap(({ images = [] }) => images)[0]!
    const response = await this.#call('GET', `/view?${new URLSearchParams({ ...file }).toString()}`)
    return new Uint8Array(await response.arrayBuffer())
  }

  async #open(): Promise<WebSocket> {
    const address = `${this.#url.replace('http', 'ws')}/ws?clientId=${this.#clientId}`
    // Node's own takes headers, other than a browser's.
    const socket = new WebSocket(address, { headers: this.#headers } as unknown as string[])
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', () => reject(new Error(`${address} can't be opened`)))
    })
    return socket
  }

  async #call(method: string, path: string, body?: object): Promise<Response> {
    const sent = body ? { body: JSON.stringify(body) } : {}
    const response = await fetch(this.#url + path, { method, headers: this.#headers, ...sent })
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${await response.text()}`)
    return response
  }
}
