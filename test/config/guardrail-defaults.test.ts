import { expect, test } from 'vitest'
import { readConfig } from '../../src/config/load.ts'

function idsOf(protocol: string, guardrails?: unknown): string[] {
  const arms = { control: { url: 'http://a.example' }, candidate: { url: 'http://b.example' } }
  const table = { name: 'r', protocol, arms, ...(guardrails === undefined ? {} : { guardrails }) }
  const read = readConfig({ RELEASE_R: table }, ['openai-videos', 'http'])
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  return read.config.releases[0]!.guardrails.map(({ id }) => id)
}

test('by default errors and latency of submits and jobs are watched, with a fast trip and a sequential test', () => {
  expect(idsOf('openai-videos')).toEqual([
    'error_rate:submit',
    'error_rate:job',
    'latency_p99:submit',
    'latency_p99:job',
    'error_rate:submit:within',
    'error_rate:job:within',
    'error_rate:job:sequential',
    'refusal_rate:submit:sequential',
    'refusal_rate:job:sequential',
  ])
})

test('a wire without jobs has its calls watched instead, so that it can advance', () => {
  expect(idsOf('http')).toEqual([
    'error_rate:other',
    'latency_p99:other',
    'error_rate:other:within',
    'error_rate:other:sequential',
    'refusal_rate:other:sequential',
  ])
})

test('two guardrails of the same kind keep ids of their own', () => {
  const rate = { metric: 'error_rate', operations: ['job'], max: 0.01 }
  expect(idsOf('openai-videos', [rate, { ...rate, max: 0.1 }])).toEqual(['error_rate:job', 'error_rate:job#2'])
})
