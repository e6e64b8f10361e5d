/**
 * A submit to ComfyUI: a graph, an id that its client may choose, and the name under which the client listens. Whatever
 * type it is sent under, the body is JSON, since the server looks at nothing else. Beside it what a client has uploaded,
 * whose name is the backend's own, so that the client gets one that leads back there; and masks, which are read by their type.
 */
import { isTagged } from '../../core/job-id.ts'
import { answerJson, isObject, isResourceId } from '../answer-json.ts'
import { Allowance, MAX_NAME_CHARS } from '../body/bounds.ts'
import { applyEdits, type Field, type FormBody, malformed, editText, pathOf } from '../body/form-body.ts'
import { editJson, editTexts } from '../body/json-text.ts'
import { openJson } from '../body/json.ts'
import { openBody } from '../body/open.ts'
import type { Route } from '../protocol.ts'
import { idSwapper } from '../submission/job-references.ts'
import { isLeftOut, shadowText } from '../submission/shadow-copy.ts'
import { chosenIdOf, submissionOf } from '../submission/submission.ts'
import type { NamedJobs, RebuildTarget, Submission, SubmitBody } from '../submit.ts'
import { inputsOf, readGraph, withModel } from './graph.ts'
import { isResult } from './routes.ts'
import { callerSays } from './socket.ts'

/** A copy has an id of its own, tells nobody how it goes on, and takes its place in the queue. */
const OF_CLIENT = new Set(['prompt_id', 'client_id', 'front', 'number'])
/** What the client shows nodes that call a hosted model. */
const CREDENTIAL = /token|api_?key|secret|password|authorization/i

export function readComfySubmit(sent: SubmitBody, route: Route): Submission {
  if (route.upstreamPath(null).endsWith('/upload/mask')) return readMask(sent, route)
  const body = openJson(sent.bytes)
  const graph = fieldOf(body, 'prompt')?.value
  const facts = readGraph(graph)
  if (facts.model !== null && facts.model.length > MAX_NAME_CHARS)
    throw malformed('prompt', `names models of more than ${MAX_NAME_CHARS} characters`)
  const chosenId = chosenIdOf(fieldOf(body, 'prompt_id')?.value, 'prompt_id')
  return submissionOf(body, sent, route.upstreamPath(null), {
    ...facts,
    jobs: inputsOf(graph),
    ...(chosenId === null ? {} : { chosenId }),
    // The server looks at no type, and who changes fields of it is to see what it is.
    rebuild: (target) => ({ bytes: rebuilt(body, graph, target), contentType: 'application/json' }),
  })
}

/** `{"delete": […]}`, `{"clear": true}`, or for an interrupt `{"prompt_id": …}` or nothing, which older clients send. */
export function readNamedJobs({ bytes }: SubmitBody, route: Route): NamedJobs {
  const interrupts = route.upstreamPath(null).endsWith('/interrupt')
  const body = bytes.length === 0 && interrupts ? null : openJson(bytes)
  const named = body && fieldOf(body, interrupts ? 'prompt_id' : 'delete')
  const bodyFor = (job: string) => JSON.stringify(interrupts ? { prompt_id: job } : { delete: [job] })
  if (!named || named.value === null) {
    const isAll = interrupts || (body && fieldOf(body, 'clear')?.value === true)
    return { jobs: isAll ? 'own' : [], bodyFor, mayHitOthers: interrupts }
  }
  const ids: unknown[] = Array.isArray(named.value) ? named.value : [named.value]
  if (!ids.every(isResourceId)) throw malformed(named.name, 'must name jobs by their ids')
  // Older builds look at no id, and stop whatever runs.
  return { jobs: [...new Set(ids)], bodyFor, mayHitOthers: interrupts }
}

function rebuilt(body: FormBody, graph: unknown, { model, shadow, caller, jobIds }: RebuildTarget) {
  const gone = new Set(shadow ? body.fields.filter((field) => OF_CLIENT.has(field.name) || isLeftOut(field)) : [])
  const allowance = new Allowance(body.bytes.length)
  const change = ({ name }: Field, text: string): string => {
    if (name === 'client_id') return caller === undefined ? text : callerSays(caller, text)
    if (name === 'extra_data') return shadow ? withoutClient(text, allowance) : asCaller(text, caller)
    if (name !== 'prompt') return shadow ? shadowText(text, pathOf(name), allowance) : text
    const own = withInputs(model === null ? text : withModel(text, graph, model), jobIds)
    // Not under its own name, below which texts are people's words.
    return shadow ? shadowText(own, ['graph'], allowance) : own
  }
  const edits = body.fields
    .filter((field) => !gone.has(field))
    .flatMap((field) => editText(body, field, (text) => change(field, text)))
  return applyEdits(body.bytes, [...body.remove(gone), ...edits])
}

/** The name that a client listens under may stand in here, too. */
function asCaller(text: string, caller: string | undefined): string {
  // With an escape in it the name may be spelled otherwise.
  if (caller === undefined || !/client_id|\\/.test(text)) return text
  return editTexts(text, (inner, path) =>
    path.length === 1 && path[0] === 'client_id' ? callerSays(caller, inner) : inner,
  )
}

function withoutClient(text: string, allowance: Allowance): string {
  const own = editJson(text, {
    key: (path) => (path.length === 1 && (path[0] === 'client_id' || CREDENTIAL.test(path[0]!)) ? null : path.at(-1)!),
    text: (inner) => inner,
  })
  return shadowText(own, ['extra_data'], allowance)
}

function fieldOf(body: FormBody, name: string): Field | undefined {
  return body.fields.find((field) => field.name === name)
}

/** As a graph names it, with its folder; null where the answer is to no upload. */
export function inputIn(body: unknown): string | null {
  const { name, subfolder, type } = isObject(body) ? body : {}
  if (typeof name !== 'string' || typeof subfolder !== 'string' || type !== 'input') return null
  const input = subfolder === '' ? name : `${subfolder}/${name}`
  return isResourceId(input) && !isResult(input, type) ? input : null
}

/** A graph's source for the backend that has its inputs. */
function withInputs(source: string, ids: ReadonlyMap<string, string>): string {
  if (ids.size === 0) return source
  return idSwapper(new Allowance(source.length), false, (id) => ids.get(id) ?? id)(source, ['graph'])
}

/** A mask, which is drawn on an input or a file. */
function readMask(sent: SubmitBody, route: Route): Submission {
  const body = openBody(sent.bytes, sent.contentType)
  const swapped = (swap: (id: string) => string) => {
    const swapIds = idSwapper(new Allowance(sent.bytes.length), false, swap)
    return body.fields.flatMap((field) => editText(body, field, (text) => swapIds(text, pathOf(field.name))))
  }
  const found = new Set<string>()
  swapped((id) => (found.add(id), id))
  for (const { name, value } of body.fields)
    if (name === 'original_ref') for (const id of resultIn(value)) found.add(id)
  return submissionOf(body, sent, route.upstreamPath(null), {
    ...{ model: null, promptChars: null, durationSeconds: null, work: null },
    jobs: [...found],
    rebuild: ({ jobIds }) => {
      const edits = swapped((id) => jobIds.get(id) ?? id)
      return { bytes: applyEdits(sent.bytes, edits) }
    },
  })
}

/** What the mask's original is called, where it is a file that was made and whose name is not Sluice's. */
function resultIn(original: unknown): string[] {
  const ref: unknown = typeof original === 'string' ? answerJson(original) : original
  const { filename, type = 'output' } = isObject(ref) ? ref : {}
  const isForeign = typeof filename === 'string' && !isTagged(filename)
  return isForeign && isResult(filename, typeof type === 'string' ? type : null) ? [filename] : []
}
