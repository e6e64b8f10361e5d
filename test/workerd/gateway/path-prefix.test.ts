/** Backends that serve their API below a path prefix only: whatever Sluice asks by itself about a job goes there too. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { beforeEach, expect, it, vi } from 'vitest'
import { DataPlane, inStillTime, releaseTable } from '../../support/workerd/data-plane.ts'
import { controller, counted, ledger } from '../../support/workerd/objects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'objects'
const PATH = '/n/v1/videos'
const asked = { as: 'alice', body: { prompt: 'a red fox' } }

inStillTime()

let backends: ScriptedBackends
let plane: DataPlane
beforeEach(() => {
  backends = new ScriptedBackends()
  // Knows its jobs below the prefix and nothing at all elsewhere.
  plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE, { match: { paths: ['/n'] }, rescue: true }) }, (call) =>
    call.url.pathname.startsWith(PATH)
      ? backends.answer(call)
      : Response.json({ detail: 'Not Found' }, { status: 404 }),
  )
})

/** Lets the ledger look, after so many seconds more. */
async function later(seconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + seconds * 1000)
  await runDurableObjectAlarm(ledger())
}

function shadowing(): void {
  const shadow = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 100, jobTimeoutMs: 30_000 }
  plane.stage(RELEASE, { state: 'shadow', shadow })
}

it('a quiet job and its shadow copy end well by the ledger’s own looks, and their pair says where the videos are', async () => {
  shadowing()
  const { id } = await plane.send('POST', PATH, asked)
  for (let i = 0; i < 4; i++) await later(11)
  const { items: jobs } = await controller().jobs({}, null, 10)
  expect(jobs.map((job) => [job.id, job.status, job.outcome])).toEqual(Array(2).fill([id, 'succeeded', 'ok']))
  expect(new Set(jobs.map(({ shadow }) => shadow))).toEqual(new Set([true, false]))
  const { items } = await controller().pairs(null, 10)
  const pair = items.find((each) => each.job_id === id)!
  for (const arm of ['control', 'candidate'] as const)
    expect(pair[arm].url).toBe(`http://${arm}.test${PATH}/${pair[arm].id}/content`)
})

it('a list shows the job, and a repeated submit is answered with it', async () => {
  const headers = { 'idempotency-key': 'once' }
  const { id } = await plane.send('POST', PATH, { ...asked, headers })
  const { data } = JSON.parse((await plane.send('GET', PATH, { as: 'alice' })).text)
  expect(data).toMatchObject([{ id, status: 'completed' }])
  const again = await plane.send('POST', PATH, { ...asked, headers })
  expect([again.status, again.id, plane.callsOf('POST').length]).toEqual([200, id, 1])
})

it('a running job of a candidate that is to be rescued is not sent to control', async () => {
  plane.canary(RELEASE, 100)
  const { id, arm } = await plane.send('POST', PATH, asked)
  backends.statusOf.set(backends.lastId, 'in_progress')
  await later(11)
  backends.statusOf.clear()
  for (let i = 0; i < 3; i++) await later(11)
  expect([arm, await counted(ledger(), 'job')]).toEqual(['candidate', { requests: 1, outcomes: {} }])
  expect((await controller().jobs({}, null, 10)).items).toMatchObject([{ id, status: 'succeeded', rescued: false }])
  expect(plane.callsOf('POST').map(({ url }) => url.host)).toEqual(['candidate.test'])
})

it('a rollback stops a shadow copy where it is', async () => {
  shadowing()
  await plane.send('POST', PATH, asked)
  const copy = backends.lastId
  await ledger().cancelShadows(1)
  await later(1)
  expect(plane.callsOf('DELETE').map(({ url }) => url.href)).toEqual([`http://candidate.test${PATH}/${copy}`])
})
