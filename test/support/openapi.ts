/**
 * The OpenAPI document of a running control plane as the judge of its answers: a status, a media type or a field that
 * the document does not name is a fault. It sends nothing and knows no route by itself.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import type { Schema } from './schema-arbitrary.ts'

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Schema
}
type Content = Record<string, { schema: Schema }>

export interface Operation {
  operationId: string
  method: string
  path: string
  /** The least that may call it; null where nobody is asked. */
  role: string | null
  parameters: Parameter[]
  /** Schemas by media type. */
  body: Content
  responses: Record<string, { content?: Content }>
}

interface Described {
  operationId: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Operation['responses']
}
export interface OpenApiDocument {
  paths: Record<string, Record<string, Described>>
  components: { schemas: Record<string, Schema> }
}

export interface JudgedAnswer {
  status: number
  mediaType: string
  /** Parsed where it is JSON, else the text. */
  body: unknown
}

export class OpenApi {
  readonly operations: Operation[]
  readonly #document: OpenApiDocument
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false })
  readonly #validators = new Map<string, ValidateFunction>()

  constructor(document: OpenApiDocument) {
    this.#document = document
    ajvFormats.default(this.#ajv)
    this.#ajv.addSchema(closed(document) as object, 'openapi')
    this.operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, described]) => operationOf(path, method, described)),
    )
  }

  operation(id: string): Operation {
    const found = this.operations.find(({ operationId }) => operationId === id)
    if (!found) throw new Error(`the document has no operation ${id}`)
    return found
  }

  /** What `#/components/schemas/…` leads to. */
  readonly resolve = (schema: Schema): Schema => {
    const name = schema.$ref?.split('/').pop()
    return name === undefined ? schema : this.#document.components.schemas[name]!
  }

  /** Everything about the answer that the document does not allow. */
  faults({ path, method, responses }: Operation, { status, mediaType, body }: JudgedAnswer): string[] {
    const content = responses[status]?.content
    if (!content) return [`status ${status} is not in the document`]
    if (!content[mediaType]) return [`status ${status} comes as "${mediaType}", not as ${Object.keys(content).join()}`]
    return this.#faultsBy(['paths', path, method, 'responses', `${status}`, 'content', mediaType, 'schema'], body)
  }

  /** Against a schema under `components`. */
  faultsOf(name: string, value: unknown): string[] {
    return this.#faultsBy(['components', 'schemas', name], value)
  }

  #faultsBy(keys: string[], value: unknown): string[] {
    const pointer = keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
    let validate = this.#validators.get(pointer)
    if (!validate) {
      validate = this.#ajv.compile({ $ref: `openapi#/${pointer}` })
      this.#validators.set(pointer, validate)
    }
    if (validate(value)) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
    )
  }
}

function operationOf(path: string, method: string, described: Described): Operation {
  const { operationId, description = '', parameters = [], requestBody, responses } = described
  const role = /^Needs the role (\w+)/.exec(description)?.[1] ?? null
  return { operationId, method, path, role, parameters, body: requestBody?.content ?? {}, responses }
}

/** A copy in which every object that names its properties has no others: what is answered must be described. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]))
  const isSchema = node && 'properties' in node && (node as Schema).type === 'object'
  return isSchema && !('additionalProperties' in node) ? { ...copy, additionalProperties: false } : copy
}
