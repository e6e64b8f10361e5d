/**
 * ComfyUI's WebSocket: the names under which clients listen, made each caller's own, since a server sends a job's messages
 * to whoever listens under its name; and binary frames, of which some hold JSON.
 */
import type { BinaryFrame } from '../protocol.ts'

const OWN = /^slc-[0-9a-z]{1,32}-/

/** `caller`: letters and digits. */
export function callerSays(caller: string, clientId: string): string {
  return `slc-${caller}-${clientId}`
}

/** As the client wrote it. */
export function withoutCaller(name: string): string {
  return name.replace(OWN, '')
}

/** The query of a WebSocket's address. Without a name nothing of a job is told, but for what is told to all. */
export function searchAs(search: string, caller: string): string {
  const query = new URLSearchParams(search)
  // Of several a server may take any.
  const clientId = query.getAll('clientId').find((name) => name !== '')
  if (clientId !== undefined) query.set('clientId', callerSays(caller, clientId))
  return query.size > 0 ? `?${query.toString()}` : ''
}

const PREVIEW_WITH_METADATA = 4
const HEAD_BYTES = 8

/** A binary frame: an event's number, and for a preview with metadata (4) the length of its JSON before the picture. */
export function openComfyFrame(frame: Uint8Array): BinaryFrame | null {
  if (frame.length < HEAD_BYTES) return null
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const end = HEAD_BYTES + view.getUint32(4)
  if (view.getUint32(0) !== PREVIEW_WITH_METADATA || end > frame.length) return null
  const text = new TextDecoder().decode(frame.subarray(HEAD_BYTES, end))
  return {
    text,
    withText: (other) => {
      if (other === text) return frame
      const bytes = new TextEncoder().encode(other)
      const result = new Uint8Array(HEAD_BYTES + bytes.length + frame.length - end)
      const head = new DataView(result.buffer)
      head.setUint32(0, PREVIEW_WITH_METADATA)
      head.setUint32(4, bytes.length)
      result.set(bytes, HEAD_BYTES)
      result.set(frame.subarray(end), HEAD_BYTES + bytes.length)
      return result
    },
  }
}
