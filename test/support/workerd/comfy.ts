/** Two demo ComfyUIs behind the gateway, in one process, with the sockets between them. */
import { createComfyServer } from '../../../demo/comfy-server.ts'
import { HEALTHY, type Faults } from '../../../demo/faults.ts'
import { type BackendCall, DataPlane, TO_CANDIDATE } from './data-plane.ts'

export type Arm = 'control' | 'candidate'

export const FILES = { control: 'wan2.1.safetensors', candidate: 'wan2.2.safetensors' }
export const GRAPH = {
  '6': { class_type: 'CLIPTextEncode', inputs: { text: 'a red fox' } },
  '37': { class_type: 'UNETLoader', inputs: { unet_name: FILES.control } },
  '40': { class_type: 'EmptyHunyuanLatentVideo', inputs: { width: 832, height: 480, length: 81 } },
  '57': { class_type: 'KSampler', inputs: { seed: 7, positive: ['6', 0], model: ['37', 0] } },
  '61': { class_type: 'SaveVideo', inputs: { filename_prefix: 'video/ComfyUI' } },
}

/** Of a release's snapshot; `sample` is to be set. */
export const SHADOW = {
  sample: 0,
  maxBodyBytes: 262_144,
  maxInFlight: 20,
  maxJobsPerDay: 5000,
  jobTimeoutMs: 3_600_000,
}

function backend(arm: Arm, isOld: boolean) {
  const state: { faults: Faults } = { faults: HEALTHY }
  /** The backend's ends of its sockets, in the order in which they were opened. */
  const sockets: WebSocket[] = []
  /** What clients have sent. */
  const received: (string | ArrayBuffer)[] = []
  const server = createComfyServer({
    models: [FILES[arm]],
    jobSeconds: 10,
    random: () => 0.5,
    faults: () => state.faults,
    now: Date.now,
    clip: (id) => new TextEncoder().encode(`film of ${id}`),
    isOld,
  })
  /** The platform lets no object that submits use another's sockets. */
  let isObjects = false
  const connect = (clientId: string | null): Response => {
    const { 0: theirs, 1: own } = new WebSocketPair()
    own.binaryType = 'arraybuffer'
    own.accept()
    const leave = server.connect(clientId, (message) => {
      if (!isObjects) own.send(message)
    })
    own.addEventListener('close', leave)
    own.addEventListener('message', ({ data }) => void received.push(data as string | ArrayBuffer))
    sockets.push(own)
    return new Response(null, { status: 101, webSocket: theirs })
  }
  const answer = (call: BackendCall): Response => {
    if (call.headers.get('upgrade') === 'websocket') return connect(call.url.searchParams.get('clientId'))
    isObjects = call.headers.get('idempotency-key')?.startsWith('rescue-') === true
    const name = /^\/upload\/\w+$/.test(call.url.pathname) ? /filename="([^"]+)"/.exec(call.body)?.[1] : undefined
    const { status, headers, body, text, file } = name === undefined ? server.answer(call) : server.upload(name)
    isObjects = false
    if (file) return new Response(Uint8Array.from(file), { status, headers })
    return body === undefined
      ? new Response(text ?? null, { status, headers })
      : Response.json(body, { status, headers })
  }
  return { state, answer, server, sockets, received }
}

/** `more`: of the release's table. */
export function setup(more: object = {}, isOld = false) {
  const backends = { control: backend('control', isOld), candidate: backend('candidate', isOld) }
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: 'objects',
        protocol: 'comfyui',
        arms: {
          control: { url: 'http://control.test' },
          candidate: { url: 'http://candidate.test', model: FILES.candidate },
        },
        ...more,
      },
    },
    (call) => backends[call.url.hostname.split('.')[0] as Arm].answer(call),
  )
  return { plane, ...backends }
}

export const as = (arm: Arm, user = 'ann') => ({ 'x-user-id': user, ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

export function post(
  plane: DataPlane,
  path: string,
  body: unknown,
  headers: Record<string, string> = as('control'),
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return plane.request('POST', path, { headers, ...(text === '' ? {} : { body: text }) })
}

/** The job's id; throws where it was refused. */
export async function submit(
  plane: DataPlane,
  arm: Arm,
  more: object = {},
  user = 'ann',
  prefix = '',
): Promise<string> {
  const response = await post(plane, `${prefix}/prompt`, { prompt: GRAPH, client_id: 'me', ...more }, as(arm, user))
  if (!response.ok) throw new Error(`the submit was refused: ${await response.text()}`)
  return (await response.json<{ prompt_id: string }>()).prompt_id
}
