/**
 * How much a body may hold, beside its bytes: fields, members, levels. Counted in one pass over the text, before
 * anything is built of it, so that a body never costs more than its length. No video API comes near these numbers.
 */
import { malformed } from './form-body.ts'
import { stringEnd } from './json-text.ts'

/** Fields of a form, parts of a multipart body, members on top of a JSON body. */
const MAX_FIELDS = 1000
/** Characters in the name of such a field, and in a model's. */
export const MAX_NAME_CHARS = 1000
/** Of one part of a multipart body: all its header lines. */
export const MAX_PART_HEADER_BYTES = 16 * 1024
export const MAX_PART_HEADERS = 32

export interface JsonBounds {
  /** Brackets within brackets; of JSON held as text those around the text count too. */
  levels: number
  /** Members of all objects. */
  members: number
  /** Members and elements, of all objects and arrays. */
  values: number
}

/** Of a submit, with all JSON held as text in it. */
const SUBMIT_BOUNDS: JsonBounds = { levels: 100, members: 10_000, values: 100_000 }
/** Of a backend's answer, which may repeat a submit whole. */
export const ANSWER_BOUNDS: JsonBounds = { levels: 200, members: 20_000, values: 200_000 }

/** All JSON held as text in a body, and as text in such text, may have so many times the body's length. */
const MAX_TEXT_READS = 4

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Throws `malformed_body` where one field more would be too many; asked before it is kept. */
export function checkCount(fieldsBefore: number): void {
  if (fieldsBefore >= MAX_FIELDS) throw malformed('body', `has more than ${MAX_FIELDS} fields`)
}

/** Throws `malformed_body` for a field's name that is too long to be one; does not repeat it. */
export function checkName(name: string): void {
  if (name.length > MAX_NAME_CHARS) throw malformed('body', `has a name of more than ${MAX_NAME_CHARS} characters`)
}

/** What the texts of one body may still hold together. */
export class Allowance {
  readonly #bounds: JsonBounds
  #members: number
  #values: number
  #textChars: number

  /** `chars`: the body's length. */
  constructor(chars: number, bounds: JsonBounds = SUBMIT_BOUNDS) {
    this.#bounds = bounds
    this.#members = bounds.members
    this.#values = bounds.values
    this.#textChars = chars * MAX_TEXT_READS
  }

  /** Takes JSON that is held as text, `levels` brackets deep. Throws `malformed_body`, telling `path`. */
  takeText(text: string, levels: number, path: string): void {
    this.#textChars -= text.length
    if (this.#textChars < 0) throw malformed(path, 'holds JSON as text in text in text')
    this.take(text, levels, path)
  }

  /** Takes one JSON text, or what only begins like one. Throws `malformed_body`, telling `path`. */
  take(text: string, levels: number, path: string): void {
    const most = { levels: this.#bounds.levels - levels, members: this.#members, values: this.#values }
    const found = counted(text, most)
    if (found.levels > most.levels) throw malformed(path, `nests deeper than ${this.#bounds.levels} levels`)
    if (found.members > most.members) throw malformed(path, `has more than ${this.#bounds.members} members`)
    if (found.values > most.values) throw malformed(path, `has more than ${this.#bounds.values} values`)
    this.#members -= found.members
    this.#values -= found.values
  }
}

/**
 * Members that this JSON has as it is written: more than are read of it, where a name stands twice in one object. Null
 * where it may not be built in memory.
 */
export function membersWithin(text: string, bounds: JsonBounds): number | null {
  const { levels, members, values } = counted(text, bounds)
  return levels <= bounds.levels && members <= bounds.members && values <= bounds.values ? members : null
}

/** What stands outside strings, whether the JSON is valid or not; no more of it than is needed to outgrow `most`. */
function counted(text: string, most: JsonBounds): JsonBounds {
  let depth = 0
  let levels = 0
  let members = 0
  // Of each array and object the first value, and one after each comma.
  let values = 0
  for (let i = 0; i < text.length && levels <= most.levels && members <= most.members && values <= most.values; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = stringEnd(text, i) - 1
    else if (code === COLON) members++
    else if (code === COMMA) values++
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      levels = Math.max(levels, ++depth)
      values++
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return { levels, members, values }
}
