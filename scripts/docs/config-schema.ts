/** The configuration's schemas → JSON Schema: for the tables of docs/configure.md, and for editors. */
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { type KeyReference, SLUICE_TABLES, type TableReference } from './meanings/sluice.ts'
import { RELEASE_TABLES } from './meanings/release.ts'
import { releaseSchema } from '../../src/config/release-schema.ts'
import { sluiceSchema } from '../../src/config/sluice-schema.ts'
import { PROTOCOL_NAMES } from '../../src/protocols/index.ts'

export interface Described {
  schema: JsonSchema
  tables: readonly TableReference[]
}

export function sluiceTable(): Described {
  return described(sluiceSchema, SLUICE_TABLES)
}

export function releaseTable(): Described {
  const { schema, tables } = described(releaseSchema, RELEASE_TABLES)
  // The schema takes any text, since its module does not know the protocols; `readConfig` is told their names.
  Object.assign(nodeAt(schema, '').properties!['protocol']!, { enum: [...PROTOCOL_NAMES] })
  return { schema, tables }
}

/** A schema for wrangler.toml: whatever wrangler takes, and in `[vars]` and `[env.NAME.vars]` what Sluice takes. */
export function editorSchema(): JsonSchema {
  const vars = {
    type: 'object',
    properties: { SLUICE: sluiceTable().schema },
    patternProperties: { '^RELEASE_': releaseTable().schema },
  } as const
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'wrangler.toml of a Sluice gateway',
    type: 'object',
    properties: {
      vars: { $ref: '#/definitions/vars' },
      env: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { vars: { $ref: '#/definitions/vars' } } },
      },
    },
    definitions: { vars },
  }
}

/** The node of a table: `arms.control`, `ladder.[]`. Of an item that may be a plain value too, the table. */
export function nodeAt(schema: JsonSchema, path: string): JsonSchema {
  let node = tableOf(schema)
  for (const key of path.split('.').filter(Boolean)) {
    const next = key === '[]' ? node.items : node.properties?.[key]
    if (typeof next !== 'object') throw new Error(`no key ${path} in the schema`)
    node = tableOf(next as JsonSchema)
  }
  return node
}

function tableOf(node: JsonSchema): JsonSchema {
  return (node.anyOf as JsonSchema[] | undefined)?.find(({ type }) => type === 'object') ?? node
}

export function entryOf(words: string | KeyReference): KeyReference {
  return typeof words === 'string' ? { meaning: words } : words
}

/** Each key gets its meaning as description; a key without one ends the script. */
function described(given: v.GenericSchema, tables: readonly TableReference[]): Described {
  const { $schema: _dialect, ...schema } = toJsonSchema(convertible(given), {
    typeMode: 'input',
    target: 'draft-07',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === 'object_with_rest' ? { ...jsonSchema, additionalProperties: false } : null,
    // What a check in code goes by is told as metadata.
    overrideAction: ({ valibotAction, jsonSchema }) =>
      'metadata' in valibotAction ? { ...jsonSchema, ...(valibotAction.metadata as object) } : null,
  })
  for (const { paths, keys } of tables) {
    for (const path of paths) {
      for (const [key, node] of Object.entries(nodeAt(schema, path).properties ?? {})) {
        if (keys[key] === undefined)
          throw new Error(`no meaning is written for ${path}.${key}: see scripts/docs/meanings`)
        Object.assign(node, { description: plain(entryOf(keys[key]).meaning) })
      }
    }
  }
  return { schema, tables }
}

/** Markdown's links and code marks are nothing to read in an editor's hint. */
function plain(markdown: string): string {
  return markdown
    .replace(/;? ?\[see below\]\([^)]*\)/g, '')
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
}

interface Node extends v.GenericSchema {
  pipe?: readonly Node[]
  entries?: Readonly<Record<string, Node>>
  wrapped?: Node
  item?: Node
  /** Of each key of a record. */
  value?: Node
  getter?: (given: unknown) => Node
}

/**
 * The same schema without what has no words in JSON Schema and would end its conversion: the check of `table` that
 * stands before its keys. What is chosen by the kind of the given value (`v.lazy`) becomes a union of the choices.
 */
function convertible(schema: Node): v.GenericSchema {
  const { pipe, entries, wrapped, item, getter } = schema
  if (pipe) {
    const steps = pipe[0]?.type === 'custom' && pipe[1]?.kind === 'schema' ? pipe.slice(1) : pipe
    const [first, ...rest] = steps.map((step) => (step.kind === 'schema' ? convertible(step) : step))
    return { ...first, pipe: [first, ...rest] } as unknown as v.GenericSchema
  }
  if (schema.type === 'lazy' && getter) {
    const options = [...new Set([getter({}), getter([]), getter('')])].map(convertible)
    return { ...schema, type: 'union', options } as unknown as v.GenericSchema
  }
  return {
    ...schema,
    ...(entries && { entries: Object.fromEntries(Object.entries(entries).map(([key, at]) => [key, convertible(at)])) }),
    ...(wrapped && { wrapped: convertible(wrapped) }),
    ...(item && { item: convertible(item) }),
    ...(schema.type === 'record' && schema.value && { value: convertible(schema.value) }),
  } as unknown as v.GenericSchema
}
