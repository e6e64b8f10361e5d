/** LightX2V over HTTP: as many servers as the demo's traffic needs, behind one address. */
import { clipOf } from './clip.ts'
import { createLightX2v } from './lightx2v-queue.ts'
import { plainWire } from './plain-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

const SERVERS = 64
const MAX_QUEUE_SIZE = 640

/** A refusal has FastAPI's `detail`. A server says that it takes ranges, and sends the whole. */
export function createLightX2vApi(options: WireOptions): Wire {
  const { jobSeconds, clip: shown, random, faults } = options
  const clip = (id: string) => clipOf(shown, id)
  const queue = { servers: SERVERS, maxQueueSize: MAX_QUEUE_SIZE }
  const server = createLightX2v({ jobSeconds, random, faults, now: Date.now, clip, ...queue })
  const wire = plainWire({ ...server, modelOf: () => '', refusal: (_, detail) => ({ detail }) }, options)
  return {
    ...wire,
    serve: (exchange, url) => {
      delete exchange.request.headers.range
      return wire.serve(exchange, url)
    },
  }
}
