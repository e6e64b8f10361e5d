/** A wire whose status says only that a job has ended: the ledger asks for the result, at the arm's own model. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { counted, entry } from '../support/workerd/objects.ts'
import { backendsOfEachTest, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()

function queueLedger(index: number) {
  const namespace = (env as unknown as Env).JOB_LEDGER
  return namespace.get(namespace.idFromName(`queue|${index}`)) as unknown as DurableObjectStub & JobLedger
}

async function endsAs(index: number, status: object, result: () => Response) {
  const object = queueLedger(index)
  backends.answer(({ url }) => (url.endsWith('/status') ? Response.json(status) : result()))
  await object.flush({ submitted: [entry('a', { prefix: '/acme/film' })], seen: [] })
  vi.setSystemTime(T0 + 10_000)
  await runDurableObjectAlarm(object)
  return counted(object, 'job')
}

const COMPLETED = { status: 'COMPLETED', metrics: { inference_time: 4 } }

it.each([
  ['ok', () => Response.json({ video: { url: 'https://files.test/a.mp4' } }), {}],
  ['job_failed', () => Response.json({ detail: 'CUDA out of memory' }, { status: 500 }), { job_failed: 1 }],
  ['content_refused', () => Response.json({ detail: [{ msg: 'no' }] }, { status: 422 }), { content_refused: 1 }],
] as const)('a job ends as %s by its result', async (outcome, result, outcomes) => {
  const index = ['ok', 'job_failed', 'content_refused'].indexOf(outcome)
  expect(await endsAs(index, COMPLETED, result)).toEqual({ requests: 1, outcomes })
  expect(backends.calls.map(({ url }) => new URL(url).pathname)).toEqual([
    '/acme/fast/requests/video-a/status',
    '/acme/fast/requests/video-a',
  ])
})

it('a job ends well by a result that holds the video itself', async () => {
  const video = { url: `data:video/mp4;base64,${'A'.repeat(3_000_000)}` }
  expect(await endsAs(5, COMPLETED, () => Response.json({ video }))).toEqual({ requests: 1, outcomes: {} })
})

it('a job whose result can’t be read now stays open', async () => {
  expect(await endsAs(3, COMPLETED, () => new Response('bad gateway', { status: 502 }))).toEqual({
    requests: 0,
    outcomes: {},
  })
})

it('a job under way is not asked for its result', async () => {
  expect((await endsAs(4, { status: 'IN_PROGRESS' }, () => new Response())).requests).toBe(0)
  expect(backends.calls).toHaveLength(1)
})
