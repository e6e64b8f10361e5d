/** The video that a demo job makes: an emblem drawn from the job's id, and a bar that fills as the clip plays. */
import { createHash } from 'node:crypto'
import { encodeClip, type Colour, type Picture } from './h264.ts'
import { writeMp4 } from './mp4.ts'

const COLUMNS = 20
const ROWS = 12
const FRAMES_PER_SECOND = 12
const MAX_SECONDS = 12
/** The emblem is this many cells wide and high, a cell 2×2 blocks, mirrored about its middle column. */
const CELLS = 5

/** 320×192, up to 12 s, a few kB. `hue` in degrees colours the arm; the same id makes the same bytes. */
export function makeClip(id: string, seconds: number, hue: number): Uint8Array<ArrayBuffer> {
  const seed = createHash('sha256').update(id).digest()
  const count = Math.round(Math.min(MAX_SECONDS, Math.max(1, seconds)) * FRAMES_PER_SECOND)
  const emblem = emblemOf(seed)
  const frames = Array.from({ length: count }, (_, i) => picture(emblem, (i + 1) / count))
  const ownHue = hue + 20 + (seed[31] as number) / 4
  const palette = [colour(hue, 0.55, 0.22), colour(ownHue, 0.7, 0.72), colour(hue, 0.2, 0.9)]
  const encoded = encodeClip({ columns: COLUMNS, rows: ROWS, palette, frames })
  return writeMp4({ ...encoded, width: COLUMNS * 16, height: ROWS * 16, framesPerSecond: FRAMES_PER_SECOND }, id)
}

/** Whether each block belongs to the emblem. */
function emblemOf(seed: Uint8Array): boolean[] {
  const left = COLUMNS / 2 - CELLS
  return Array.from({ length: COLUMNS * (ROWS - 1) }, (_, i) => {
    const column = Math.floor(((i % COLUMNS) - left) / 2)
    const row = Math.floor(i / COLUMNS / 2)
    if (column < 0 || column >= CELLS || row >= CELLS) return false
    const mirrored = Math.min(column, CELLS - 1 - column)
    return (seed[row * CELLS + mirrored] as number) > 110
  })
}

/** Palette: 0 ground, 1 emblem, 2 bar. */
function picture(emblem: readonly boolean[], played: number): Picture {
  const blocks = new Uint8Array(COLUMNS * ROWS)
  emblem.forEach((inside, i) => (blocks[i] = inside ? 1 : 0))
  blocks.fill(2, COLUMNS * (ROWS - 1), COLUMNS * (ROWS - 1) + Math.max(1, Math.round(played * COLUMNS)))
  return blocks
}

/** From hue, saturation and lightness by way of RGB (BT.601, studio range). */
function colour(hue: number, saturation: number, lightness: number): Colour {
  const chroma = saturation * Math.min(lightness, 1 - lightness)
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12
    return lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))
  }
  const [r, g, b] = [channel(0), channel(8), channel(4)] as const
  return [
    Math.round(16 + 65.481 * r + 128.553 * g + 24.966 * b),
    Math.round(128 - 37.797 * r - 74.203 * g + 112 * b),
    Math.round(128 + 112 * r - 93.786 * g - 18.214 * b),
  ]
}
