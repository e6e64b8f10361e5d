/** A submit to fal's queue: its body is the model's input, its model stands in the path, its webhook in the query. */
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import { malformed, type FormBody } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import type { Route, Submission, SubmitBody } from '../protocol.ts'
import { clipFacts } from '../submission/clip-facts.ts'
import { codePoints } from '../submission/code-points.ts'
import { fingerprintOf } from '../submission/fingerprint.ts'
import { shadowCopy } from '../submission/shadow-copy.ts'

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
  const [frames, fps] = [input.get('num_frames'), input.get('frames_per_second')]
  return {
    promptChars: typeof prompt === 'string' ? codePoints(prompt) : null,
    ...clipFacts({ frames, fps, seconds: input.get('duration'), size: input.get('resolution') }),
  }
}
