/** What a client has uploaded: its name is the backend's own, so that a client gets one that leads back to that backend. */
import { isTagged } from '../../core/job-id.ts'
import { answerJson } from '../answer-json.ts'
import { Allowance } from '../body/bounds.ts'
import { openBody } from '../body/open.ts'
import { applyEdits } from '../body/edit.ts'
import { idSwapper } from '../openai-videos/references.ts'
import type { Route } from '../protocol.ts'
import type { Submission, SubmitBody } from '../submit.ts'
import { isResourceId } from '../resource-id.ts'
import { editText, pathOf } from '../submission/field.ts'
import { submissionOf } from '../submission/submission.ts'
import { isResult } from './routes.ts'

/** As a graph names it, with its folder; null where the answer is to no upload. */
export function inputIn(body: unknown): string | null {
  if (body === null || typeof body !== 'object') return null
  const { name, subfolder, type } = body as Record<string, unknown>
  if (typeof name !== 'string' || typeof subfolder !== 'string' || type !== 'input') return null
  const input = subfolder === '' ? name : `${subfolder}/${name}`
  return isResourceId(input) && !isResult(input, type) ? input : null
}

/** A graph's source for the backend that has its inputs. */
export function withInputs(source: string, ids: ReadonlyMap<string, string>): string {
  if (ids.size === 0) return source
  return idSwapper(new Allowance(source.length), false, (id) => ids.get(id) ?? id)(source, ['graph'])
}

/** A mask, which is drawn on an input or a file. */
export function readMask(sent: SubmitBody, route: Route): Submission {
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
  if (ref === null || typeof ref !== 'object') return []
  const { filename, type = 'output' } = ref as Record<string, unknown>
  const isForeign = typeof filename === 'string' && !isTagged(filename)
  return isForeign && isResult(filename, typeof type === 'string' ? type : null) ? [filename] : []
}
