/** LightX2V over HTTP: as many servers as the demo's traffic needs, behind one address. */
import { createLightX2v } from './lightx2v-queue.ts'
import { restOptions, serveRest } from './rest-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

const SERVERS = 64
const MAX_QUEUE_SIZE = 640

/** A refusal has FastAPI's `detail`. A server says that it takes ranges, and sends the whole. */
export function createLightX2vApi(options: WireOptions): Wire {
  const queue = { servers: SERVERS, maxQueueSize: MAX_QUEUE_SIZE }
  const server = createLightX2v({ ...restOptions(options), ...queue })
  const wire = serveRest({ ...server, modelOf: () => null, error: (_, detail) => ({ detail }) }, options)
  return {
    ...wire,
    serve: (exchange, url) => {
      delete exchange.request.headers.range
      return wire.serve(exchange, url)
    },
  }
}
