/** The route table → an OpenAPI 3.1 document. Everything in it comes from the table and the schemas that validate. */
import { type JsonSchema, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { NOT_AN_INSTANT } from '../config/instant.ts'
import { type ErrorCode, SluiceError } from '../core/errors.ts'
import * as api from '../api/index.ts'
import * as changes from '../api/changes.ts'
import * as experiment from '../api/experiment.ts'
import { HEALTH_ROUTES, type HealthRoute } from './health.ts'
import type { AnyRoute } from './route.ts'

const NAMED = {
  Blocker: api.blockerSchema,
  Verdict: api.verdictSchema,
  Release: api.releaseSchema,
  SilentRelease: api.silentReleaseSchema,
  Action: api.actionSchema,
  HistoryEntry: api.historyEntrySchema,
  ConfigValue: api.configValueSchema,
  Config: api.configViewSchema,
  ChangedKey: changes.changedKeySchema,
  Change: changes.changeSchema,
  ChangeDetail: changes.changeDetailSchema,
  ConfigVersion: changes.versionSchema,
  CounterRow: api.counterRowSchema,
  Job: api.jobSchema,
  Pair: api.pairSchema,
  Assignment: api.assignmentSchema,
  Signal: experiment.signalSchema,
  Event: experiment.eventSchema,
  Report: experiment.reportSchema,
  BatchAnswer: experiment.batchAnswerSchema,
  Error: api.errorSchema,
}
/** Every route may answer these. */
const COMMON: readonly ErrorCode[] = [
  'unauthenticated',
  'forbidden',
  'internal',
  'config_invalid',
  'auth_not_configured',
  'identity_unavailable',
  'control_plane_unavailable',
]
const FOR_INPUT: readonly ErrorCode[] = ['invalid_request']
const FOR_BODIES: readonly ErrorCode[] = ['malformed_body', 'body_too_large', 'unsupported_media_type']
const CHANGES: readonly ErrorCode[] = ['origin_mismatch']
const SECURITY = [{ bearer: [] }, { access: [] }, { session: [] }]
const VERSION_PARAMETER = {
  name: 'If-Match',
  in: 'header',
  description: 'The version that the caller has seen, with or without quotes; another one is answered with 412.',
  schema: { type: 'string' },
}

export function openApiDocument(routes: readonly AnyRoute[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const health of HEALTH_ROUTES) paths[`/_sluice${health.path}`] = { get: healthOperation(health) }
  for (const route of routes) (paths[`/_sluice${route.path}`] ??= {})[route.method] = operation(route)
  const answered = toJsonSchemaDefs(NAMED, { ...CONVERSION, typeMode: 'output' })
  const taken = toJsonSchemaDefs({ Action: NAMED.Action }, { ...CONVERSION, typeMode: 'input' })
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice control plane', version: '1', license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: SECURITY,
    paths,
    components: {
      schemas: { ...answered, ...taken },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A static token or a signed one.' },
        access: { type: 'apiKey', in: 'header', name: 'Cf-Access-Jwt-Assertion', description: 'Cloudflare Access.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-sluice_session',
          description: 'A browser that logged in.',
        },
        key: { type: 'apiKey', in: 'header', name: 'x-sluice-key', description: 'A write-only key for events.' },
        keyInQuery: { type: 'apiKey', in: 'query', name: 'key', description: 'The same, for beacons.' },
      },
    },
  }
}

function healthOperation({ operationId, summary, schema, refusals }: HealthRoute): Record<string, unknown> {
  const answered = { 200: { description: summary, content: json(schema, 'output') } }
  return { operationId, summary, security: [], responses: { ...answered, ...refusalAnswers(refusals) } }
}

/** Transformations have no words in JSON Schema; the input's side of them is what a client needs. */
const CONVERSION = {
  target: 'draft-2020-12',
  errorMode: 'ignore',
  definitions: NAMED,
  overrideAction: ({ valibotAction, jsonSchema }: { valibotAction: object; jsonSchema: JsonSchema }) =>
    'message' in valibotAction && valibotAction.message === NOT_AN_INSTANT
      ? { ...jsonSchema, format: 'date-time' }
      : undefined,
  overrideRef: ({ referenceId }: { referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const

function operation(route: AnyRoute): Record<string, unknown> {
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `Needs the role ${route.role}${route.openToPages ? ', or a write-only key' : ''}.`,
    ...(route.openToPages ? { security: [...SECURITY, { key: [] }, { keyInQuery: [] }] } : {}),
    parameters: [
      ...pathParameters(route.path),
      ...queryParameters(route),
      ...(takesVersion(route) ? [VERSION_PARAMETER] : []),
    ],
    ...(route.body ? { requestBody: { required: true, content: json(route.body, 'input') } } : {}),
    ...(route.batch ? { requestBody: { required: true, content: batchContent(route.batch) } } : {}),
    responses: {
      200: { description: route.answer.description, content: answerContent(route) },
      ...(route.batch ? { 207: { description: 'Some rows were bad.', content: answerContent(route) } } : {}),
      ...refusalAnswers(refusalsOf(route)),
    },
  }
}

/** As an array, or a row a line. */
function batchContent(row: v.GenericSchema): Record<string, unknown> {
  const schema = schemaOf(row, 'input')
  return {
    'application/json': { schema: { type: 'array', items: schema, minItems: 1, maxItems: experiment.MAX_BATCH_ROWS } },
    'application/x-ndjson': { schema },
  }
}

function answerContent({ answer }: AnyRoute): Record<string, unknown> {
  return 'schema' in answer ? json(answer.schema, 'output') : { [answer.mediaType]: { schema: { type: 'string' } } }
}

function pathParameters(path: string): unknown[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

/** A read only tells its version. */
function takesVersion({ versioned, method }: AnyRoute): boolean {
  return versioned === true && method !== 'get'
}

function queryParameters({ query }: AnyRoute): unknown[] {
  if (!query) return []
  const { properties = {}, required = [] } = schemaOf(query, 'input')
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function refusalsOf(route: AnyRoute): readonly ErrorCode[] {
  return [
    ...COMMON,
    ...(route.query || route.method !== 'get' ? FOR_INPUT : []),
    ...(route.body || route.batch ? FOR_BODIES : []),
    ...(route.method === 'get' ? [] : CHANGES),
    ...route.refusals,
  ]
}

/** One status may stand for several codes. */
function refusalAnswers(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = Map.groupBy(codes, (code) => new SluiceError(code, '').status)
  return Object.fromEntries(
    [...byStatus].map(([status, its]) => [
      status,
      { description: its.join(', '), content: json(api.errorSchema, 'output') },
    ]),
  )
}

function json(schema: v.GenericSchema, typeMode: 'input' | 'output'): Record<string, unknown> {
  return { 'application/json': { schema: schemaOf(schema, typeMode) } }
}

function schemaOf(schema: v.GenericSchema, typeMode: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, $defs: _named, ...bare } = toJsonSchema(schema, { ...CONVERSION, typeMode })
  return bare
}
