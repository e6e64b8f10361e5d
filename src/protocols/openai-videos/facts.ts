/** Prompt length, clip length and amount of work of a submit, under the names that OpenAI Videos servers give them. */
import type { FormBody } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import type { Submission } from '../submit.ts'
import { codePoints } from '../submission/code-points.ts'
import { positive } from '../submission/positive.ts'

/** vLLM-Omni's and SGLang's own default. */
const DEFAULT_FPS = 24
/** Objects whose members count as if they stood at the top: SGLang's, and Dynamo's `nvext`. */
const NESTED = ['nvext', 'extra_body', 'extra_json', 'extra_params']

type Facts = Pick<Submission, 'promptChars' | 'durationSeconds' | 'work'>

export function readFacts(body: FormBody): Facts {
  const values = valuesOf(body)
  const prompt = values.get('prompt')
  const seconds = positive(values.get('seconds'))
  const frames = positive(values.get('num_frames'))
  const fps = positive(values.get('fps')) ?? DEFAULT_FPS
  const pixels = pixelsOf(values)
  const allFrames = frames ?? (seconds === null ? null : seconds * fps)
  return {
    promptChars: typeof prompt === 'string' ? codePoints(prompt) : null,
    durationSeconds: seconds ?? (frames === null ? null : frames / fps),
    work: allFrames === null || pixels === null ? null : allFrames * pixels,
  }
}

/** Last value of each name, as servers read a form; what stands at the top wins over what is nested. */
function valuesOf(body: FormBody): Map<string, unknown> {
  const values = new Map<string, unknown>()
  for (const field of body.fields) {
    if (!NESTED.includes(field.name)) continue
    const source = body.jsonOf(field)
    const inner = source === null ? null : tryOpenJson(source)
    for (const { name, value } of inner?.fields ?? []) values.set(name, value)
  }
  for (const { name, value } of body.fields) values.set(name, value)
  return values
}

function pixelsOf(values: Map<string, unknown>): number | null {
  const width = positive(values.get('width'))
  const height = positive(values.get('height'))
  if (width !== null && height !== null) return width * height
  const size = values.get('size')
  const match = typeof size === 'string' ? /^([1-9]\d{0,5})[xX*]([1-9]\d{0,5})$/.exec(size.trim()) : null
  return match ? Number(match[1]) * Number(match[2]) : null
}
