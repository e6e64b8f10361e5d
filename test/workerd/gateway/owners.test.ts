/** A job is its owner's and its arm's: altered ids, other callers, cookies, native ids over shards, and after a rollback. */
import { describe, expect, it } from 'vitest'
import { DataPlane, inStillTime, releaseTable, type Reply } from '../../support/workerd/data-plane.ts'
import { subjectsOf } from '../../support/subjects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'wan22'
const PATH = '/v1/videos'
const [owner, other] = subjectsOf(RELEASE, 'candidate', 50, 2) as [string, string]
const body = { prompt: 'a red fox' }

inStillTime()

function canary(more: Record<string, unknown> = {}, percent = 50) {
  const backends = new ScriptedBackends()
  const vars = { RELEASE_A: releaseTable(RELEASE, more), SLUICE: { subject: ['header:x-user-id', 'cookie', 'ip'] } }
  const plane = new DataPlane(vars, backends.answer)
  plane.canary(RELEASE, percent)
  return { plane, backends }
}

/** What a reply says, less the request that it answers. */
function refusal({ status, text, headers }: Reply): unknown {
  return [status, text.replace(headers.get('x-request-id')!, '')]
}

describe('an id', () => {
  it('altered in any one character is a job that never was', async () => {
    const { plane, backends } = canary()
    const { id } = await plane.send('POST', PATH, { as: owner, body })
    const never = refusal(await plane.send('GET', `${PATH}/video_gen_that_never_was`, { as: owner }))
    expect(never).toEqual([404, expect.stringContaining('"job_not_found"')])
    const asked = backends.calls.length
    for (let i = 0; i < id.length; i++) {
      const altered = `${id.slice(0, i)}${id[i] === 'x' ? 'y' : 'x'}${id.slice(i + 1)}`
      expect([i, refusal(await plane.send('GET', `${PATH}/${altered}`, { as: owner }))]).toEqual([i, never])
    }
    // Without its mark it is a bare id, of which control may be asked.
    expect(backends.askedFor(backends.lastId)).toEqual([])
    expect(backends.calls.length - asked).toBeLessThanOrEqual('slc__slc'.length)
    expect((await plane.send('GET', `${PATH}/${id}`, { as: owner })).status).toBe(200)
  })

  it('of another subject is a job that never was, for polls, downloads, cancels and remixes', async () => {
    const { plane } = canary()
    const { id } = await plane.send('POST', PATH, { as: owner, body })
    for (const [method, below] of [
      ['GET', ''],
      ['GET', '/content'],
      ['DELETE', ''],
      ['POST', '/remix'],
    ] as const) {
      const asked = { as: other, ...(method === 'POST' ? { body } : {}) }
      const reply = await plane.send(method, `${PATH}/${id}${below}`, asked)
      expect([method, below, reply.status, reply.code]).toEqual([method, below, 404, 'job_not_found'])
    }
    expect((await plane.send('GET', `${PATH}/${id}/content`, { as: owner })).status).toBe(200)
  })
})

describe('a caller without a name', () => {
  const cookieOf = ({ headers }: Reply) => /sluice_sid=[^;]+/.exec(headers.get('set-cookie') ?? '')?.[0]

  it('is given a cookie that holds its arm and its jobs', async () => {
    const { plane } = canary()
    for (let i = 0; i < 4; i++) {
      const first = await plane.send('POST', PATH, { as: null, body })
      expect(first.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Lax$/)
      const headers = { cookie: cookieOf(first)! }
      const again = await plane.send('POST', PATH, { as: null, body, headers })
      expect([again.arm, again.headers.get('set-cookie')]).toEqual([first.arm, null])
      expect((await plane.send('GET', `${PATH}/${again.id}`, { as: null, headers })).status).toBe(200)
      expect((await plane.send('GET', `${PATH}/${again.id}`, { as: null })).status).toBe(404)
    }
  })

  it('gets a new cookie for a tampered one, which is trusted in nothing', async () => {
    const { plane } = canary()
    const cookie = cookieOf(await plane.send('POST', PATH, { as: null, body }))!
    const { id } = await plane.send('POST', PATH, { as: null, body, headers: { cookie } })
    const tampered = cookie.replace(/[^.]$/, (char) => (char === 'A' ? 'B' : 'A'))
    const reply = await plane.send('POST', PATH, { as: null, body, headers: { cookie: tampered } })
    expect([reply.status, cookieOf(reply)]).toEqual([200, expect.stringContaining('sluice_sid=')])
    expect([cookie, tampered]).not.toContain(cookieOf(reply))
    expect((await plane.send('GET', `${PATH}/${id}`, { as: null, headers: { cookie: tampered } })).status).toBe(404)
  })

  it.each(['tagged', 'native'])(
    'can poll the job that it was given, though it keeps no cookie: %s',
    async (id_mode) => {
      const { plane } = canary({ id_mode })
      const { id } = await plane.send('POST', PATH, { as: null, body })
      expect(await plane.send('GET', `${PATH}/${id}`, { as: null })).toMatchObject({ status: 200, id })
      expect((await plane.send('GET', `${PATH}/${id}`, { as: 'somebody' })).status).toBe(404)
    },
  )
})

describe.each([
  ['tagged', 1],
  ['native', 1],
  ['native', 8],
])('a job of the candidate, with %s ids and %i ledgers', (id_mode, ledger_shards) => {
  const more = { id_mode, ledger_shards }

  it('is its owner’s at once, and nobody else’s, whichever shard the other’s jobs are in', async () => {
    const { plane, backends } = canary(more)
    const { id, arm } = await plane.send('POST', PATH, { as: owner, body })
    expect([arm, id === backends.lastId]).toEqual(['candidate', id_mode === 'native'])
    expect(await plane.send('GET', `${PATH}/${id}`, { as: owner })).toMatchObject({ status: 200, arm, id })
    const asked = backends.calls.length
    for (const as of [...Array.from({ length: 12 }, (_, i) => `somebody-else-${i}`), null])
      expect(await plane.send('GET', `${PATH}/${id}`, { as })).toMatchObject({ status: 404, code: 'job_not_found' })
    expect(backends.calls.length).toBe(asked)
  })

  it('is cancelled where it is, right behind its submit', async () => {
    const { plane, backends } = canary(more)
    const { id } = await plane.send('POST', PATH, { as: owner, body })
    const raw = backends.lastId
    expect(await plane.send('DELETE', `${PATH}/${id}`, { as: owner })).toMatchObject({ status: 200, arm: 'candidate' })
    expect(backends.askedFor(raw)).toEqual(['DELETE candidate'])
  })

  it('is polled, downloaded and remixed there after a rollback, while new submits go to control', async () => {
    const { plane, backends } = canary(more)
    const { id } = await plane.send('POST', PATH, { as: owner, body })
    const raw = backends.lastId
    backends.statusOf.set(raw, 'in_progress')
    plane.rollBack(RELEASE)
    const after = await plane.send('POST', PATH, { as: owner, body })
    expect([after.arm, after.headers.get('x-sluice-reason')]).toEqual(['control', 'rolled_back'])
    const seen = await plane.send('GET', `${PATH}/${id}`, { as: owner })
    expect([seen.status, seen.arm, seen.headers.get('x-sluice-reason')]).toEqual([200, 'candidate', 'job'])
    expect(JSON.parse(seen.text)).toMatchObject({ id, status: 'in_progress' })
    expect(await plane.send('GET', `${PATH}/${id}/content`, { as: owner })).toMatchObject({
      status: 200,
      arm: 'candidate',
      text: `film at candidate.test/${raw}`,
    })
    const range = { range: 'bytes=0-99' }
    await plane.send('GET', `${PATH}/${id}/content`, { as: owner, headers: range })
    expect(plane.calls.at(-1)!.headers.get('range')).toBe('bytes=0-99')
    const remix = await plane.send('POST', `${PATH}/${id}/remix`, { as: owner, body })
    expect([remix.status, remix.arm, plane.calls.at(-1)!.url.pathname]).toEqual([
      200,
      'candidate',
      `${PATH}/${raw}/remix`,
    ])
  })
})
