import { expect, test } from 'vitest'
import { http } from '../../src/protocols/http.ts'
import { jobProtocolOf, PROTOCOL_NAMES, protocolOf } from '../../src/protocols/index.ts'
import { describeRoutes } from './contract.ts'

describeRoutes(http)

test('every request passes unread, under its own path', () => {
  expect(http.route('POST', '/v1/videos')).toMatchObject({
    operation: 'other',
    job: null,
    body: 'stream',
    answer: 'bytes',
  })
  expect(http.route('GET', '/a/b').body).toBe('none')
  expect(http.route('GET', '/a%2Fb').upstreamPath('id')).toBe('/a%2Fb')
})

const named = (protocol: string) => ({ protocol, wire: null })

test('only a wire of jobs is found as one', () => {
  expect(jobProtocolOf(named('openai-videos'))?.kind).toBe('jobs')
  for (const name of ['http', '', 'constructor']) expect(jobProtocolOf(named(name))).toBeUndefined()
})

test('protocols are found by their names only', () => {
  for (const name of PROTOCOL_NAMES) {
    if (name !== 'jobs') expect(protocolOf(named(name))?.name).toBe(name)
  }
  for (const name of ['', 'constructor', 'openai', 'jobs']) expect(protocolOf(named(name))).toBeUndefined()
})
