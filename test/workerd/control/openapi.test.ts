import { describe, expect, it } from 'vitest'
import { ROUTES } from '../../../src/control/routes/index.ts'
import { ControlFake } from '../../support/control-fake.ts'

type Json = { [key: string]: Json } & { $ref?: string }

const response = await new ControlFake().request('GET', '/api/v1/openapi.json', { as: 'viewer' })
const document = (await response.json()) as Json

/** Every object in the document with where it stands. */
function* walk(node: unknown, path = '#'): Generator<[string, Json]> {
  if (typeof node !== 'object' || node === null) return
  yield [path, node as Json]
  for (const [key, value] of Object.entries(node)) yield* walk(value, `${path}/${key}`)
}

describe('the OpenAPI document', () => {
  it('describes every route that is served', () => {
    const described = Object.entries(document['paths']!).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    )
    const served = ROUTES.map(({ method, path }) => `${method} /_sluice${path}`)
    expect(described.sort()).toEqual([...served, 'get /_sluice/healthz', 'get /_sluice/readyz'].sort())
  })

  it('has no reference that leads nowhere, and none to a dialect of its own', () => {
    for (const [path, node] of walk(document)) {
      if (typeof node.$ref === 'string') {
        expect(node.$ref, path).toMatch(/^#\/components\/schemas\/\w+$/)
        expect(document['components']?.['schemas'], path).toHaveProperty(node.$ref.split('/').pop()!)
      }
      expect(node, path).not.toHaveProperty('$defs')
      expect(node, path).not.toHaveProperty('$schema')
    }
  })

  it('names each operation once, with its path parameters', () => {
    const withRole = Object.entries(document['paths']!).filter(([path]) => !/\/(healthz|readyz)$/.test(path))
    const operations = withRole.flatMap(([path, item]) =>
      Object.values(item).map((operation) => ({ path, operation: operation as unknown as Operation })),
    )
    interface Operation {
      operationId: string
      parameters: { name: string; in: string }[]
      responses: Record<string, unknown>
    }
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      const inPath = operation.parameters.filter((p) => p.in === 'path').map(({ name }) => name)
      expect(inPath).toEqual(Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name))
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['200', '401', '403', '503']))
    }
  })

  it('tells what an action takes and that the version may be asked for', () => {
    const action = document['paths']?.['/_sluice/api/v1/releases/{name}/actions']?.['post'] as unknown as {
      requestBody: unknown
      parameters: unknown[]
      responses: Record<string, unknown>
    }
    expect(action.requestBody).toMatchObject({
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Action' } } },
    })
    expect(action.parameters).toContainEqual(expect.objectContaining({ name: 'If-Match', in: 'header' }))
    expect(Object.keys(action.responses)).toEqual(expect.arrayContaining(['400', '404', '409', '412', '413', '415']))
    expect(document['components']?.['schemas']?.['Action']).toMatchObject({
      required: ['action'],
      additionalProperties: false,
    })
  })
})
