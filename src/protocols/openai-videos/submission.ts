/**
 * What a submit of the OpenAI Videos wire means: its facts, the jobs it refers to, and the same
 * body rebuilt for one arm. Knows no encoding.
 */
import { Allowance } from '../body/bounds.ts'
import { applyEdits } from '../body/edit.ts'
import { malformed, type Field, type FormBody } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import { editJson } from '../body/json-edit.ts'
import { editText, pathOf, textOf } from '../submission/field.ts'
import { isLeftOut, shadowText } from '../submission/shadow-copy.ts'
import { modelNamed, submissionOf } from '../submission/submission.ts'
import type { Route } from '../protocol.ts'
import type { RebuildTarget, Submission, SubmitBody } from '../submit.ts'
import { isMerged, readFacts } from './facts.ts'
import { idSwapper, MARK } from './references.ts'
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
  return editJson(text, {
    key: (path) => path.at(-1)!,
    text: (inner, path) => (path.length === 1 && path[0] === 'model' ? model : inner),
  })
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
