/** fal's queue over HTTP. */
import { clipOf } from './clip.ts'
import { createFalQueue } from './fal-queue.ts'
import { plainWire } from './plain-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

/** The app that it runs; its models stand below it. */
const APP = 'fal-ai/wan'

/** A refusal has FastAPI's `detail`, as everything at fal. */
export function createFalApi(options: WireOptions): Wire {
  const { jobSeconds, clip: shown, random, faults } = options
  const clip = (id: string) => clipOf(shown, id)
  const queue = createFalQueue({ apps: [APP], jobSeconds, random, faults, now: Date.now, clip })
  const modelOf = ({ url }: { url: URL }) => url.pathname.slice(1)
  return plainWire({ ...queue, modelOf, refusal: (_, detail) => ({ detail }) }, options)
}
