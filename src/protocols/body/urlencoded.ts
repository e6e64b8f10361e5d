/** application/x-www-form-urlencoded with the place of each value. Reads names and text only. */
import { checkCount, checkName } from './bounds.ts'
import type { Edit, Field, FieldValue, FormBody, Span } from './form-body.ts'
import { decodeUtf8, encodeUtf8, formText, lengthPrefixed, malformed, withoutWhole } from './form-body.ts'

interface Pair extends Field {
  /** Name, `=` and value, with the `&` that follows. */
  whole: Span
  hasEquals: boolean
}

/** Throws `malformed_body` for an empty body, too many fields, bytes beyond ASCII, or percent signs that decode to no UTF-8. */
export function openUrlencoded(bytes: Uint8Array<ArrayBuffer>): FormBody {
  const text = decodeUtf8(bytes, 'body')
  if (text.length !== bytes.length) throw malformed('body', 'holds characters that must be percent-encoded')
  const fields: Pair[] = []
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('&', start) < 0 ? text.length : text.indexOf('&', start)
    if (end > start) {
      checkCount(fields.length)
      fields.push(pairAt(text, start, end))
    }
    start = end + 1
  }
  if (fields.length === 0) throw malformed('body', 'holds no fields')
  return {
    bytes,
    fields,
    set: setPair,
    jsonOf: ({ value }) => value as string,
    rename: (pair, name) => {
      const { whole, span, hasEquals } = pair as Pair
      return [
        { start: whole.start, end: span.start - (hasEquals ? 1 : 0), bytes: encodeUtf8(encodeURIComponent(name)) },
      ]
    },
    add: (added) => {
      const pairs = added.map(
        ({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(formText(value))}&`,
      )
      return [{ start: 0, end: 0, bytes: encodeUtf8(pairs.join('')) }]
    },
    remove: (gone) => withoutWhole(fields, gone),
    canonical: () =>
      lengthPrefixed([
        encodeUtf8('form'),
        ...fields.flatMap((f) => [encodeUtf8(f.name), encodeUtf8(f.value as string)]),
      ]),
  }
}

function pairAt(text: string, start: number, end: number): Pair {
  const equals = text.slice(start, end).indexOf('=')
  // A name alone is an empty value, as every reader of forms takes it.
  const nameEnd = equals < 0 ? end : start + equals
  const name = decode(text.slice(start, nameEnd), 'body')
  checkName(name)
  const valueStart = Math.min(nameEnd + 1, end)
  const value = decode(text.slice(valueStart, end), name)
  const whole = { start, end: Math.min(end + 1, text.length) }
  return { name, value, span: { start: valueStart, end }, whole, hasEquals: equals >= 0 }
}

function setPair(pair: Field, value: FieldValue): Edit[] {
  const { span, hasEquals } = pair as Pair
  return [{ ...span, bytes: encodeUtf8((hasEquals ? '' : '=') + encodeURIComponent(formText(value))) }]
}

function decode(text: string, path: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw malformed(path, 'is not percent-encoded UTF-8', cause)
  }
}
