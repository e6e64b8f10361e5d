/** Many clients that poll one job: the backend is asked a few times, and each client is answered by what is true for it. */
import { describe, expect, it, vi } from 'vitest'
import { FOLLOW_MS } from '../../../src/gateway/shared-polls.ts'
import { DataPlane, inStillTime, letPass, releaseTable, T0, until } from '../../support/workerd/data-plane.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const PATH = '/v1/videos'
const as = 'olga'

inStillTime()

async function polled() {
  const backends = new ScriptedBackends()
  const plane = new DataPlane({ RELEASE_A: releaseTable('wan22') }, backends.answer)
  const { id } = await plane.send('POST', PATH, { as, body: { prompt: 'a' } })
  backends.statusOf.set(backends.lastId, 'queued')
  const poll = (subject: string = as) => plane.send('GET', `${PATH}/${id}`, { as: subject })
  return { backends, plane, id, poll, polls: () => plane.callsOf('GET').length }
}

describe('polls of one job', () => {
  it('by 200 clients cost its backend a tenth at most, and are all answered and counted', async () => {
    const { backends, plane, id, poll, polls } = await polled()
    // The backend answers when all have asked.
    const answering = Promise.withResolvers<void>()
    plane.answer = async (call) => (await answering.promise, backends.answer(call))
    const asking = Array.from({ length: 200 }, () => poll())
    await until('all wait', () => polls() > 0)
    answering.resolve()
    const replies = await Promise.all(asking)
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(replies[0]).toMatchObject({ status: 200, id, text: expect.stringContaining('"queued"') })
    expect(new Set(replies.map(({ headers }) => headers.get('x-request-id'))).size).toBe(200)
    expect(polls()).toBeLessThanOrEqual(20)
    expect(plane.counted('poll')).toEqual({ 'control ok': 200 })
  })

  it('are somebody else’s only as 404, also while one is under way', async () => {
    const { poll } = await polled()
    const replies = await Promise.all([poll(), poll('other'), poll()])
    expect(replies.map(({ status }) => status)).toEqual([200, 404, 200])
  })

  it('are answered though the call that they wait for never ends', async () => {
    const { backends, plane, poll, polls } = await polled()
    // As where the client of the first one has gone, and the platform has dropped its call.
    plane.answer = (call) => (polls() > 1 ? backends.answer(call) : new Promise(() => undefined))
    void poll()
    await until('it is under way', () => polls() === 1)
    const replies = await letPass(FOLLOW_MS, Promise.all(Array.from({ length: 30 }, () => poll())))
    // After a second, and not when the call's own deadline has passed.
    expect(Date.now() - T0).toBe(FOLLOW_MS)
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
    expect(polls()).toBeLessThanOrEqual(6)
  })

  it('share that their backend is gone, and find it again', async () => {
    const { backends, plane, poll, polls } = await polled()
    plane.answer = () => null
    const replies = await Promise.all(Array.from({ length: 30 }, () => poll()))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([502]))
    expect(polls()).toBeLessThanOrEqual(10)
    plane.answer = backends.answer
    // An error serves those that waited for it, and nobody after them.
    vi.setSystemTime(Date.now() + 1)
    expect((await poll()).status).toBe(200)
  })

  it('show at once what a DELETE has made of it', async () => {
    const { plane, backends, id, poll } = await polled()
    const raw = backends.lastId
    expect((await poll()).text).toContain('"queued"')
    expect((await plane.send('DELETE', `${PATH}/${id}`, { as })).status).toBe(200)
    plane.answer = () => Response.json({ id: raw, object: 'video', status: 'deleted' })
    expect((await poll()).text).toContain('"deleted"')
  })

  it('are asked anew once their moment is over', async () => {
    const { poll, polls } = await polled()
    await poll()
    await poll()
    expect(polls()).toBe(1)
    vi.setSystemTime(Date.now() + 251)
    await poll()
    expect(polls()).toBe(2)
  })
})
