import { expect, test } from 'vitest'
import { http } from '../../src/protocols/http.ts'
import { PROTOCOL_NAMES, protocolOf } from '../../src/protocols/index.ts'
import { describeProtocol } from './contract.ts'

describeProtocol({ protocol: http })

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

test('asking for a job is a bug and says so', () => {
  expect(() => http.pollCall('id', '')).toThrow('no jobs')
  expect(http.cancelCall('id', '')).toBeNull()
})

test('protocols are found by their names only', () => {
  for (const name of PROTOCOL_NAMES) expect(protocolOf(name)?.name).toBe(name)
  for (const name of ['', 'constructor', 'openai']) expect(protocolOf(name)).toBeUndefined()
})

test('no answer holds an id', () => {
  expect(http.readIds?.({ id: 'a' })).toEqual([])
})
