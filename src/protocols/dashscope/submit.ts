/** A submit to Model Studio: `model` on top, the prompt in `input`, everything else in `parameters`. */
import { applyEdits } from '../body/edit.ts'
import type { FormBody } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import type { Route } from '../protocol.ts'
import type { Facts, Submission, SubmitBody } from '../submit.ts'
import { clipFacts, pixelsOf, positive, promptChars } from '../submission/facts.ts'
import { shadowEdits } from '../submission/shadow-copy.ts'
import { modelNamed, submissionOf } from '../submission/submission.ts'

/** What `resolution` names, in the shape that is the default. */
const PIXELS: Record<string, number> = { '480P': 832 * 480, '720P': 1280 * 720, '1080P': 1920 * 1080 }
/** Of Wan's videos; no submit says it. */
const FPS = 30

export function readDashscopeSubmit(sent: SubmitBody, route: Route): Submission {
  const body = openBody(sent.bytes, sent.contentType)
  const named = body.fields.find(({ name }) => name === 'model')
  const model = modelNamed(named?.value, 'model')
  return submissionOf(body, sent, route.upstreamPath(null), {
    model,
    ...factsOf(body),
    rebuild: ({ model: own, shadow }) => {
      const isOther = named && own !== null && own !== model
      const edits = [...(shadow ? shadowEdits(body) : []), ...(isOther ? body.setText(named, own) : [])]
      return { bytes: applyEdits(sent.bytes, edits) }
    },
  })
}

function factsOf({ fields }: FormBody): Facts {
  const objectAt = (wanted: string): Record<string, unknown> => {
    const value = fields.find(({ name }) => name === wanted)?.value
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  }
  const { prompt } = objectAt('input')
  const { duration, size, resolution } = objectAt('parameters')
  const named = typeof resolution === 'string' && Object.hasOwn(PIXELS, resolution) ? PIXELS[resolution]! : null
  const pixels = pixelsOf(size) ?? named
  return {
    promptChars: promptChars(prompt),
    ...clipFacts({ seconds: positive(duration), frames: null, fps: FPS, pixels }),
  }
}
