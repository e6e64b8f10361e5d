/** Signals about a shadow pair through the Worker's own entry point: they name it by its control job, and count its copy as scored. */
import { env, exports } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { BatchAnswer } from '../../src/api/experiment.ts'
import { hash32 } from '../../src/core/assignment.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { sealJobId } from '../../src/core/job-id.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'
import { entry } from '../support/workerd/objects.ts'

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
  const admission = await ledger().admitShadow({ control: copied })
  if (!admission.admitted) throw new Error(admission.reason)
  await ledger().shadowSubmitted(admission.id, { upstreamId: 'video-copy', replica: entry('x').replica })
  const [pair] = (await ledger().pairs(null, 10)).items
  expect(pair!.job_id).toBe(copied.clientId)

  const row = (arm: string, jobId: string) => ({ release: RELEASE, arm, metric: 'vbench', value: 0.8, job_id: jobId })
  const { status, answer } = await post([
    row('control', copied.clientId),
    row('candidate', copied.clientId),
    row('candidate', alone.clientId),
    row('candidate', copied.clientId),
  ])
  expect([status, answer.accepted]).toEqual([207, 3])
  expect(answer.details).toMatchObject([{ path: '2.job_id' }])
  const { funnel } = await ledger().report({ fromMs: 0, toMs: 0, recentFromMs: Date.now(), overdue: null })
  expect(funnel.scored).toBe(1)
})
