/** Length and amount of work of a clip, from the numbers and names by which hosted models take them. */
import type { Submission } from '../submit.ts'

/** Heights and widths of the sizes that Wan models take by name. */
const PIXELS: Record<string, number> = {
  '480p': 854 * 480,
  '580p': 1032 * 580,
  '720p': 1280 * 720,
  '1080p': 1920 * 1080,
}
/** Wan2.2's own. */
const DEFAULT_FPS = 16

/** `seconds` as `5`, `"5"` or `"5s"`; `size` as `720p`, `1280x720` or `1280*720`. */
export function clipFacts(given: {
  frames: unknown
  fps: unknown
  seconds: unknown
  size: unknown
}): Pick<Submission, 'durationSeconds' | 'work'> {
  const frames = positive(given.frames)
  const fps = positive(given.fps) ?? DEFAULT_FPS
  const durationSeconds = positive(given.seconds) ?? (frames === null ? null : frames / fps)
  const allFrames = frames ?? (durationSeconds === null ? null : durationSeconds * fps)
  const pixels = pixelsOf(given.size)
  return { durationSeconds, work: allFrames === null || pixels === null ? null : allFrames * pixels }
}

function pixelsOf(size: unknown): number | null {
  if (typeof size !== 'string') return null
  const name = size.toLowerCase()
  if (Object.hasOwn(PIXELS, name)) return PIXELS[name]!
  const [, width, height] = /^([1-9]\d{0,5})[x*]([1-9]\d{0,5})$/.exec(name) ?? []
  return width === undefined ? null : Number(width) * Number(height)
}

/** A number, or the same as text, as `"5"` and `"5s"`. */
function positive(value: unknown): number | null {
  const text = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s?$/.exec(value)?.[1] : undefined
  const number = typeof value === 'number' ? value : text === undefined ? NaN : Number(text)
  return number > 0 && number < Number.MAX_SAFE_INTEGER ? number : null
}
