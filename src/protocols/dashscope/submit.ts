/** A submit to Model Studio: `model` on top, the prompt in `input`, everything else in `parameters`. */
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import { applyEdits } from '../body/edit.ts'
import { malformed, type FormBody } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import type { Route } from '../protocol.ts'
import type { Submission, SubmitBody } from '../submit.ts'
import { codePoints } from '../submission/code-points.ts'
import { fingerprintOf } from '../submission/fingerprint.ts'
import { positive } from '../submission/positive.ts'
import { shadowEdits } from '../submission/shadow-copy.ts'

/** What `resolution` names, in the shape that is the default. */
const PIXELS: Record<string, number> = { '480P': 832 * 480, '720P': 1280 * 720, '1080P': 1920 * 1080 }
const SIZE = /^([1-9]\d{0,5})[*x]([1-9]\d{0,5})$/
/** Of Wan's videos; no submit says it. */
const FPS = 30

export function readDashscopeSubmit({ bytes, contentType, search }: SubmitBody, route: Route): Submission {
  const body = openBody(bytes, contentType)
  const path = route.upstreamPath(null)
  const named = body.fields.find(({ name }) => name === 'model')
  const model = named?.value ?? null
  if (model !== null && typeof model !== 'string') throw malformed('model', 'must be a string')
  if (model !== null && model.length > MAX_NAME_CHARS)
    throw malformed('model', `has more than ${MAX_NAME_CHARS} characters`)
  let fingerprint: string | undefined
  return {
    byteLength: bytes.length,
    model,
    ...factsOf(body),
    jobs: [],
    get fingerprint() {
      return (fingerprint ??= fingerprintOf(body, path))
    },
    rebuild: ({ model: own, shadow }) => {
      const isOther = named && own !== null && own !== model
      const edits = [...(shadow ? shadowEdits(body) : []), ...(isOther ? body.setText(named, own) : [])]
      return {
        bytes: applyEdits(bytes, edits),
        contentType: contentType ?? '',
        path: path + (shadow ? '' : search),
      }
    },
  }
}

function factsOf({ fields }: FormBody): Pick<Submission, 'promptChars' | 'durationSeconds' | 'work'> {
  const objectAt = (wanted: string): Record<string, unknown> => {
    const value = fields.find(({ name }) => name === wanted)?.value
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  }
  const { prompt } = objectAt('input')
  const { duration, size, resolution } = objectAt('parameters')
  const seconds = positive(duration)
  const pixels = pixelsOf(size, resolution)
  return {
    promptChars: typeof prompt === 'string' ? codePoints(prompt) : null,
    durationSeconds: seconds,
    work: seconds === null || pixels === null ? null : seconds * FPS * pixels,
  }
}

function pixelsOf(size: unknown, resolution: unknown): number | null {
  const [, width, height] = (typeof size === 'string' && SIZE.exec(size)) || []
  if (width !== undefined) return Number(width) * Number(height)
  return typeof resolution === 'string' && Object.hasOwn(PIXELS, resolution) ? PIXELS[resolution]! : null
}
