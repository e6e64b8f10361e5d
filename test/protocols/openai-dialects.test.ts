/** Answers of vLLM-Omni, SGLang and TensorRT-LLM, as a client of OpenAI's reads them whichever arm they come from. */
import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { translation } from './contract.ts'

const shown = (body: string, isError = false) =>
  openaiVideos.translate(body, { ...translation(new Map([['v-1', 'own-1']])), isError })

test.each([
  [200, { id: 'v-1', deleted: true, object: 'video.deleted' }, null],
  [200, { deleted: true }, null],
  [200, { id: 'v-1', status: 'cancelling' }, null],
  [200, { deleted: false }, 'refused'],
  [409, { error: { message: 'Cancellation in progress', code: 409 } }, 'taken'],
  [409, { detail: 'Cancellation in progress' }, 'taken'],
  [409, { detail: 'Video is completed but its output is not ready' }, null],
  [409, undefined, null],
  [404, { detail: 'Video not found' }, null],
])('an answer of %i to a deletion, %j, is read as the server means it', (status, body, expected) => {
  expect(openaiVideos.cancelSays!({ status, headers: new Headers(), body, job: 'v-1' })).toBe(expected)
})

describe('a status', () => {
  test.each([
    ['processing', 'in_progress'],
    ['running', 'in_progress'],
    ['cancelling', 'in_progress'],
    ['who knows', 'in_progress'],
    ['constructor', 'in_progress'],
    ['pending', 'queued'],
    ['succeeded', 'completed'],
    ['error', 'failed'],
    ['canceled', 'cancelled'],
  ])('%s, at which clients would stop, is shown as %s', (word, expected) => {
    expect(shown(`{ "id":"v-1", "status" : "${word}","progress":1.0 }`)).toBe(
      `{ "id":"own-1", "status" : "${expected}","progress":1.0 }`,
    )
  })

  test.each(['queued', 'in_progress', 'completed', 'failed', 'cancelled'])('%s stays as it is', (word) => {
    const text = `{"status":"${word}","error":null,"seconds":"4"}`
    expect(shown(text)).toBe(text)
  })

  test('a job that SGLang has deleted is told as OpenAI does', () => {
    expect(shown('{"id":"v-1","object":"video","status":"deleted"}')).toBe(
      '{"deleted":true,"id":"own-1","object":"video.deleted","status":"deleted"}',
    )
  })

  test('what is no job keeps its words', () => {
    for (const text of [
      '{"status":"ok","detail":"fine"}',
      '{"id":7,"status":"running"}',
      '[{"status":"running"}]',
      '{"status":"running"',
    ])
      expect(shown(text)).toBe(text)
  })
})

describe('a failed job’s reason', () => {
  test('of SGLang gets the code that it lacks, and TensorRT-LLM’s text becomes an object', () => {
    expect(shown('{"id":"v-1","status":"failed","error":{"message":"boom"}}')).toBe(
      '{"id":"own-1","status":"failed","error":{"code":"server_error","message":"boom"}}',
    )
    expect(shown('{"id":"v-1","status":"failed","error":"boom"}')).toBe(
      '{"id":"own-1","status":"failed","error":{"code":"server_error","message":"boom"}}',
    )
  })

  test.each(['""', '{}', 'null'])('of %s is none of a job that has not failed', (error) => {
    expect(shown(`{"id":"v-1","status":"completed","error":${error}}`)).toBe(
      '{"id":"own-1","status":"completed","error":null}',
    )
  })

  test('of vLLM-Omni stays as it is', () => {
    const error = '{"code":500,"message":"CUDA out of memory"}'
    expect(shown(`{"id":"v-1","status":"failed","error":${error}}`)).toContain(error)
  })
})

test('an error of a request stays as its backend has written it', () => {
  for (const text of ['{"detail":"Video not found"}', '{"error":"no"}', '{"error":{"message":"no"},"status":"x"}'])
    expect(shown(text, true)).toBe(text)
})
