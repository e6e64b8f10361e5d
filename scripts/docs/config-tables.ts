/** The tables of docs/configure.md: keys, types and defaults out of the schemas, meanings out of the reference. */
import type { JsonSchema } from '@valibot/to-json-schema'
import type { KeyReference } from './meanings/sluice.ts'
import { type Described, entryOf, nodeAt, releaseTable, sluiceTable } from './config-schema.ts'
import { code, markdownTable } from './markdown.ts'

export function configTables(): Record<string, string> {
  return Object.fromEntries([...tablesOf(sluiceTable()), ...tablesOf(releaseTable())])
}

/** Tables that stand at several places have the same keys, so the first place tells all of them. */
function tablesOf({ schema, tables }: Described): [string, string][] {
  return tables.map(({ id, paths, keys }) => {
    const { properties = {}, required = [] } = nodeAt(schema, paths[0]!)
    const stray = Object.keys(keys).filter((key) => !(key in properties))
    if (stray.length > 0)
      throw new Error(`the reference of ${id} names keys that the schema has not: ${stray.join(', ')}`)
    const rows = Object.entries(keys).map(([key, given]) => {
      const words = entryOf(given)
      const node = properties[key] as JsonSchema
      return [
        code(key),
        words.type ?? typeOf(node),
        defaultOf(`${id}.${key}`, node, words, required.includes(key)),
        words.meaning,
      ]
    })
    return [`config-${id}`, markdownTable(['key', 'type', 'default', 'meaning'], rows)]
  })
}

function typeOf(node: JsonSchema): string {
  if (node.title) return node.title
  if (node.format === 'uri') return 'URL'
  if (node.enum) return node.enum.map((each) => code(JSON.stringify(each))).join(', ')
  if (node.anyOf) return [...new Set((node.anyOf as JsonSchema[]).map(typeOf))].join(' or ')
  if (node.type === 'array') return listType(node.items as JsonSchema)
  if (node.type === 'number' || node.type === 'integer') return numberType(node)
  if (node.type === 'object') return 'table'
  return node.type === 'string' ? 'text' : String(node.type)
}

function listType(item: JsonSchema): string {
  if (item.enum) return `list out of ${typeOf(item)}`
  return `list of ${typeOf(item)}s`
}

function numberType({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const what = type === 'integer' ? 'whole number' : 'number'
  const least = minimum ?? exclusiveMinimum
  const most = maximum ?? exclusiveMaximum
  const words = [
    ...(least === undefined || (least === 0 && most === undefined && minimum !== undefined)
      ? []
      : [exclusiveMinimum === undefined ? `at least ${least}` : `above ${least}`]),
    ...(most === undefined ? [] : [exclusiveMaximum === undefined ? `at most ${most}` : `below ${most}`]),
  ]
  return minimum !== undefined && maximum !== undefined
    ? `${what}, ${minimum} to ${maximum}`
    : [what, words.join(' and ')].filter(Boolean).join(' ')
}

/** The schema's default where it has one that can be read in a cell; the words' otherwise. */
function defaultOf(key: string, node: JsonSchema, words: KeyReference, isNeeded: boolean): string {
  const given: unknown = node.default
  const isShown = given !== undefined && (typeof given !== 'object' || isPlainList(given))
  if (words.default !== undefined) {
    if (isShown || isNeeded) throw new Error(`the schema says itself what ${key} is by default: take the words out`)
    return words.default
  }
  if (isNeeded) return 'needed'
  return isShown ? code(written(given)) : 'none'
}

function isPlainList(given: unknown): boolean {
  return Array.isArray(given) && given.length > 0 && given.every((each) => typeof each !== 'object')
}

function written(given: unknown): string {
  return Array.isArray(given) ? `[${given.map((each) => JSON.stringify(each)).join(', ')}]` : JSON.stringify(given)
}
