/** A list of the caller's jobs: what it costs the backends, what it shows of jobs that are gone, and of backends that are. */
import { describe, expect, it, vi } from 'vitest'
import {
  type BackendCall,
  DataPlane,
  hangs,
  inStillTime,
  letPass,
  releaseTable,
  TO_CANDIDATE,
} from '../../support/workerd/data-plane.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'wan22'
const PATH = '/v1/videos'
/** Calls that a list may cost. */
const MAX_CALLS = 20
const as = 'lena'

interface Job {
  id: string
  status: string
  size?: string
  completed_at?: number | null
  error?: { code: string } | null
}

inStillTime()

function setup(more: Record<string, unknown> = {}, vars: Record<string, unknown> = {}) {
  const backends = new ScriptedBackends()
  backends.more = { size: '832x480' }
  const plane = new DataPlane({ ...vars, RELEASE_B: releaseTable(RELEASE, more) }, backends.answer)
  /** Newest first. */
  const ids: string[] = []
  const raws: string[] = []
  const made = async (n: number, status = 'queued', path = PATH, headers: Record<string, string> = {}) => {
    for (let i = 0; i < n; i++) {
      vi.setSystemTime(Date.now() + 10)
      ids.unshift((await plane.send('POST', path, { as, body: { prompt: 'a' }, headers })).id)
      raws.unshift(backends.lastId)
      backends.statusOf.set(backends.lastId, status)
    }
  }
  const list = async (query = '', path = PATH) => {
    const before = plane.calls.length
    const { status, text } = await plane.send('GET', path + query, { as })
    expect(status).toBe(200)
    const {
      data,
      last_id: last,
      has_more: more,
    } = JSON.parse(text) as { data: Job[]; last_id: string; has_more: boolean }
    return { jobs: data, ids: data.map(({ id }) => id), last, more, calls: plane.calls.length - before }
  }
  return { backends, plane, ids, raws, made, list }
}

describe('a list', () => {
  it('fills its page past jobs that are gone, and forgets them', async () => {
    const { plane, backends, ids, raws, made, list } = setup()
    await made(4, 'completed')
    await plane.send('DELETE', `${PATH}/${ids[0]}`, { as })
    // The second newest went with a restart of the backend.
    const usual = backends.answer
    plane.answer = (call) => (call.url.pathname.endsWith(raws[1]!) ? gone() : usual(call))
    expect(await list('?limit=1')).toMatchObject({ ids: [ids[2]], last: ids[2], more: true })
    expect(await list(`?limit=1&after=${ids[2]}`)).toMatchObject({ ids: [ids[3]], more: false })
    const whole = await list()
    expect([whole.ids, whole.calls <= 2]).toEqual([[ids[2], ids[3]], true])
  })

  it('shows numbers as their backends write them, also longer ones than a number holds', async () => {
    const { plane, backends, ids, made } = setup()
    await made(1)
    const numbers = '"seed":18446744073709551615,"cfg":1.0,"frames":81'
    const job = `{"id":"${backends.lastId}","status":"in_progress",${numbers}}`
    plane.answer = () => new Response(job, { headers: { 'content-type': 'application/json' } })
    const { text } = await plane.send('GET', PATH, { as })
    expect(text).toContain(`{"id":"${ids[0]}","status":"in_progress",${numbers}}`)
  })

  it('is paged by native ids of whichever release', async () => {
    const first = { RELEASE_A: releaseTable('measured', { match: { models: ['other'] }, id_mode: 'native' }) }
    const { ids, made, list } = setup({ id_mode: 'native' }, first)
    await made(2)
    const page = await list('?limit=1')
    expect(page).toMatchObject({ ids: [ids[0]], more: true })
    expect(await list(`?limit=1&after=${page.last}`)).toMatchObject({ ids: [ids[1]], more: false })
  })

  it('is not held up by a backend that hangs', async () => {
    const { plane, ids, made, list } = setup()
    await made(8)
    vi.setSystemTime(Date.now() + 60_000)
    plane.answer = hangs
    const page = await letPass(3000, list())
    expect(page.ids).toEqual(ids)
    // Those that were under way when the first one failed; nobody asks the silent backend for the rest.
    expect(page.calls).toBeLessThanOrEqual(6)
  })

  it.each(['control', 'candidate'])('still shows the jobs of the backend that is down: %s', async (down) => {
    const { plane, backends, ids, made, list } = setup()
    await made(1)
    await made(1, 'queued', PATH, TO_CANDIDATE)
    vi.setSystemTime(Date.now() + 60_000)
    plane.answer = (call: BackendCall) => (call.url.host === `${down}.test` ? null : backends.answer(call))
    expect((await list()).ids).toEqual(ids)
  })
})

describe('a list of 100 jobs', () => {
  it('costs 20 calls, the newest jobs first, and those that nobody has looked at with each next one', async () => {
    const { ids, made, list } = setup()
    await made(100, 'in_progress')
    const seen = new Set<string>()
    for (let round = 1; round <= 3; round++) {
      const { jobs, calls, ...shown } = await list('?limit=100')
      expect(shown.ids).toEqual(ids)
      if (round > 1) expect(new Set(jobs.map(({ status }) => status)).has('completed')).toBe(false)
      expect(calls).toBeLessThanOrEqual(MAX_CALLS)
      // What a backend shows has more than the ledger knows.
      const whole = jobs.filter(({ size }) => size !== undefined)
      if (round === 1) expect(whole.map(({ id }) => id)).toEqual(ids.slice(0, MAX_CALLS))
      for (const { id } of whole) seen.add(id)
    }
    expect(seen.size).toBeGreaterThan(MAX_CALLS)
  })

  it('shows how each has ended, whoever has seen it, also after a rollback', async () => {
    const { plane, backends, ids, raws, made, list } = setup()
    plane.canary(RELEASE, 50)
    await made(100, 'in_progress')
    for (const [i, raw] of raws.entries()) backends.statusOf.set(raw, i % 2 ? 'completed' : 'failed')
    for (const id of ids) await plane.send('GET', `${PATH}/${id}`, { as })
    plane.rollBack(RELEASE)
    const { jobs, calls } = await list('?limit=100')
    expect(jobs.map((job) => [job.id, job.status])).toEqual(ids.map((id, i) => [id, i % 2 ? 'completed' : 'failed']))
    expect(calls).toBeLessThanOrEqual(MAX_CALLS)
    const byLedger = jobs.filter(({ size }) => size === undefined)
    expect(byLedger.length).toBeGreaterThanOrEqual(100 - MAX_CALLS)
    for (const job of byLedger) {
      expect(typeof job.completed_at).toBe(job.status === 'completed' ? 'number' : 'object')
      expect(job.error?.code ?? null).toBe(job.status === 'completed' ? null : 'job_failed')
    }
  })

  it('fills its page past jobs that are gone, and asks for no more of them than that', async () => {
    const { plane, backends, ids, raws, made, list } = setup()
    await made(35)
    const lost = new Set(raws.slice(0, 25))
    plane.answer = (call) => (lost.has(call.url.pathname.split('/').at(-1)!) ? gone() : backends.answer(call))
    // The first 20 are found to be gone; the others are shown by the ledger.
    const page = await list('?limit=10')
    expect([page.ids, page.calls]).toEqual([ids.slice(20, 30), MAX_CALLS])
  })

  it('with ids of the backend’s own is the same, and each is polled by its id after a rollback', async () => {
    const { plane, ids, made, list } = setup({ id_mode: 'native' })
    plane.canary(RELEASE, 50)
    await made(30)
    plane.rollBack(RELEASE)
    const page = await list('?limit=100')
    expect([page.ids, page.calls <= MAX_CALLS]).toEqual([ids, true])
    for (const id of ids) expect((await plane.send('GET', `${PATH}/${id}`, { as })).id).toBe(id)
  })
})

function gone(): Response {
  return Response.json({ detail: 'not found' }, { status: 404 })
}
