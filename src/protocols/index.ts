/** The one list of wire protocols, and `jobs`, of which each release declares its own. */
import type { ReleaseSettings } from '../config/release-schema.ts'
import type { WireSettings } from '../config/wire-schema.ts'
import { comfyui } from './comfyui.ts'
import { dashscope } from './dashscope.ts'
import { fal } from './fal.ts'
import { http } from './http.ts'
import { DECLARED, declaredProtocol } from './jobs.ts'
import { lightx2v } from './lightx2v.ts'
import { openaiVideos } from './openai-videos.ts'
import type { JobProtocol, Protocol } from './protocol.ts'
import { replicate } from './replicate.ts'

const PROTOCOLS: readonly Protocol[] = [openaiVideos, fal, dashscope, lightx2v, replicate, comfyui, http]

export const PROTOCOL_NAMES: readonly string[] = [...PROTOCOLS.map(({ name }) => name), DECLARED]

/** What says which wire a release speaks. */
type Speaker = Pick<ReleaseSettings, 'protocol' | 'wire'>

/** Built once for each configuration. */
const declared = new WeakMap<WireSettings, JobProtocol>()

export function protocolOf({ protocol, wire }: Speaker): Protocol | undefined {
  if (protocol !== DECLARED || !wire) return PROTOCOLS.find(({ name }) => name === protocol)
  const built = declared.get(wire) ?? declaredProtocol(wire)
  declared.set(wire, built)
  return built
}

/** Undefined for plain HTTP too. */
export function jobProtocolOf(release: Speaker): JobProtocol | undefined {
  const protocol = protocolOf(release)
  return protocol?.kind === 'jobs' ? protocol : undefined
}
