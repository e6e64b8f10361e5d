/** The judge of the end-to-end tests is itself judged: what is not in the document is found. */
import { describe, expect, it } from 'vitest'
import { OpenApi } from './openapi.ts'

const THING = {
  type: 'object',
  properties: { arm: { enum: ['control', 'candidate'] }, at: { type: 'string', format: 'date-time' } },
  required: ['arm'],
}
const api = new OpenApi({
  paths: {
    '/things/{name}': {
      get: {
        operationId: 'getThing',
        description: 'Needs the role viewer.',
        responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } } },
      },
    },
  },
  components: { schemas: { Thing: THING } },
})
const operation = api.operation('getThing')
const right = { status: 200, mediaType: 'application/json', body: { arm: 'control', at: '2026-11-24T14:00:00.000Z' } }

describe('an answer', () => {
  it('that the document describes has no fault', () => {
    expect(operation.role).toBe('viewer')
    expect(api.faults(operation, right)).toEqual([])
  })

  it.each([
    ['a status that is not named', { status: 418 }],
    ['another media type', { mediaType: 'text/html' }],
    ['a field too few', { body: { at: '2026-11-24T14:00:00.000Z' } }],
    ['a field too many', { body: { arm: 'control', secret: 1 } }],
    ['a value that is not listed', { body: { arm: 'shadow' } }],
    ['a time that is none', { body: { arm: 'control', at: 'yesterday' } }],
  ])('with %s has one', (_, wrong) => {
    expect(api.faults(operation, { ...right, ...wrong })).toHaveLength(1)
  })
})
