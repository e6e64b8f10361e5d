/**
 * What a shadow's copy of a submit leaves out: fields that would make it act on the client's
 * behalf. Everything else stays byte for byte.
 */
import { applyEdits, type Edit, type Span } from '../body/edit.ts'
import { decodeUtf8, encodeUtf8, type FormBody } from '../body/form-body.ts'
import { depthOf, elementsOf, MAX_DEPTH, membersOf, QUOTE, removeMembers, skipSpace } from '../body/json-scan.ts'

/** Calling somebody, storing somewhere, naming a person: no server of this wire spells it alike. */
const ACTS_FOR_CLIENT = new RegExp(
  [
    'webhook|callback|notif|hook_?url',
    'bucket|upload|presigned|storage',
    '^(oss|s3|gcs|azure)_',
    '(output|save|result)_?(dir|path|url|file)',
    '^(user|user_id|safety_identifier|metadata)$',
  ].join('|'),
  'i',
)
/** A name in text that looks like JSON but does not read as such. */
const NAMES = /([\w-]+)["']?\s*:/g
/** Text of people, even where it looks like JSON. */
const PROMPTS = new Set(['prompt', 'negative_prompt'])
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** Takes those fields out, wherever they stand: `metadata[a]` in forms, in objects at any depth, in JSON held as text. */
export function shadowEdits(body: FormBody): Edit[] {
  const gone = new Set(body.fields.filter(({ name }) => name.split(/[[\]]+/).some(actsForClient)))
  const edits = body.remove(gone)
  for (const field of body.fields) {
    const isText = typeof field.value === 'string'
    if (gone.has(field) || (isText && PROMPTS.has(field.name))) continue
    const text = isText ? (field.value as string) : body.jsonOf(field)
    const copy = text === null ? null : shadowJson(text)
    if (copy === null || copy === text) continue
    edits.push({ ...field.span, bytes: isText ? body.encodeText(copy) : body.encodeJson(copy) })
  }
  return edits
}

/** The same for text that may be JSON. What looks like it, can't be read and names such a field becomes an empty object. */
export function shadowJson(text: string): string {
  if (!/^\s*[{[]/.test(text)) return text
  const bytes = encodeUtf8(text)
  if (!isReadable(text, bytes)) return namesIn(text).some(actsForClient) ? '{}' : text
  const edits = valueEdits(bytes, { start: skipSpace(bytes, 0), end: bytes.length })
  return edits.length === 0 ? text : decodeUtf8(applyEdits(bytes, edits), 'body')
}

function valueEdits(bytes: Uint8Array, { start, end }: Span): Edit[] {
  if (bytes[start] === OPEN_BRACKET) return elementsOf(bytes, start).flatMap((span) => valueEdits(bytes, span))
  if (bytes[start] === OPEN_BRACE) {
    const members = membersOf(bytes, start)
    return [
      ...removeMembers(members, ({ name }) => actsForClient(name)),
      ...members.flatMap(({ name, span }) => {
        const isPrompt = PROMPTS.has(name) && bytes[span.start] === QUOTE
        return actsForClient(name) || isPrompt ? [] : valueEdits(bytes, span)
      }),
    ]
  }
  if (bytes[start] !== QUOTE) return []
  const text = JSON.parse(decodeUtf8(bytes.subarray(start, end), 'body')) as string
  const copy = shadowJson(text)
  return copy === text ? [] : [{ start, end, bytes: encodeUtf8(JSON.stringify(copy)) }]
}

function isReadable(text: string, bytes: Uint8Array): boolean {
  if (depthOf(bytes) > MAX_DEPTH) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function actsForClient(name: string): boolean {
  return ACTS_FOR_CLIENT.test(name)
}

function namesIn(text: string): string[] {
  return Array.from(text.matchAll(NAMES), (match) => match[1] ?? '')
}
