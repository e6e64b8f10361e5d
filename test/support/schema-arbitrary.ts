/** A JSON Schema as the control plane's document uses it → values that fit it, for fast-check. It validates nothing. */
import * as fc from 'fast-check'

export interface Schema {
  $ref?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
}

/** `resolve` follows a reference; `known` gives some values by the property's name, such as a release that exists. */
export interface Context {
  resolve: (schema: Schema) => Schema
  known: Record<string, fc.Arbitrary<unknown>>
}

export function arbitraryOf(given: Schema, context: Context, name = ''): fc.Arbitrary<unknown> {
  const known = context.known[name]
  const fitting = fittingOf(context.resolve(given), context)
  return known ? fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: fitting }) : fitting
}

function fittingOf(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => arbitraryOf(one, context)))
  switch (schema.type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer(boundsOf(schema))
    case 'number':
      return fc.oneof(fc.integer(boundsOf(schema)), fc.double({ ...boundsOf(schema), noNaN: true }))
    case 'string':
      return textOf(schema)
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}, context), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      })
    case 'object':
      return objectOf(schema, context)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function boundsOf({ minimum = -1e6, maximum = 1e6 }: Schema): { min: number; max: number } {
  return { min: minimum, max: maximum }
}

function textOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.date({ noInvalidDate: true, min: new Date(0) }).map((at) => at.toISOString())
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u'))
  return fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 40), unit: 'grapheme' })
}

function objectOf(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema
  if (!properties) {
    const value = typeof additionalProperties === 'object' ? arbitraryOf(additionalProperties, context) : fc.jsonValue()
    return fc.dictionary(fc.string({ maxLength: 10 }), value, { maxKeys: 3 })
  }
  const entries = Object.entries(properties).map(([key, value]) => [key, arbitraryOf(value, context, key)] as const)
  return fc.record(Object.fromEntries(entries), { requiredKeys: required })
}
