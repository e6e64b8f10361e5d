/** A submit to fal's queue: its body is the model's input, its model stands in the path, its webhook in the query. */
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import { malformed, type FormBody } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import type { Route, Submission, SubmitBody } from '../protocol.ts'
import { codePoints } from '../submission/code-points.ts'
import { fingerprintOf } from '../submission/fingerprint.ts'
import { shadowCopy } from '../submission/shadow-copy.ts'

/** Heights and widths of the sizes that Wan models take by name. */
const PIXELS: Record<string, number> = {
  '480p': 854 * 480,
  '580p': 1032 * 580,
  '720p': 1280 * 720,
  '1080p': 1920 * 1080,
}
/** Wan2.2's own. */
const DEFAULT_FPS = 16

export function readFalSubmit(sent: SubmitBody, route: Route): Submission {
  const path = route.upstreamPath(null)
  const model = path.slice(1)
  if (model.length > MAX_NAME_CHARS)
    throw malformed('the path', `names a model of more than ${MAX_NAME_CHARS} characters`)
  const contentType = sent.contentType ?? ''
  const body = openBody(sent.bytes, sent.contentType)
  let fingerprint: string | undefined
  return {
    byteLength: sent.bytes.length,
    model,
    ...factsOf(body),
    jobs: [],
    get fingerprint() {
      return (fingerprint ??= fingerprintOf(body, path))
    },
    // Nobody waits for a copy, so its webhook goes with the query.
    rebuild: ({ model: own, shadow }) => ({
      bytes: shadow ? shadowCopy(body) : sent.bytes,
      contentType,
      path: route.upstreamPath(null, own) + (shadow ? '' : sent.search),
    }),
  }
}

function factsOf({ fields }: FormBody): Pick<Submission, 'promptChars' | 'durationSeconds' | 'work'> {
  const input = new Map(fields.map(({ name, value }) => [name, value]))
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
