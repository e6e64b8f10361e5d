/** Signals about a shadow pair through the Worker's own entry point: they name it by its control job, and count its copy as scored. */
import { env, exports } from 'cloudflare:workers'
import { runInDurableObject } from 'cloudflare:test'
import { expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { BatchAnswer, ReportView, ScoreView } from '../../src/api/experiment.ts'
import { hash32 } from '../../src/core/assignment.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { sealJobId } from '../../src/core/job-id.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { PairScores } from '../../src/durable/controller/pair-scores.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'
import { copyOf, entry } from '../support/workerd/objects.ts'

const RELEASE = 'measured'
const ledger = () => ledgerAt(env as unknown as Env, RELEASE, 0) as unknown as JobLedger

function controlJob(name: string) {
  const job = entry(name, { arm: 'control' })
  const keys = idKeys(['a-cookie-key-for-tests-only'])
  return { ...job, clientId: sealJobId({ ...job, release: hash32(RELEASE) }, keys) }
}

async function post(rows: unknown): Promise<{ status: number; answer: BatchAnswer }> {
  const response = await (exports as unknown as { default: Fetcher }).default.fetch(
    'http://127.0.0.1/_sluice/api/v1/signals',
    {
      method: 'POST',
      headers: { authorization: 'Bearer token-of-operator', 'content-type': 'application/json' },
      body: JSON.stringify(rows),
    },
  )
  return { status: response.status, answer: await response.json() }
}

it('both sides of a pair are taken under its job_id; a job without a copy has no other side', async () => {
  const [copied, alone] = [controlJob('copied'), controlJob('alone')]
  await ledger().flush({ submitted: [copied, alone], seen: [] })
  await copyOf(ledger(), copied, { upstreamId: 'video-copy', replica: entry('x').replica })
  const [pair] = (await ledger().pairs(null, 10)).items
  expect(pair!.job_id).toBe(copied.clientId)

  const row = (arm: string, jobId: string, value: number) => ({
    release: RELEASE,
    arm,
    metric: 'vbench',
    value,
    job_id: jobId,
  })
  const { status, answer } = await post([
    row('control', copied.clientId, 0.8),
    row('candidate', copied.clientId, 0.7),
    row('candidate', alone.clientId, 0.7),
    row('candidate', copied.clientId, 0.9),
  ])
  expect([status, answer.accepted]).toEqual([207, 3])
  expect(answer.details).toMatchObject([{ path: '2.job_id' }])
  // Beside the means by arm the two values are compared as a pair: the first of each side.
  const read = async <T>(path: string) =>
    (
      await (exports as unknown as { default: Fetcher }).default.fetch(
        `http://127.0.0.1/_sluice/api/v1/releases/${RELEASE}/${path}`,
        { headers: { authorization: 'Bearer token-of-operator' } },
      )
    ).json<T>()
  const scores = await read<{ items: ScoreView[]; next: string | null }>('scores')
  expect(scores).toMatchObject({
    items: [{ job_id: copied.clientId, metric: 'vbench', control: 0.8, candidate: 0.7 }],
    next: null,
  })
  const { pairs } = await read<ReportView>('report.json')
  expect(pairs).toMatchObject([{ metric: 'vbench', n: 1, control: 0.8, candidate: 0.7, outcome: 'open' }])
  expect(pairs[0]!.sign_test).toMatchObject({ candidate_higher: 0, control_higher: 1 })
  const { funnel } = await ledger().report({ fromMs: 0, toMs: 0, overdue: null })
  expect(funnel.scored).toBe(1)
})

it('keeps the latest pairs and the sums of all, whatever comes in which order', async () => {
  const stub = ledgerAt(env as unknown as Env, RELEASE, 7) as unknown as DurableObjectStub<JobLedger>
  await runInDurableObject(stub, (_, { storage }) => {
    const scores = new PairScores(storage.sql)
    const before = scores.sums(0)
    expect(before).toEqual([])
    let at = 0
    for (let i = 0; i < 300; i++) {
      const sides = [['control', i] as const, ['candidate', i % 3 === 0 ? i + 3 : i] as const]
      for (const [arm, value] of i % 2 === 0 ? sides : sides.reverse())
        scores.take('ssim', `job-${i}`, arm, value, i < 100 ? 2 : 3, at++)
    }
    for (let i = 0; i < 50; i++) scores.take('ssim', `alone-${i}`, 'control', i, 3, at++)
    scores.forget()
    const [all] = scores.sums(2)
    expect(all).toMatchObject({ metric: 'ssim', n: 300, higher: 100, lower: 0 })
    expect(all!.mean).toBeCloseTo(1, 12)
    expect(all!.m2).toBeCloseTo(600, 9)
    expect(all!.candidate - all!.control).toBeCloseTo(1, 9)
    expect(scores.sums(3)[0]!.n).toBe(200)
    const first = scores.latest(null, 200)
    const rest = scores.latest(first.next, 200)
    expect([first.items.length, rest.items.length, rest.next]).toEqual([200, 100, null])
    expect(first.items[0]).toMatchObject({ job_id: 'job-299', control: 299, candidate: 299, epoch: 3 })
    // So many later ones that the first are forgotten; their sums stay.
    new PairScores(storage.sql).forget(50)
    expect(scores.latest(null, 200).items.map(({ job_id: job }) => job)).toEqual(
      Array.from({ length: 50 }, (_each, i) => `job-${299 - i}`),
    )
    expect(scores.sums(2)[0]!.n).toBe(300)
  })
})
