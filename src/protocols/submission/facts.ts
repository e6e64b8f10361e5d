/**
 * What a submit says of its video: prompt length, clip length and amount of work, from the numbers and names that wires
 * have for them. Which field holds which is the wire's to say.
 */
import type { Facts } from '../submit.ts'

const DECIMAL = /^\s*\d{1,12}(\.\d{1,9})?\s*$/
const SIZE = /^([1-9]\d{0,5})[x*]([1-9]\d{0,5})$/
/** Heights and widths of the sizes that Wan models take by name. */
const PIXELS: Record<string, number> = {
  '480p': 854 * 480,
  '580p': 1032 * 580,
  '720p': 1280 * 720,
  '1080p': 1920 * 1080,
}
/** Wan2.2's own. */
const DEFAULT_FPS = 16

/** A number, or the same as text; null for anything else. */
export function positive(value: unknown): number | null {
  const number =
    typeof value === 'string' && DECIMAL.test(value) ? Number(value) : typeof value === 'number' ? value : 0
  return number > 0 && number < Number.MAX_SAFE_INTEGER ? number : null
}

/** In characters as people count them: an emoji is one, where UTF-16 has two. Null for what is no text. */
export function promptChars(prompt: unknown): number | null {
  if (typeof prompt !== 'string') return null
  let pairs = 0
  for (let i = 1; i < prompt.length; i++) {
    const isLow = (prompt.charCodeAt(i) & 0xfc00) === 0xdc00
    if (isLow && (prompt.charCodeAt(i - 1) & 0xfc00) === 0xd800) pairs++
  }
  return prompt.length - pairs
}

/** Of `1280x720` or `1280*720`; null for anything else. */
export function pixelsOf(size: unknown): number | null {
  const [, width, height] = (typeof size === 'string' && SIZE.exec(size)) || []
  return width === undefined ? null : Number(width) * Number(height)
}

/** Null where it is not known; one of seconds and frames tells the other. */
interface Clip {
  seconds: number | null
  frames: number | null
  fps: number
  pixels: number | null
}

export function clipFacts({ seconds, frames, fps, pixels }: Clip): Omit<Facts, 'promptChars'> {
  const allFrames = frames ?? (seconds === null ? null : seconds * fps)
  return {
    durationSeconds: seconds ?? (frames === null ? null : frames / fps),
    work: allFrames === null || pixels === null ? null : allFrames * pixels,
  }
}

/** As hosted models take them: `seconds` as `5`, `"5"` or `"5s"`; `size` as `720p`, `1280x720` or `1280*720`. */
export function hostedFacts(given: Record<'prompt' | 'frames' | 'fps' | 'seconds' | 'size', unknown>): Facts {
  const size = typeof given.size === 'string' ? given.size.toLowerCase() : ''
  return {
    promptChars: promptChars(given.prompt),
    ...clipFacts({
      seconds: withUnit(given.seconds),
      frames: withUnit(given.frames),
      fps: withUnit(given.fps) ?? DEFAULT_FPS,
      pixels: Object.hasOwn(PIXELS, size) ? PIXELS[size]! : pixelsOf(size),
    }),
  }
}

/** The same in a model's own input, under the names that hosted Wan models take. */
export function inputFacts(input: ReadonlyMap<string, unknown>): Facts {
  return hostedFacts({
    prompt: input.get('prompt'),
    frames: input.get('num_frames'),
    fps: input.get('frames_per_second'),
    seconds: input.get('duration'),
    size: input.get('resolution'),
  })
}

/** A number, or the same as text, as `"5"` and `"5s"`. */
function withUnit(value: unknown): number | null {
  return positive(typeof value === 'string' ? value.replace(/s$/, '') : value)
}
