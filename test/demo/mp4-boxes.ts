/** Reads an MP4 file's boxes as a player would, so that what the demo writes is checked by other code than wrote it. */

export interface Box {
  type: string
  /** Contents, without the 8 bytes of size and type. */
  data: DataView
  children: Box[]
}

/** Boxes that hold boxes, and how many bytes stand before those. */
const CONTAINERS: Record<string, number> = {
  moov: 0,
  trak: 0,
  mdia: 0,
  minf: 0,
  dinf: 0,
  stbl: 0,
  dref: 8,
  stsd: 8,
  avc1: 78,
}

/** Throws where sizes do not add up. */
export function readBoxes(view: DataView): Box[] {
  const boxes: Box[] = []
  for (let at = 0; at < view.byteLength;) {
    const size = view.getUint32(at)
    if (size < 8 || at + size > view.byteLength)
      throw new Error(`a box of ${size} bytes at ${at} of ${view.byteLength}`)
    const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)))
    const data = new DataView(view.buffer, view.byteOffset + at + 8, size - 8)
    const skip = CONTAINERS[type]
    const inner = new DataView(data.buffer, data.byteOffset + (skip ?? 0), data.byteLength - (skip ?? 0))
    boxes.push({ type, data, children: skip === undefined ? [] : readBoxes(inner) })
    at += size
  }
  return boxes
}

/** The box under this path, such as `moov/trak/tkhd`. */
export function boxAt(boxes: Box[], path: string): Box {
  let found: Box | undefined
  for (const type of path.split('/')) {
    found = (found?.children ?? boxes).find((box) => box.type === type)
    if (!found) throw new Error(`no ${type} of ${path}`)
  }
  return found as Box
}
