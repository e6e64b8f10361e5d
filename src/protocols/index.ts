/** The one list of wire protocols. */
import { comfyui } from './comfyui.ts'
import { dashscope } from './dashscope.ts'
import { fal } from './fal.ts'
import { http } from './http.ts'
import { lightx2v } from './lightx2v.ts'
import { openaiVideos } from './openai-videos.ts'
import type { JobProtocol, Protocol } from './protocol.ts'
import { replicate } from './replicate.ts'

const PROTOCOLS: readonly Protocol[] = [openaiVideos, fal, dashscope, lightx2v, replicate, comfyui, http]

export const PROTOCOL_NAMES: readonly string[] = PROTOCOLS.map(({ name }) => name)

export function protocolOf(name: string): Protocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.name === name)
}

/** Undefined for plain HTTP too. */
export function jobProtocolOf(name: string): JobProtocol | undefined {
  const protocol = protocolOf(name)
  return protocol?.kind === 'jobs' ? protocol : undefined
}
