/** A ledger whose release declares its wire: jobs are followed, judged and stopped at the paths and by the words of its table. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { copyOf, counted, entry } from '../support/workerd/objects.ts'
import { backendsOfEachTest, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()
const PREFIX = '/v2/film'

function declaredLedger(index: number) {
  const namespace = (env as unknown as Env).JOB_LEDGER
  return namespace.get(namespace.idFromName(`declared|${index}`)) as unknown as DurableObjectStub & JobLedger
}

it.each([
  ['ok', { status: 'COMPLETED', executionTime: 4000, output: { video: 'A'.repeat(3_000_000) } }, {}],
  ['job_failed', { status: 'FAILED', error: 'CUDA out of memory' }, { job_failed: 1 }],
  ['content_refused', { status: 'FAILED', error: 'against our Content Policy' }, { content_refused: 1 }],
  ['job_timeout', { status: 'TIMED_OUT' }, { job_timeout: 1 }],
] as const)('a job that no client polls ends as %s, at the arm’s own model', async (outcome, told, outcomes) => {
  const object = declaredLedger(['ok', 'job_failed', 'content_refused', 'job_timeout'].indexOf(outcome))
  backends.answer(() => Response.json({ id: 'video-a', ...told }))
  await object.flush({ submitted: [entry('a', { prefix: PREFIX })], seen: [] })
  vi.setSystemTime(T0 + 10_000)
  await runDurableObjectAlarm(object)
  expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes })
  expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
    ['GET', 'http://candidate.test/v2/fast/status/video-a'],
  ])
})

it('a copy is stopped after a rollback by the method and path of the table', async () => {
  const object = declaredLedger(4)
  const copy = { upstreamId: 'video-copy', replica: entry('x').replica }
  expect(await copyOf(object, entry('b', { arm: 'control', prefix: PREFIX }), copy)).toBeNull()
  await object.cancelShadows(1)
  expect(await runDurableObjectAlarm(object)).toBe(true)
  expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
    ['POST', 'http://candidate.test/v2/fast/cancel/video-copy'],
  ])
})
