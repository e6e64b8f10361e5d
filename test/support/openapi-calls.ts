/** Requests to the operations of an OpenAPI document, good and bad, by whomever. They are sent in openapi-client.ts. */
import * as fc from 'fast-check'
import type { OpenApi, Operation } from './openapi.ts'
import { arbitraryOf, type Context } from './schema-arbitrary.ts'

/** `nobody` shows no credentials, `stranger` a token that is not known. */
export const CALLERS = ['nobody', 'stranger', 'viewer', 'tester', 'operator', 'admin'] as const
export type Asker = (typeof CALLERS)[number]

export interface Call {
  as: Asker
  /** For `{name}`. */
  name?: string
  /** For `{id}` and `{version}`. */
  at?: number
  query?: Record<string, string>
  headers?: Record<string, string>
  /** As it is sent; JSON unless `headers` say otherwise. */
  body?: string | undefined
}

export function mayCall(as: Asker, { role }: Operation): boolean {
  return role === null || (CALLERS.indexOf(as) >= 2 && CALLERS.indexOf(as) >= CALLERS.indexOf(role as Asker))
}

/** Mostly what the document asks for, now and then anything at all, from anybody. */
export function callsOf(operation: Operation, api: OpenApi, known: Context['known']): fc.Arbitrary<Call> {
  const context: Context = { resolve: api.resolve, known }
  const sometimes = { freq: 2, nil: undefined }
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, schema, required }) => {
      const fitting = arbitraryOf(schema, context, name).map(String)
      const value = fc.oneof({ weight: 4, arbitrary: fitting }, { weight: 1, arbitrary: ODD_TEXT })
      return [name, required ? fc.option(value, { freq: 9, nil: undefined }) : fc.option(value, sometimes)] as const
    })
  const name = fc.oneof({ weight: 6, arbitrary: known['release']! }, { weight: 1, arbitrary: PATH_NAME })
  return fc
    .record({
      as: fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom(...CALLERS) },
        { weight: 1, arbitrary: fc.constant('admin') },
      ),
      name: name as fc.Arbitrary<string>,
      query: fc.record(Object.fromEntries(query)),
      headers: headersOf(operation),
      body: bodyOf(operation, context),
    })
    .map((call) => ({ ...call, as: call.as as Asker, query: withoutUndefined(call.query) }))
}

const ODD_TEXT = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '501',
    '1e9',
    'NaN',
    '60s',
    '5m',
    '0s',
    '2026-11-24T00:00:00Z',
    '9999999999999',
    'null',
  ),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
)
/** Neither empty nor dots: a client would send another path for those. */
const PATH_NAME = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => !/^\.+$/.test(text))

function headersOf({ parameters }: Operation): fc.Arbitrary<Record<string, string>> {
  if (!parameters.some((parameter) => parameter.in === 'header' && parameter.name === 'If-Match'))
    return fc.constant({})
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('*', '"1"', 'W/"2"', '3', '"x"', '""').map((value) => ({ 'if-match': value })),
    },
  )
}

function bodyOf({ body, method }: Operation, context: Context): fc.Arbitrary<string | undefined> {
  const json = body['application/json']
  if (!json) return fc.constant(method === 'get' ? undefined : '')
  const text = (arbitrary: fc.Arbitrary<unknown>) => arbitrary.map((value) => JSON.stringify(value))
  return fc.oneof(
    { weight: 6, arbitrary: text(arbitraryOf(json.schema, context)) },
    { weight: 2, arbitrary: text(fc.jsonValue()) },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

function withoutUndefined(query: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
