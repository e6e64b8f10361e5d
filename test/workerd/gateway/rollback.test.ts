/**
 * A candidate that starts failing, from a client's submit to the controller's decision and back, over the real objects:
 * after it no submit reaches the candidate, jobs that it holds are still polled there, and nothing that was sent is lost.
 */
import { beforeEach, expect, it, vi } from 'vitest'
import type { Arm } from '../../../src/core/arm.ts'
import { act, eachTestAnew, history, T0, tick, view, WINDOW_MS } from '../../support/workerd/controller-driver.ts'
import { DataPlane, REAL_OBJECTS, releaseTable, type Reply } from '../../support/workerd/data-plane.ts'
import { subjectsOf } from '../../support/subjects.ts'
import { counted, ledger, RELEASE, shard } from '../../support/workerd/objects.ts'
import { type Call, named, shows, type StubBackends, stubBackends } from '../../support/workerd/stub-backends.ts'
import { waitFor } from '../../support/wait-for.ts'

const PERCENT = 50
const USERS = {
  control: subjectsOf(RELEASE, 'control', PERCENT, 6),
  candidate: subjectsOf(RELEASE, 'candidate', PERCENT, 6),
}
const ALL = [...USERS.control, ...USERS.candidate]
/** From when on nothing may be sent to an arm that was taken out. */
const PROPAGATION_MS = 2000

eachTestAnew()

let backends: StubBackends
let isFailing = false
let made = 0

beforeEach(() => {
  backends = stubBackends(T0)
  isFailing = false
  backends.answer((call) => {
    if (call.method === 'GET') return shows(named(call), 'in_progress')
    if (isFailing && armOf(call) === 'candidate') return Response.json({ error: { message: 'CUDA' } }, { status: 500 })
    return shows(`video-${++made}`, 'queued')
  })
  return () => void vi.restoreAllMocks()
})

it('is out within the windows configured, for the isolate that saw it and for one that slept', async () => {
  const [busy, sleepy] = [isolate(), isolate()]
  await act('start', { stage: `canary-${PERCENT}` })

  const before = [...(await submits(busy)), ...(await submits(sleepy))]
  expect(before.map(({ reply }) => reply.status)).toEqual(before.map(() => 200))
  expect(before.map(({ reply }) => reply.headers.get('x-sluice-arm'))).toEqual(before.map(({ arm }) => arm))
  await waitFor(async () => expect(await submitsCounted()).toEqual({ requests: before.length, outcomes: {} }))

  isFailing = true
  let failed = 0
  for (const i of [1, 2, 3]) {
    expect(await view()).toMatchObject({ state: 'canary' })
    vi.setSystemTime(T0 + i * WINDOW_MS + 100)
    for (const { arm, reply } of await submits(busy)) {
      expect(reply.status).toBe(arm === 'candidate' ? 500 : 200)
      if (arm === 'candidate') failed++
    }
    await waitFor(async () => expect((await submitsCounted()).outcomes).toEqual({ http_5xx: failed }))
    vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 200)
    await tick()
  }
  expect(await view()).toMatchObject({ state: 'rolled_back', percent: 0 })
  expect((await history()).findLast(({ action }) => action === 'rollback')).toMatchObject({
    who: 'system:guardrail',
    from: { stage: `canary-${PERCENT}`, percent: PERCENT },
    evidence: { verdict: { guardrail: 'error_rate:submit', windows: { bad: 3, needed: 3 } } },
  })

  vi.setSystemTime(Date.now() + PROPAGATION_MS)
  backends.calls.length = 0
  const after = [...(await submits(busy)), ...(await submits(sleepy))]
  expect(after.map(({ reply }) => reply.status)).toEqual(after.map(() => 200))
  expect(backends.of('POST').map(armOf)).toEqual(after.map(() => 'control'))

  // Whoever has a job at the candidate finds it there, whichever isolate is asked.
  backends.calls.length = 0
  for (const { user, arm, reply } of before) {
    for (const isolate of [busy, sleepy]) {
      expect((await isolate.send('GET', `/v1/videos/${reply.id}`, { as: user })).status).toBe(200)
      expect(armOf(backends.of('GET').at(-1)!)).toBe(arm)
    }
  }
  const sent = before.length + 3 * ALL.length + after.length
  await waitFor(async () => expect(await submitsCounted()).toEqual({ requests: sent, outcomes: { http_5xx: failed } }))
  await waitFor(async () => expect((await ledger().jobs({}, null, 500)).items).toHaveLength(sent - failed))
})

/** Its pauses take no time, so that counters are flushed at once instead of a second later. */
function isolate(): DataPlane {
  const toBackends = vi.mocked(fetch).getMockImplementation()!
  const plane = new DataPlane(
    { RELEASE_A: releaseTable(RELEASE, { window_seconds: WINDOW_MS / 1000 }) },
    () => null,
    REAL_OBJECTS,
  )
  plane.fetch = toBackends
  vi.mocked(fetch).mockImplementation(toBackends)
  return plane
}

function armOf({ url }: Pick<Call, 'url'>): Arm {
  return new URL(url).host === 'candidate.test' ? 'candidate' : 'control'
}

/** A submit by each user. */
async function submits(isolate: DataPlane): Promise<{ user: string; arm: Arm; reply: Reply }[]> {
  const all = []
  for (const user of ALL) {
    const reply = await isolate.send('POST', '/v1/videos', { as: user, body: { prompt: 'a red fox' } })
    all.push({ user, arm: (USERS.candidate.includes(user) ? 'candidate' : 'control') as Arm, reply })
  }
  return all
}

function submitsCounted() {
  return counted(shard(), 'submit')
}
