/** How a submit's fields are changed for one arm, as operators write it under `rename`, `set` and `clamp` of an arm. */
import * as v from 'valibot'
import { across, isTable, range } from './fields.ts'
import { fault } from './issue-words.ts'

/** Of each of the three. */
const MAX_FIELDS = 50
/** Keys joined by dots, each of letters, digits, `_`, `-` and `:`. */
const FIELD = /^[\w:-]+(\.[\w:-]+)*$/
const MAX_NAME_CHARS = 200
const MAX_TEXT_CHARS = 1000

const field = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME_CHARS),
  v.regex(
    FIELD,
    fault('not_field', 'a field is named like num_frames, and one within another like "input.num_frames"'),
  ),
)

const plainText = v.pipe(
  v.string(),
  v.maxLength(MAX_TEXT_CHARS),
  v.check((text) => !/\p{Cc}/u.test(text), fault('control_characters', 'a value holds no control characters')),
)
const number = v.pipe(v.number(), v.finite())
const NO_VALUE = fault(
  'not_set_value',
  'a text, a number, true, false or a list of them is needed; write a field within another as "input.num_frames"',
)
const plain = v.union([plainText, number, v.boolean()], NO_VALUE)
const setValue = v.union([plainText, number, v.boolean(), v.pipe(v.array(plain), v.maxLength(100))], NO_VALUE)
export type SetValue = v.InferOutput<typeof setValue>

/** Field → what is said of it; a rule over all of them may follow in the pipe. */
function fields<const S extends v.GenericSchema>(value: S) {
  return v.pipe(
    v.custom<Record<string, v.InferInput<S>>>(isTable, fault('not_table', 'a table is needed here')),
    v.record(field, value),
    v.rawCheck(({ dataset, addIssue }) => {
      const count = isTable(dataset.value) ? Object.keys(dataset.value).length : 0
      const message = `at most ${MAX_FIELDS} fields are allowed, not ${count}`
      if (count > MAX_FIELDS) addIssue({ message: fault('too_many_fields', message, { most: MAX_FIELDS }) })
    }),
  )
}

/** A field must not be named twice, nor lie within another that is named: which of the two came first would matter. */
function apart<T>(namesOf: (given: Record<string, unknown>) => unknown[]): v.RawCheckAction<T> {
  return v.rawCheck(({ dataset, addIssue }) => {
    const given: unknown = dataset.value
    const names = isTable(given) ? namesOf(given).filter((name) => typeof name === 'string') : []
    const ordered = names.map((name) => `${name}.`).toSorted()
    const at = ordered.findIndex((name, i) => ordered[i + 1]?.startsWith(name))
    if (at < 0) return
    const [first, second] = [ordered[at]!.slice(0, -1), ordered[at + 1]!.slice(0, -1)]
    const message =
      first === second
        ? `${first} is named twice: each field is renamed once, and to a name of its own`
        : `${second} lies within ${first}: name one of the two`
    addIssue({ message: fault('fields_overlap', message, { first, second }) })
  })
}

/** Keys of an arm, all optional. */
export const mappingEntries = {
  rename: v.optional(
    v.pipe(
      fields(field),
      apart((given) => [...Object.keys(given), ...Object.values(given)]),
    ),
  ),
  set: v.optional(v.pipe(fields(setValue), apart(Object.keys))),
  clamp: v.optional(
    fields(
      v.pipe(
        range,
        across(
          ({ min, max }) => typeof min !== 'number' || typeof max !== 'number' || min <= max,
          fault('range_backwards', 'min must not be above max'),
        ),
      ),
    ),
  ),
}

/** What is done to each submit for an arm, in this order. Paths are keys from the body's top down. */
export interface FieldMapping {
  rename: readonly { from: readonly string[]; to: readonly string[] }[]
  set: readonly { path: readonly string[]; value: SetValue }[]
  clamp: readonly { path: readonly string[]; min: number; max: number }[]
}

type Written = { [K in keyof typeof mappingEntries]?: v.InferOutput<(typeof mappingEntries)[K]> }

/** Null where nothing is to be changed, which is to cost nothing. */
export function mappingOf({ rename = {}, set = {}, clamp = {} }: Written): FieldMapping | null {
  const keysOf = (path: string) => path.split('.')
  const mapping = {
    rename: Object.entries(rename).map(([from, to]) => ({ from: keysOf(from), to: keysOf(to) })),
    set: Object.entries(set).map(([path, value]) => ({ path: keysOf(path), value })),
    clamp: Object.entries(clamp).map(([path, { min, max }]) => ({
      path: keysOf(path),
      min: min ?? -Number.MAX_VALUE,
      max: max ?? Number.MAX_VALUE,
    })),
  }
  return Object.values(mapping).every((each) => each.length === 0) ? null : mapping
}
