/**
 * What a submit of the OpenAI Videos wire means: its facts, the jobs it refers to, and the same
 * body rebuilt for one arm. Knows no encoding.
 */
import { Allowance } from '../body/bounds.ts'
import { applyEdits, malformed, type Field, type FormBody, editText, pathOf, textOf } from '../body/form-body.ts'
import { editTexts } from '../body/json-text.ts'
import { tryOpenJson } from '../body/json.ts'
import type { Route } from '../protocol.ts'
import { clipFacts, pixelsOf, positive, promptChars } from '../submission/facts.ts'
import { idSwapper, MARK } from '../submission/job-references.ts'
import { isLeftOut, shadowText } from '../submission/shadow-copy.ts'
import { modelNamed, submissionOf } from '../submission/submission.ts'
import type { RebuildTarget, Submission, SubmitBody, Facts } from '../submit.ts'
import { refersToJobs } from './routes.ts'

export function toSubmission(body: FormBody, sent: SubmitBody, route: Route): Submission {
  const models = body.fields.filter((field) => field.name === 'model' && field.value !== undefined)
  if (models.length > 1) throw malformed('model', 'stands more than once')
  const merged = body.fields.filter((field) => isMerged(field) && modelIn(body, field) !== null)
  const model = modelNamed(models[0]?.value ?? merged.map((field) => modelIn(body, field)).at(-1), 'model')
  const refers = refersToJobs(route)
  const jobs = jobsIn(body, refers)
  if (route.job !== null) jobs.delete(route.job)

  return submissionOf(body, sent, route.upstreamPath(route.job), {
    model,
    ...readFacts(body),
    jobs: [...(route.job === null ? [] : [route.job]), ...jobs],
    rebuild: (target) => {
      const gone = new Set(target.shadow ? body.fields.filter(isLeftOut) : [])
      const isRead = target.shadow || jobs.size > 0
      const rebuilt = rebuilder(body, target, refers)
      // A model that the client left out stays out: the backend then takes its own.
      const change = (field: Field, text: string): string => {
        if (field === models[0]) return target.model ?? text
        const own = rebuilt(text, pathOf(field.name))
        return target.model !== null && merged.includes(field) ? withModel(own, target.model) : own
      }
      const edits = body.fields
        .filter((field) => !gone.has(field) && (isRead || field === models[0] || merged.includes(field)))
        .flatMap((field) => editText(body, field, (text) => change(field, text)))
      return {
        bytes: applyEdits(body.bytes, [...body.remove(gone), ...edits]),
        path: route.upstreamPath(route.job && (target.jobIds.get(route.job) ?? null)),
      }
    },
  })
}

/** The model that a merged field names; null where it names none. */
function modelIn(body: FormBody, field: Field): string | null {
  const inner = tryOpenJson(textOf(body, field) ?? '')
  const named = inner?.fields.find(({ name }) => name === 'model')?.value
  return typeof named === 'string' ? named : null
}

function withModel(text: string, model: string): string {
  return editTexts(text, (inner, path) => (path.length === 1 && path[0] === 'model' ? model : inner))
}

/** Client ids, each once. */
function jobsIn(body: FormBody, refers: boolean): Set<string> {
  const found = new Set<string>()
  const look = idSwapper(new Allowance(body.bytes.length), refers, (id) => (found.add(id), id))
  for (const field of body.fields) {
    const text = textOf(body, field) ?? ''
    if (refers || text.includes(MARK)) look(text, pathOf(field.name))
  }
  return found
}

/** What a field's text becomes for one arm. */
function rebuilder(body: FormBody, { jobIds, shadow }: RebuildTarget, refers: boolean) {
  const swapIds = idSwapper(new Allowance(body.bytes.length), refers, (id) => jobIds.get(id) ?? id)
  const allowance = new Allowance(body.bytes.length)
  return (text: string, path: string[]): string => {
    const own = swapIds(text, path)
    return shadow ? shadowText(own, path, allowance) : own
  }
}

/** vLLM-Omni's and SGLang's own default. */
const DEFAULT_FPS = 24
/** Objects that SGLang puts to what stands at the top. */
const MERGED: ReadonlySet<string> = new Set(['extra_body', 'extra_json', 'extra_params'])
/** What Dynamo reads beside it. */
const NVEXT = 'nvext'

/** Whether members of this field count as if they stood at the top, the model's name among them. */
function isMerged({ name }: Field): boolean {
  return MERGED.has(name)
}

function readFacts(body: FormBody): Facts {
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
