/** Prompt length, clip length and amount of work in a model's own input, under the names that hosted Wan models take. */
import type { Submission } from '../protocol.ts'
import { codePoints } from './code-points.ts'

/** Heights and widths of the sizes that Wan models take by name. */
const PIXELS: Record<string, number> = {
  '480p': 854 * 480,
  '580p': 1032 * 580,
  '720p': 1280 * 720,
  '1080p': 1920 * 1080,
}
/** Wan2.2's own. */
const DEFAULT_FPS = 16

export function inputFacts(
  input: ReadonlyMap<string, unknown>,
): Pick<Submission, 'promptChars' | 'durationSeconds' | 'work'> {
  const prompt = input.get('prompt')
  const frames = positive(input.get('num_frames'))
  const fps = positive(input.get('frames_per_second')) ?? DEFAULT_FPS
  const seconds = positive(input.get('duration')) ?? (frames === null ? null : frames / fps)
  const allFrames = frames ?? (seconds === null ? null : seconds * fps)
  const size = input.get('resolution')
  const pixels = typeof size === 'string' && Object.hasOwn(PIXELS, size) ? PIXELS[size]! : null
  return {
    promptChars: typeof prompt === 'string' ? codePoints(prompt) : null,
    durationSeconds: seconds,
    work: allFrames === null || pixels === null ? null : allFrames * pixels,
  }
}

/** A number, or the same as text, as `"5"` and `"5s"`. */
function positive(value: unknown): number | null {
  const text = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s?$/.exec(value)?.[1] : undefined
  const number = typeof value === 'number' ? value : text === undefined ? NaN : Number(text)
  return number > 0 && number < Number.MAX_SAFE_INTEGER ? number : null
}
