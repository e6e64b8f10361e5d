/** Prompt length, clip length and amount of work of a submit, under the names that OpenAI Videos servers give them. */
import type { Field, FormBody } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import type { Facts } from '../submit.ts'
import { clipFacts, pixelsOf, positive, promptChars } from '../submission/facts.ts'

/** vLLM-Omni's and SGLang's own default. */
const DEFAULT_FPS = 24
/** Objects that SGLang puts to what stands at the top. */
const MERGED: ReadonlySet<string> = new Set(['extra_body', 'extra_json', 'extra_params'])
/** What Dynamo reads beside it. */
const NVEXT = 'nvext'

/** Whether members of this field count as if they stood at the top, the model's name among them. */
export function isMerged({ name }: Field): boolean {
  return MERGED.has(name)
}

export function readFacts(body: FormBody): Facts {
  const values = valuesOf(body)
  return {
    promptChars: promptChars(values.get('prompt')),
    ...clipFacts({
      seconds: positive(values.get('seconds')),
      frames: positive(values.get('num_frames')),
      fps: positive(values.get('fps')) ?? DEFAULT_FPS,
      pixels: pixelsIn(values),
    }),
  }
}

/** Last value of each name, as servers read a form; what stands at the top wins over what is nested. */
function valuesOf(body: FormBody): Map<string, unknown> {
  const values = new Map<string, unknown>()
  for (const field of body.fields) {
    if (field.name !== NVEXT && !isMerged(field)) continue
    const source = body.jsonOf(field)
    const inner = source === null ? null : tryOpenJson(source)
    for (const { name, value } of inner?.fields ?? []) values.set(name, value)
  }
  for (const { name, value } of body.fields) values.set(name, value)
  return values
}

function pixelsIn(values: Map<string, unknown>): number | null {
  const width = positive(values.get('width'))
  const height = positive(values.get('height'))
  if (width !== null && height !== null) return width * height
  const size = values.get('size')
  return typeof size === 'string' ? pixelsOf(size.trim().toLowerCase()) : null
}
