/**
 * What a route is: method, path, role, what it takes and what it answers, each said once. app.ts serves a table of
 * these and openapi.ts describes the same table, so the two can't differ.
 */
import type { Context } from 'hono'
import * as v from 'valibot'
import type { Caller } from '../auth/caller.ts'
import type { Role } from '../auth/roles.ts'
import { fault } from '../config/issue-words.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { ControlService } from './service.ts'

type Entries = v.ObjectEntries
/** Texts in, validated values out; transforming is allowed. */
export type QuerySchema = v.ObjectSchema<Entries, undefined> | v.StrictObjectSchema<Entries, undefined>
export type BodySchema = v.GenericSchema

/** A JSON answer by its schema, or another media type whose body the handler writes itself. */
export type AnswerSpec = { schema: v.GenericSchema; description: string } | { mediaType: string; description: string }

export interface Call<Q extends QuerySchema, B extends BodySchema> {
  c: Context
  service: ControlService
  /** The `{name}` of the path. */
  name: string
  query: v.InferOutput<Q>
  body: v.InferOutput<B>
  caller: Caller
  /** Unix ms. */
  now: () => number
}

export interface Route<Q extends QuerySchema, B extends BodySchema, A extends AnswerSpec> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As OpenAPI writes it, under `/_sluice`. */
  path: string
  operationId: string
  summary: string
  role: Role
  query?: Q
  body?: B
  /** A row of a batch; the handler reads it with `readBatch` and answers 200 or 207. */
  batch?: v.GenericSchema
  /** Also taken with a write-only key, from pages anywhere. */
  openToPages?: boolean
  /** Takes `If-Match` and answers with `ETag`. */
  versioned?: boolean
  answer: A
  /** Codes that belong to this route, beyond those that every route may answer. */
  refusals: readonly ErrorCode[]
  run(call: Call<Q, B>): Promise<A extends { schema: infer S extends v.GenericSchema } ? v.InferOutput<S> : Response>
}

/** What the table holds: each route's own schemas are checked where it is written. */
export type AnyRoute = Route<QuerySchema, BodySchema, AnswerSpec>

export function route<
  const A extends AnswerSpec,
  const Q extends QuerySchema = QuerySchema,
  const B extends BodySchema = BodySchema,
>(given: Route<Q, B, A>): AnyRoute {
  return given as unknown as AnyRoute
}

const NO_QUERY = v.object({})
const NO_KEYS = v.strictObject({})
const PAGE_KEY = v.strictObject({ key: v.optional(v.string()) })

/** Of what changes something only known keys are taken: one that is ignored could have been meant to change less. */
export function queryOf({ query, method, openToPages }: AnyRoute): QuerySchema {
  if (query) return query
  if (method === 'get') return NO_QUERY
  return openToPages ? PAGE_KEY : NO_KEYS
}

/** What most reads of a release have. */
export const releaseRead = { method: 'get', role: 'viewer', refusals: ['release_not_found'] } as const

/** The answer, with its version as `ETag`. */
export function tagged<T extends { version: number }>(c: Context, view: T): T {
  c.header('etag', `"${view.version}"`)
  return view
}

const LIMIT = fault('within_range', 'from 1 to 500', { from: 1, to: 500 })

/** `cursor` and `limit` of a list. */
export const paging = {
  cursor: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(500))),
  limit: v.optional(
    v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/, LIMIT), v.transform(Number), v.maxValue(500, LIMIT)),
    '100',
  ),
}

export const flag = v.pipe(
  v.picklist(['true', 'false']),
  v.transform((text) => text === 'true'),
)
