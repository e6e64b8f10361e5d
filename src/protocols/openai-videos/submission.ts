/**
 * What a submit of the OpenAI Videos wire means: its facts, the jobs it refers to, and the same
 * body rebuilt for one arm. Knows no encoding.
 */
import { Allowance } from '../body/bounds.ts'
import { applyEdits } from '../body/edit.ts'
import { malformed, type FormBody } from '../body/form-body.ts'
import { editText, pathOf, textOf } from '../submission/field.ts'
import { isLeftOut, shadowText } from '../submission/shadow-copy.ts'
import { modelNamed, submissionOf } from '../submission/submission.ts'
import type { Route } from '../protocol.ts'
import type { RebuildTarget, Submission, SubmitBody } from '../submit.ts'
import { readFacts } from './facts.ts'
import { idSwapper, MARK } from './references.ts'
import { refersToJobs } from './routes.ts'

export function toSubmission(body: FormBody, sent: SubmitBody, route: Route): Submission {
  const models = body.fields.filter((field) => field.name === 'model' && field.value !== undefined)
  if (models.length > 1) throw malformed('model', 'stands more than once')
  const model = modelNamed(models[0]?.value, 'model')
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
      const edits = body.fields
        .filter((field) => !gone.has(field) && (isRead || field === models[0]))
        .flatMap((field) =>
          editText(body, field, (text) =>
            // A model that the client left out stays out: the backend then takes its own.
            field === models[0] ? (target.model ?? text) : rebuilt(text, pathOf(field.name)),
          ),
        )
      return {
        bytes: applyEdits(body.bytes, [...body.remove(gone), ...edits]),
        path: route.upstreamPath(route.job && (target.jobIds.get(route.job) ?? null)),
      }
    },
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
