/** A submit as one arm is to get it: its model and ids by the wire's own adapter, its fields and encoding by the arm's configuration. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { FieldMapping } from '../../config/mapping-schema.ts'
import { decodeUtf8, encodeUtf8, type FormBody } from '../body/form-body.ts'
import { openJson } from '../body/json.ts'
import { openBody } from '../body/open.ts'
import { readParameters } from '../body/part-headers.ts'
import type { RebuildTarget, RebuiltSubmit, Submission } from '../submit.ts'
import { mapFields } from './field-mapping.ts'

interface Arm {
  model: string | null
  mapping: FieldMapping | null
  encoding: 'as_sent' | 'multipart'
}

export function rebuildForArm(
  submission: Submission,
  { model, mapping, encoding }: Arm,
  target: Omit<RebuildTarget, 'model'>,
): RebuiltSubmit {
  const rebuilt = submission.rebuild({ ...target, model })
  const { bytes, contentType } = rebuilt
  const mapped = mapping ? mapFields(openBody(bytes, contentType), mapping, target.shadow) : bytes
  if (encoding === 'multipart') return { ...rebuilt, ...asMultipart({ bytes: mapped, contentType }) }
  return mapped === bytes ? rebuilt : { ...rebuilt, bytes: mapped }
}

interface Body {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
}

/** JSON as the form that says the same, for servers that read forms only; other bodies as they are. Throws `malformed_body` for JSON that is no object. */
function asMultipart({ bytes, contentType }: Body): Body {
  if (readParameters(contentType, 'content-type').type !== 'application/json') return { bytes, contentType }
  // No text can hold the hash of a body that the text is a part of.
  const boundary = `sluice-${bytesToHex(sha256(bytes)).slice(0, 40)}`
  const body = openJson(bytes)
  const parts = body.fields.flatMap((field) => {
    const text = textOf(body, field)
    if (text === null) return []
    return `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(field.name)}"\r\n\r\n${text}\r\n`
  })
  const form = encodeUtf8(`${parts.join('')}--${boundary}--\r\n`)
  return { bytes: form, contentType: `multipart/form-data; boundary=${boundary}` }
}

/** A form has no word for null. Numbers stay as they were written; objects and lists are JSON in their field. */
function textOf({ bytes }: FormBody, { value, span }: FormBody['fields'][number]): string | null {
  if (value === null) return null
  return typeof value === 'string' ? value : decodeUtf8(bytes.subarray(span.start, span.end), 'body')
}

/** As browsers write it (RFC 7578 and the HTML standard). */
function escaped(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
