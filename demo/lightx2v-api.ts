/** LightX2V over HTTP: as many servers as the demo's traffic needs, behind one address. */
import { json } from './answer.ts'
import { clipOf } from './clip.ts'
import { createLightX2v } from './lightx2v-queue.ts'
import type { Wire, WireOptions } from './wire.ts'
import { overHttp } from './wire-over-http.ts'

const SERVERS = 64
const MAX_QUEUE_SIZE = 640

/** A refusal has FastAPI's `detail`. */
export function createLightX2vApi({ jobSeconds, clip, random, faults, signal }: WireOptions): Wire {
  const wire = createLightX2v({
    jobSeconds,
    random,
    faults,
    now: Date.now,
    clip: (id) => clipOf(clip, id),
    servers: SERVERS,
    maxQueueSize: MAX_QUEUE_SIZE,
  })
  return overHttp(wire, { faults, signal }, (response, status, message) => json(response, status, { detail: message }))
}
