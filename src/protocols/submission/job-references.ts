/** Jobs that a submit refers to: where their ids stand in it, and how they are replaced there. Knows no encoding. */
import { isTagged } from '../../core/job-id.ts'
import type { Allowance } from '../body/bounds.ts'
import { editTexts, isJson, looksLikeJson } from '../body/json-text.ts'
import { holdsId, PROMPTS } from '../member-names.ts'

/** Ids are safe in a path; anything else in `video` is a URL or data of the client's own. */
const JOB_ID = /^[A-Za-z0-9._~-]{1,512}$/
/** What both marks of a tagged id hold. */
export const MARK = 'slc'
/** Under a name that promises no id, a shorter word with such a mark is one by chance. */
const MIN_ID_CHARS = 40

/** Text in, text out. `path`: the keys down to it, `levels`: brackets around it. */
export type SwapIds = (text: string, path: string[], levels?: number) => string

/**
 * The text with each id in it put through `swap`: an id of ours wherever it is a whole value, in JSON at any depth
 * and in JSON held as text; with `refers` any id in `video` or as its `id` too. Prompts are left alone. `allowance`:
 * of the whole body. Throws `malformed_body` where JSON held as text outgrows it.
 */
export function idSwapper(allowance: Allowance, refers: boolean, swap: (id: string) => string): SwapIds {
  const swapIds: SwapIds = (text, path, levels = 0) => {
    const inVideo = refers && path[0] === 'video'
    const name = path.at(-1) ?? ''
    if (PROMPTS.has(name) || path[0] === 'model' || (!inVideo && !text.includes(MARK))) return text
    const namesJob = inVideo && (path.length === 1 || name === 'id')
    const isOurs = isTagged(text) && (holdsId(name) || text.length >= MIN_ID_CHARS)
    if (JOB_ID.test(text) && (namesJob || isOurs)) return swap(text)
    if (!looksLikeJson(text)) return text
    allowance.takeText(text, levels, path[0] ?? 'body')
    if (!isJson(text)) return text
    return editTexts(text, (inner, below, inside) => swapIds(inner, below, levels + inside), path)
  }
  return swapIds
}
