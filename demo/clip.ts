/** The video that a demo job makes: its backend's clip, 4 s of an emblem and a bar that fills, with the job's id at its end. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Blue and green: 320×192, H.264 baseline, a few kB. */
export type Clip = 'control' | 'candidate'

const FILES = {
  control: readFileSync(join(import.meta.dirname, 'control.mp4')),
  candidate: readFileSync(join(import.meta.dirname, 'candidate.mp4')),
}

/** The same job makes the same bytes, and another one others: the id is in a box that players skip. */
export function clipOf(clip: Clip, id: string): Uint8Array<ArrayBuffer> {
  const box = Buffer.from(`\0\0\0\0free${id}`)
  box.writeUInt32BE(box.length)
  return Uint8Array.from(Buffer.concat([FILES[clip], box]))
}
