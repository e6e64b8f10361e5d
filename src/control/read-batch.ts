/**
 * A batch of rows, as a JSON array or NDJSON, → the good ones and what is wrong with each of the others.
 * What the rows mean is the routes' business.
 */
import type { Context } from 'hono'
import * as v from 'valibot'
import { issueDetail } from '../config/issue-words.ts'
import { odditiesOf } from '../config/odd-keys.ts'
import { detail, type DetailParams, type ErrorDetail, SluiceError } from '../core/errors.ts'
import { type BatchAnswer, MAX_BATCH_ROWS } from '../api/experiment.ts'
import { readText } from './read-request.ts'

const MAX_BATCH_BYTES = 1_048_576
/** `sendBeacon` can't set another type without asking the server first. */
const MEDIA_TYPES = /^(application\/json|application\/(x-)?ndjson|application\/jsonl|text\/plain)\s*(;|$)/i

export interface Batch<T> {
  /** `at` is the row's number in the batch, from 0. */
  rows: { at: number; row: T }[]
  bad: ErrorDetail[]
  /** All rows, good or bad. */
  sent: number
}

/** How many rows are good, how many of those had been seen before, and what is wrong with the others. */
export interface Counted {
  kept: number
  repeated: number
  bad: ErrorDetail[]
}

export async function readBatch<S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<Batch<v.InferOutput<S>>> {
  if (!MEDIA_TYPES.test(request.headers.get('content-type') ?? '')) {
    throw new SluiceError('unsupported_media_type', 'send a JSON array (application/json) or application/x-ndjson')
  }
  const given = rowsOf(await readText(request.body, MAX_BATCH_BYTES))
  if (given.length === 0) throw new SluiceError('invalid_request', 'the batch holds no row')
  if (given.length > MAX_BATCH_ROWS)
    throw new SluiceError('invalid_request', `a batch has at most ${MAX_BATCH_ROWS} rows, not ${given.length}`)
  const batch: Batch<v.InferOutput<S>> = { rows: [], bad: [], sent: given.length }
  for (const [at, { value, isJson }] of given.entries()) {
    const odd = odditiesOf(value).issues
    if (odd.length > 0) {
      batch.bad.push(...odd.map((issue) => inRow(at, issue)))
      continue
    }
    const read = v.safeParse(schema, value)
    if (!isJson) batch.bad.push(detail(String(at), 'not_json', 'not JSON'))
    else if (read.success) batch.rows.push({ at, row: read.output })
    else batch.bad.push(...read.issues.map((issue) => inRow(at, issueDetail(v.getDotPath(issue) ?? '', issue))))
  }
  return batch
}

/** What is wrong with a key of a row. */
export function rowDetail(
  at: number,
  key: string,
  code: string,
  message: string,
  params: DetailParams = {},
): ErrorDetail {
  return detail(`${at}.${key}`, code, message, params)
}

function inRow(at: number, found: ErrorDetail): ErrorDetail {
  return { ...found, path: found.path === '' ? String(at) : `${at}.${found.path}` }
}

/** 200 where every row was good, 207 where some were; a batch of which nothing is kept is refused whole. */
export function batchAnswer(c: Context, batch: Batch<unknown>, { kept, repeated, bad }: Counted): BatchAnswer {
  const details = [...batch.bad, ...bad].sort((a, b) => Number.parseInt(a.path, 10) - Number.parseInt(b.path, 10))
  if (kept === 0) throw new SluiceError('invalid_request', 'no row of the batch is valid', { details })
  if (details.length > 0) c.status(207)
  return { accepted: kept - repeated, repeated, details }
}

function rowsOf(text: string): { value: unknown; isJson: boolean }[] {
  if (!text.trimStart().startsWith('[')) {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parsed)
  }
  const { value, isJson } = parsed(text)
  if (!isJson || !Array.isArray(value)) throw new SluiceError('malformed_body', 'the body is not a JSON array')
  return value.map((row: unknown) => ({ value: row, isJson: true }))
}

function parsed(text: string): { value: unknown; isJson: boolean } {
  try {
    return { value: JSON.parse(text), isJson: true }
  } catch {
    return { value: null, isJson: false }
  }
}
