/**
 * What a shadow's copy of a submit leaves out: fields that would make it act on the client's
 * behalf. Everything else stays byte for byte.
 */
import { Allowance } from '../body/bounds.ts'
import { applyEdits, type Edit, type Field, type FormBody, editText, pathOf } from '../body/form-body.ts'
import { editJson, type JsonEditor, isJson, looksLikeJson } from '../body/json-text.ts'
import { PROMPTS } from '../member-names.ts'
import { actsForClient, isStore, namesInput } from './acting-fields.ts'

/** A word, and what makes it a name where it follows, in text that looks like JSON but does not read as such. */
const WORD = /[\w-]+/g
const AFTER_NAME = /["']?\s*:/y

/** The whole body without such fields and those that are `own` to the job; the very same bytes where there are none. */
export function shadowCopy(body: FormBody, own?: (field: Field) => boolean): Uint8Array<ArrayBuffer> {
  return applyEdits(body.bytes, shadowEdits(body, own))
}

/** The same as edits, for who makes others beside them. */
export function shadowEdits(body: FormBody, own: (field: Field) => boolean = () => false): Edit[] {
  const gone = new Set(body.fields.filter((field) => isLeftOut(field) || own(field)))
  const allowance = new Allowance(body.bytes.length)
  const edits = body.fields
    .filter((field) => !gone.has(field))
    .flatMap((field) => editText(body, field, (text) => shadowText(text, pathOf(field.name), allowance)))
  return [...body.remove(gone), ...edits]
}

/** Whether the whole field goes, by its name (`metadata[a]` too) or by the store that it names. */
export function isLeftOut({ name, value }: Field): boolean {
  const path = pathOf(name)
  return (
    path.some(actsForClient) ||
    (typeof value === 'string' && isStore(value) && !isPrompt(path) && !path.some(namesInput))
  )
}

/**
 * Text without such fields where it is JSON: in objects at any depth, in JSON held as text. What looks like JSON,
 * can't be read and names such a field becomes an empty object. `path`: the keys down to it; `allowance`: of the
 * whole body. Throws `malformed_body` where JSON held as text outgrows it.
 */
export function shadowText(text: string, path: string[], allowance: Allowance): string {
  // For each key down to where the walk is: whether it or one above names an input. Asked of a key once, however much stands below.
  const inputs = [false]
  for (const name of path) inputs.push(inputs.at(-1) === true || namesInput(name))
  const copied = (source: string, at: string[], levels: number): string => {
    if (isPrompt(at) || !looksLikeJson(source)) return source
    allowance.takeText(source, levels, path[0] ?? 'body')
    if (!isJson(source)) return namesActingField(source) ? '{}' : source
    const editor: JsonEditor = {
      key: (below) => {
        const name = below.at(-1) ?? ''
        inputs[below.length] = inputs[below.length - 1] === true || namesInput(name)
        return actsForClient(name) ? null : name
      },
      text: (inner, below, inside) =>
        isStore(inner) && !isPrompt(below) && !inputs[below.length] ? null : copied(inner, below, levels + inside),
    }
    return editJson(source, editor, at)
  }
  return copied(text, path, 0)
}

/** Text of people, even where it looks like something else. */
function isPrompt(path: readonly string[]): boolean {
  return PROMPTS.has(path.at(-1) ?? '')
}

function namesActingField(text: string): boolean {
  for (const word of text.matchAll(WORD)) {
    AFTER_NAME.lastIndex = word.index + word[0].length
    if (AFTER_NAME.test(text) && actsForClient(word[0])) return true
  }
  return false
}
