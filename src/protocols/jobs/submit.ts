/** A submit of a declared wire: its model in the path or in a field, its facts in the fields that the table names. */
import type { WireSettings } from '../../config/wire-schema.ts'
import { answerJson } from '../answer-json.ts'
import { type FormBody, pathOf } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import { decodedSegment } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'
import { hostedFacts } from '../submission/facts.ts'
import { putFields } from '../submission/field-mapping.ts'
import { shadowCopy } from '../submission/shadow-copy.ts'
import { modelNamed, submissionOf } from '../submission/submission.ts'
import type { Facts, Submission, SubmitBody } from '../submit.ts'
import { type Keys, valueAt } from './places.ts'

export function readDeclaredSubmit(wire: WireSettings, sent: SubmitBody, route: Route): Submission {
  const body = openBody(sent.bytes, sent.contentType)
  const model = modelOf(wire, body, route)
  return submissionOf(body, sent, route.upstreamPath(null), {
    model,
    ...factsOf(wire, body),
    rebuild: ({ model: own, shadow }) => {
      const bytes = shadow ? shadowCopy(body) : sent.bytes
      // A model that the client left out stays out: the backend then takes its own.
      const isWritten = wire.model !== undefined && own !== null && model !== null && own !== model
      return {
        bytes: isWritten
          ? putFields(bytes === sent.bytes ? body : openBody(bytes, sent.contentType), [[wire.model!, { text: own }]])
          : bytes,
        path: route.upstreamPath(null, own),
      }
    },
  })
}

function modelOf({ head, model }: WireSettings, body: FormBody, { prefix }: Route): string | null {
  const named = head === '' ? model && fieldAt(body, model) : decodedSegment(prefix.split('/').at(-1)!)
  return modelNamed(named, model?.join('.') ?? 'the model')
}

function factsOf(wire: WireSettings, body: FormBody): Facts {
  const at = (keys: Keys | undefined) => keys && fieldAt(body, keys)
  const [prompt, frames, fps, seconds] = [at(wire.prompt), at(wire.frames), at(wire.fps), at(wire.duration)]
  return hostedFacts({ prompt, frames, fps, seconds, size: at(wire.size) })
}

/** What stands in a body at this place; in a form also within JSON that a field holds. Of several the last counts. */
function fieldAt(body: FormBody, keys: Keys): unknown {
  let found: unknown
  for (const field of body.fields) {
    const own = pathOf(field.name)
    if (own.length > keys.length || own.some((key, i) => key !== keys[i])) continue
    const below = keys.slice(own.length)
    const isText = typeof field.value === 'string' && below.length > 0
    const value = valueAt(isText ? answerJson(body.jsonOf(field) ?? '') : field.value, below)
    if (value !== undefined) found = value
  }
  return found
}
