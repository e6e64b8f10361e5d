/**
 * What a submit of the OpenAI Videos wire means: its facts, the jobs it refers to, and the same
 * body rebuilt for one arm (PROTOCOLS.md sections 0.1 and 1 to 5). Knows no encoding.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { applyEdits, type Edit } from '../body/edit.ts'
import { encodeUtf8, lengthPrefixed, malformed, type Field, type FormBody } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import type { RebuildTarget, Route, Submission } from '../protocol.ts'
import { readFacts } from './facts.ts'
import { refersToJobs } from './routes.ts'
import { shadowEdits, shadowJson } from './shadow-copy.ts'

/** Ids are safe in a path; anything else in `video` is a URL or data of the client's own. */
const JOB_ID = /^[A-Za-z0-9._~-]{1,512}$/

export function toSubmission(body: FormBody, contentType: string, route: Route): Submission {
  const models = body.fields.filter((field) => field.name === 'model' && field.value !== undefined)
  if (models.length > 1) throw malformed('model', 'stands more than once')
  const model = models[0]?.value ?? null
  if (model !== null && typeof model !== 'string') throw malformed('model', 'must be a string')
  const references = refersToJobs(route) ? referencesOf(body) : []
  const named = references.map(({ id }) => id)
  const jobs = [...new Set(route.job === null ? named : [route.job, ...named])]

  let fingerprint: string | undefined
  return {
    model,
    ...readFacts(body),
    jobs,
    // Only submits with an idempotency key need it, and a file may be large.
    get fingerprint() {
      return (fingerprint ??= fingerprintOf(body, route))
    },
    rebuild: (target) => {
      const own = [
        ...modelEdit(body, models[0], target.model),
        ...references.flatMap((reference) => referenceEdit(body, reference, target)),
      ]
      const taken = new Set(own.map(({ start }) => start))
      const left = target.shadow ? shadowEdits(body).filter(({ start }) => !taken.has(start)) : []
      return { bytes: applyEdits(body.bytes, [...own, ...left]), contentType }
    },
  }
}

/** A model that the client left out stays out: the backend then takes its own. */
function modelEdit(body: FormBody, field: Field | undefined, model: string | null): Edit[] {
  if (!field || model === null || field.value === null || field.value === model) return []
  return [{ ...field.span, bytes: body.encodeText(model) }]
}

interface Reference {
  field: Field
  id: string
  /** The field holds a JSON object, and the id is its member. */
  inner: { body: FormBody; field: Field } | null
}

/** `video: "id"`, `video: {"id"}` and, in forms, `video[id]`. */
function referencesOf(body: FormBody): Reference[] {
  const found: Reference[] = []
  for (const field of body.fields) {
    if (field.name !== 'video' && field.name !== 'video[id]') continue
    const source = body.jsonOf(field)
    const innerBody = source === null ? null : tryOpenJson(source)
    const innerField = innerBody?.fields.find(({ name }) => name === 'id')
    const inner = innerBody && innerField ? { body: innerBody, field: innerField } : null
    const id = inner ? inner.field.value : field.value
    if (typeof id === 'string' && JOB_ID.test(id)) found.push({ field, id, inner })
  }
  return found
}

function referenceEdit(body: FormBody, { field, id, inner }: Reference, { jobIds, shadow }: RebuildTarget): Edit[] {
  const own = jobIds.get(id)
  if (own === undefined || own === id) return []
  const edit = (form: FormBody, at: Field) => ({ ...at.span, bytes: form.encodeText(own) })
  if (!inner) return [edit(body, field)]
  const json = editedJson(inner.body, [edit(inner.body, inner.field)])
  return [{ ...field.span, bytes: body.encodeJson(shadow ? shadowJson(json) : json) }]
}

function editedJson(body: FormBody, edits: Edit[]): string {
  return new TextDecoder().decode(applyEdits(body.bytes, edits))
}

/** Of the whole request: the same body sent to another job's remix is another submit. */
function fingerprintOf(body: FormBody, route: Route): string {
  const hash = sha256.create()
  for (const chunk of lengthPrefixed([encodeUtf8(route.upstreamPath(route.job))])) hash.update(chunk)
  for (const chunk of body.canonical()) hash.update(chunk)
  return bytesToHex(hash.digest())
}
