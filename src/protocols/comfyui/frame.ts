/** ComfyUI's binary frames: an event's number, and for a preview with metadata (4) the length of its JSON before the picture. */
import type { BinaryFrame } from '../protocol.ts'

const PREVIEW_WITH_METADATA = 4
const HEAD_BYTES = 8

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
