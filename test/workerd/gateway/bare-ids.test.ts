/**
 * Ids that come without our tag, over real ledgers: one that is known opens for its owner only, in tagged mode as well;
 * any other is a job from before Sluice, while `legacy_ids` says so.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { idKeys } from '../../../src/core/id-keys.ts'
import { ownerOf } from '../../../src/core/job-id.ts'
import { JobLedger } from '../../../src/durable/job-ledger.ts'
import {
  type Asked,
  DataPlane,
  inStillTime,
  releaseTable,
  letPass,
  T0,
  TO_CANDIDATE,
} from '../../support/workerd/data-plane.ts'
import { copyOf, entry, ledger } from '../../support/workerd/objects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const VIDEOS = '/v1/videos'
const USER = 'sara'
const MODES = ['tagged', 'native'] as const

let backends: ScriptedBackends
let numbered = 0

inStillTime()
beforeEach(() => {
  backends = new ScriptedBackends()
})

function isolate(more: Record<string, unknown> = {}): DataPlane {
  return isolateOf({ RELEASE_A: releaseTable('objects', more) })
}

function isolateOf(vars: Record<string, unknown>): DataPlane {
  return new DataPlane(vars, backends.answer)
}

/** A backend's id that no other test has. */
function aNewId(): string {
  return `v_${++numbered}`
}

async function made(at: DataPlane, asked: Partial<Asked> = {}, path = VIDEOS): Promise<{ id: string; raw: string }> {
  const raw = (backends.nextId = aNewId())
  const { status, id } = await at.send('POST', path, { as: 'alice', body: { prompt: 'a' }, ...asked })
  expect(status).toBe(200)
  return { id, raw }
}

/** What somebody gets who asks for this id in every way that there is. */
async function tried(at: DataPlane, id: string, as: string | null, path = VIDEOS): Promise<[number, string][]> {
  const all = []
  for (const [method, below, body] of [
    ['GET', ''],
    ['GET', '/content'],
    ['GET', '/other'],
    ['POST', '/remix', { prompt: 'b' }],
    ['DELETE', ''],
  ] as const) {
    const { status, code } = await at.send(method, `${path}/${id}${below}`, { as, ...(body ? { body } : {}) })
    all.push([status, code] as [number, string])
  }
  const edit = { prompt: 'b', video: { id } }
  const { status, code } = await at.send('POST', `${path}/edits`, { as, body: edit })
  return [...all, [status, code]]
}

const NOTHING = Array.from({ length: 6 }, () => [404, 'job_not_found'])

describe.each(MODES)("a backend's id that the ledger knows, in %s mode", (id_mode) => {
  it.each(['control', 'candidate'])('opens nothing for anybody else, and reaches no backend: %s', async (arm) => {
    for (const ledger_shards of [1, 4]) {
      const at = isolate({ id_mode, ledger_shards })
      const { raw } = await made(at, arm === 'candidate' ? { headers: TO_CANDIDATE } : {})
      for (const other of ['bob', 'ben', 'bill', 'boris', null]) expect(await tried(at, raw, other)).toEqual(NOTHING)
      // Another isolate asks the ledgers, which is all it can do.
      await at.send('GET', VIDEOS, { as: 'alice' })
      expect(await tried(isolate({ id_mode, ledger_shards }), raw, 'bob')).toEqual(NOTHING)
      expect(backends.has(arm, raw)).toBe(true)
      expect(backends.askedFor(raw)).toEqual(['GET ' + arm])
    }
  })

  it.each(['control', 'candidate'])('leads its owner to the arm that has the job: %s', async (arm) => {
    const at = isolate({ id_mode })
    const { id, raw } = await made(at, arm === 'candidate' ? { headers: TO_CANDIDATE } : {})
    const polled = await at.send('GET', `${VIDEOS}/${raw}`, { as: 'alice' })
    expect([polled.status, polled.headers.get('x-sluice-arm'), polled.id]).toEqual([200, arm, id])
    const film = await at.send('GET', `${VIDEOS}/${raw}/content`, { as: 'alice' })
    expect(film.text).toBe(`film at ${arm}.test/${raw}`)
    expect((await at.send('DELETE', `${VIDEOS}/${raw}`, { as: 'alice' })).status).toBe(200)
    expect(backends.has(arm, raw)).toBe(false)
  })

  it("is its owner's where another backend has numbered somebody else's job alike", async () => {
    const at = isolate({ id_mode })
    const { raw } = await made(at)
    backends.nextId = raw
    const headers = TO_CANDIDATE
    expect((await at.send('POST', VIDEOS, { as: 'bob', body: { prompt: 'b' }, headers })).status).toBe(200)
    for (const [as, arm] of [
      ['alice', 'control'],
      ['bob', 'candidate'],
    ] as const) {
      const { status, text } = await at.send('GET', `${VIDEOS}/${raw}/content`, { as })
      expect([status, text]).toEqual([200, `film at ${arm}.test/${raw}`])
    }
    expect(await tried(at, raw, 'carol')).toEqual(NOTHING)
  })

  it('is refused for a time, and not handed out, where a ledger can not be asked', async () => {
    const at = isolate({ id_mode })
    backends.add('control', 'v_old')
    const { raw } = await made(at)
    await at.send('GET', VIDEOS, { as: 'alice' })
    const asked = backends.askedFor(raw).length
    vi.spyOn(JobLedger.prototype, 'find').mockImplementation(() => new Promise(() => undefined))
    const asking = [raw, 'v_old'].map((id) => at.send('GET', `${VIDEOS}/${id}/content`, { as: 'bob' }))
    const replies = await letPass(1000, Promise.all(asking))
    for (const { status, code, headers } of replies)
      expect([status, code, headers.get('retry-after')]).toEqual([503, 'control_plane_unavailable', '2'])
    expect(backends.askedFor(raw).length).toBe(asked)
    expect(backends.askedFor('v_old')).toEqual([])
  })

  it("of a release at another path with the same backend is nobody's here", async () => {
    const at = isolateOf({
      RELEASE_A: releaseTable('objects', { id_mode, match: { paths: ['/a'] } }),
      RELEASE_B: releaseTable('wan22', { id_mode, match: { paths: ['/b'] } }),
    })
    const { raw } = await made(at, {}, '/b/v1/videos')
    for (const as of ['bob', 'alice']) expect(await tried(at, raw, as, '/a/v1/videos')).toEqual(NOTHING)
    expect((await at.send('GET', `/b/v1/videos/${raw}`, { as: 'alice' })).status).toBe(200)
  })

  it("of a shadow copy is nobody's, not even its user's", async () => {
    // The candidate of this release is the control of the next one, as where releases follow each other.
    const arms = { control: { url: 'http://candidate.test' }, candidate: { url: 'http://next.test' } }
    const at = isolateOf({
      RELEASE_A: releaseTable('objects', { id_mode, match: { paths: ['/a'] } }),
      RELEASE_B: releaseTable('wan22', { id_mode, match: { paths: ['/b'] }, arms }),
    })
    const [owner] = ownerOf(`header:${USER}`, idKeys(['a-cookie-key-for-tests-only'])) as [string]
    const control = entry('copied', { arm: 'control', owner })
    const copy = aNewId()
    backends.add('candidate', copy)
    expect(await copyOf(ledger(0), control, { upstreamId: copy, replica: entry('x').replica })).toBeNull()
    for (const path of ['/a/v1/videos', '/b/v1/videos'])
      for (const [status] of await tried(at, copy, USER, path)) expect([path, status]).toEqual([path, 404])
    expect(backends.askedFor(copy)).not.toContainEqual(expect.stringMatching(/candidate/))
    expect(backends.has('candidate', copy)).toBe(true)
  })
})

describe.each(MODES)('an id that nobody here knows, in %s mode', (id_mode) => {
  const OLD = 'v_before'
  const read = (at: DataPlane) => at.send('GET', `${VIDEOS}/${OLD}`, { as: 'anybody' })
  const UNTIL = '2030-04-01T00:00:00+02:00'

  it('is a job from before Sluice, for everything that can be asked of a job', async () => {
    backends.add('control', OLD)
    backends.nextId = aNewId()
    const at = isolate({ id_mode })
    expect(await read(at)).toMatchObject({ status: 200, id: OLD })
    expect((await tried(at, OLD, 'anybody')).map(([status]) => status)).toEqual([200, 200, 200, 200, 200, 404])
    expect(backends.has('control', OLD)).toBe(false)
  })

  it('is found at the replica that has it, though another one is gone', async () => {
    const replicas = { urls: ['http://gone.test', 'http://control.test'] }
    const arms = { control: replicas, candidate: { url: 'http://candidate.test' } }
    const at = isolate({ id_mode, arms })
    at.answer = (call) => (call.url.host === 'gone.test' ? null : backends.answer(call))
    backends.add('control', OLD)
    const film = await at.send('GET', `${VIDEOS}/${OLD}/content`, { as: 'anybody' })
    expect([film.status, film.text]).toEqual([200, `film at control.test/${OLD}`])
    expect((await at.send('DELETE', `${VIDEOS}/${OLD}`, { as: 'anybody' })).status).toBe(200)
    // It may be at the one that is gone.
    expect(await read(at)).toMatchObject({ status: 502, code: 'upstream_unreachable' })
  })

  it.each([404, 410])('is not at a replica that answers %i, whatever is asked of it', async (status) => {
    const replicas = { urls: ['http://other.test', 'http://control.test'] }
    const at = isolate({ id_mode, arms: { control: replicas, candidate: { url: 'http://candidate.test' } } })
    at.answer = (call) => (call.url.host === 'other.test' ? new Response('', { status }) : backends.answer(call))
    backends.add('control', OLD)
    expect((await read(at)).status).toBe(200)
    const film = await at.send('GET', `${VIDEOS}/${OLD}/content`, { as: 'anybody' })
    expect(film.text).toBe(`film at control.test/${OLD}`)
    expect((await at.send('DELETE', `${VIDEOS}/${OLD}`, { as: 'anybody' })).status).toBe(200)
    at.answer = () => new Response('', { status })
    for (const [code] of (await tried(at, OLD, 'anybody')).slice(0, 3)) expect(code).toBe(404)
  })

  it('is refused with legacy_ids = "refuse", and no backend is asked', async () => {
    for (const backend of ['control', 'candidate']) backends.add(backend, OLD)
    const at = isolate({ id_mode, legacy_ids: 'refuse' })
    expect(await tried(at, OLD, 'anybody')).toEqual(NOTHING)
    expect(backends.askedFor(OLD)).toEqual([])
    // What the ledger knows is its owner's all the same.
    const { id, raw } = await made(at)
    expect(await at.send('GET', `${VIDEOS}/${raw}`, { as: 'alice' })).toMatchObject({ status: 200, id })
  })

  it('is served until the time that legacy_ids names', async () => {
    backends.add('control', OLD)
    const at = isolate({ id_mode, legacy_ids: UNTIL })
    vi.setSystemTime(Date.parse(UNTIL) - 1)
    expect((await read(at)).status).toBe(200)
    vi.setSystemTime(Date.parse(UNTIL))
    expect(await read(at)).toMatchObject({ status: 404, code: 'job_not_found' })
    expect(backends.askedFor(OLD)).toHaveLength(1)
  })

  it('goes by the legacy_ids of the release that takes it, where releases share a path', async () => {
    backends.add('control', OLD)
    const general = releaseTable('objects', { id_mode, legacy_ids: 'refuse' })
    const ofOneModel = releaseTable('wan22', { id_mode, match: { models: ['one'] } })
    const refusing = isolateOf({ RELEASE_A: ofOneModel, RELEASE_B: general })
    expect((await read(refusing)).status).toBe(404)
    const serving = isolateOf({
      RELEASE_A: { ...ofOneModel, legacy_ids: 'refuse' },
      RELEASE_B: { ...general, legacy_ids: 'control' },
    })
    expect((await read(serving)).status).toBe(200)
  })

  it('that control does not have either is answered like one that is somebody else’s', async () => {
    const at = isolate({ id_mode })
    const { raw } = await made(at)
    const shown = async (id: string) => {
      const { status, headers, text } = await at.send('GET', `${VIDEOS}/${id}`, { as: 'bob' })
      const told = [...headers].filter(([name]) => name !== 'x-request-id')
      return { status, told, text: text.replace(headers.get('x-request-id')!, '') }
    }
    expect(await shown(raw)).toEqual(await shown('v_never'))
  })

  it('of more characters than any id has is not looked for', async () => {
    const find = vi.spyOn(JobLedger.prototype, 'find')
    expect(await read(isolate({ id_mode }))).toMatchObject({ status: 404 })
    expect(find).toHaveBeenCalled()
    find.mockClear()
    expect(await isolate({ id_mode }).send('GET', `${VIDEOS}/${'v'.repeat(513)}`, { as: 'bob' })).toMatchObject({
      status: 404,
      code: 'job_not_found',
    })
    expect(find).not.toHaveBeenCalled()
  })
})

describe('the job of a caller without identity', () => {
  it('opens by its issued id for such callers, and by the backend’s id only where that is the issued one', async () => {
    for (const [id_mode, status] of [
      ['tagged', 404],
      ['native', 200],
    ] as const) {
      const at = isolate({ id_mode })
      const { id, raw } = await made(at, { as: null })
      expect((await at.send('GET', `${VIDEOS}/${id}`, { as: null })).status).toBe(200)
      expect([id_mode, (await at.send('GET', `${VIDEOS}/${raw}`, { as: null })).status]).toEqual([id_mode, status])
      expect(await tried(at, raw, 'bob')).toEqual(NOTHING)
    }
  })

  it('is still theirs after the release has gone over to tagged ids', async () => {
    const { raw } = await made(isolate({ id_mode: 'native' }), { as: null, headers: TO_CANDIDATE })
    const polled = await isolate().send('GET', `${VIDEOS}/${raw}`, { as: null })
    expect([polled.status, polled.headers.get('x-sluice-arm')]).toEqual([200, 'candidate'])
  })
})

describe('a native id', () => {
  it('is known to every isolate as soon as its client is, so that "refuse" cuts nobody off', async () => {
    const one = isolate({ id_mode: 'native', legacy_ids: 'refuse' })
    // The first flush leaves at once; what comes behind it waits for the next.
    await made(one)
    const { raw } = await made(one, { headers: TO_CANDIDATE })
    const other = isolate({ id_mode: 'native', legacy_ids: 'refuse' })
    const polled = await other.send('GET', `${VIDEOS}/${raw}`, { as: 'alice' })
    expect([polled.status, polled.headers.get('x-sluice-arm')]).toEqual([200, 'candidate'])
    expect(await tried(other, raw, 'bob')).toEqual(NOTHING)
  })

  it('is answered though the ledger does not answer', async () => {
    vi.spyOn(JobLedger.prototype, 'flush').mockImplementationOnce(() => new Promise(() => undefined))
    const at = isolate({ id_mode: 'native' })
    const { raw } = await letPass(1000, made(at))
    expect((await at.send('GET', `${VIDEOS}/${raw}`, { as: 'alice' })).status).toBe(200)
    expect(await tried(isolate({ id_mode: 'native' }), raw, 'bob')).toEqual(NOTHING)
  })
})

describe('an id of somebody else in an answer of one’s own', () => {
  it('becomes one that opens nothing, as where a backend repeats what its client wrote', async () => {
    for (const ledger_shards of [1, 4]) {
      const at = isolate({ ledger_shards })
      const { raw } = await made(at)
      backends.more = { remixed_from_video_id: raw }
      for (const thief of ['bob', 'ben', 'bill', 'boris']) {
        const own = await made(at, { as: thief })
        const { text } = await at.send('GET', `${VIDEOS}/${own.id}`, { as: thief })
        const { remixed_from_video_id: named } = JSON.parse(text) as { remixed_from_video_id: string }
        expect(named).toMatch(/^slc_/)
        expect(await tried(at, named, thief)).toEqual(NOTHING)
      }
      backends.more = {}
      expect(backends.has('control', raw)).toBe(true)
    }
  })

  it('of one’s own is the id that was issued for it', async () => {
    const at = isolate()
    const { id, raw } = await made(at)
    backends.more = { remixed_from_video_id: raw }
    const remix = await made(at, {}, `${VIDEOS}/${id}/remix`)
    const { text } = await at.send('GET', `${VIDEOS}/${remix.id}`, { as: 'alice' })
    expect(JSON.parse(text)).toMatchObject({ id: remix.id, remixed_from_video_id: id })
  })
})

describe('a list', () => {
  const page = async (at: DataPlane, after: string, as: string) => {
    const { status, text } = await at.send('GET', `${VIDEOS}?after=${after}`, { as })
    return [status, (JSON.parse(text) as { data: { id: string }[] }).data?.map(({ id }) => id)]
  }

  it('goes on behind one’s own job, by whichever id; behind somebody else’s there is nothing', async () => {
    const at = isolate()
    const as = 'lena'
    const first = await made(at, { as })
    vi.setSystemTime(T0 + 1000)
    const second = await made(at, { as })
    vi.setSystemTime(T0 + 2000)
    const others = await made(at, { as: 'bob' })
    for (const after of [second.id, second.raw]) expect(await page(at, after, as)).toEqual([200, [first.id]])
    for (const after of [others.id, others.raw, 'v_never', 'slc_x_slc'])
      expect(await page(at, after, as)).toEqual([200, []])
  })

  it('is refused for a time where nobody can say whose the id is', async () => {
    const at = isolate()
    const { raw } = await made(at)
    vi.spyOn(JobLedger.prototype, 'find').mockImplementation(() => new Promise(() => undefined))
    expect(await letPass(1000, at.send('GET', `${VIDEOS}?after=${raw}`, { as: 'alice' }))).toMatchObject({
      status: 503,
      code: 'control_plane_unavailable',
    })
  })
})

describe('a file that a backend names', () => {
  it('is at an address that tells nothing of it, and opens for the job’s owner only', async () => {
    const at = isolate()
    const { id, raw } = await made(at)
    backends.more = { url: `http://control.test/files/job-${raw}_out.mp4` }
    const { text } = await at.send('GET', `${VIDEOS}/${id}`, { as: 'alice' })
    const { pathname } = new URL((JSON.parse(text) as { url: string }).url)
    expect(pathname).toMatch(/^\/slc_[\w-]+_slc\/file\.mp4$/)
    for (const as of ['bob', null])
      expect(await at.send('GET', pathname, { as })).toMatchObject({ status: 404, code: 'job_not_found' })
    await at.send('GET', pathname, { as: 'alice' })
    expect(backends.askedFor(`files/job-${raw}_out.mp4`)).toEqual(['GET control'])
  })
})

describe('an answer’s own words', () => {
  it('hold no backend’s id: neither body, headers nor log', async () => {
    const at = isolate()
    const { id, raw } = await made(at)
    backends.more = { note: `job ${raw} is at http://control.test/v1/videos/${raw}` }
    const { text, headers } = await at.send('GET', `${VIDEOS}/${id}`, { as: 'alice' })
    const shown = JSON.stringify([text, [...headers], at.logged])
    expect(shown).toContain(id)
    expect(shown).not.toContain(raw)
  })
})

describe('a backend’s id that looks like a file’s path', () => {
  it('is a job’s all the same: polled, downloaded and deleted by its owner', async () => {
    const at = isolate()
    const raw = (backends.nextId = '/files/out.mp4')
    const { id } = await at.send('POST', VIDEOS, { as: 'alice', body: { prompt: 'a' } })
    for (const [method, below] of [
      ['GET', ''],
      ['GET', '/content'],
      ['DELETE', ''],
    ] as const)
      expect((await at.send(method, `${VIDEOS}/${id}${below}`, { as: 'alice' })).status).toBe(200)
    expect(backends.has('control', raw)).toBe(false)
    // Nor is it a file's, at whose address anything of a backend could be read.
    expect(await at.send('GET', `/${id}/out.mp4`, { as: 'alice' })).toMatchObject({
      status: 404,
      code: 'job_not_found',
    })
  })
})
