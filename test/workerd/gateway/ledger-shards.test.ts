/** More ledgers than a release had: what holds of jobs that were taken up before. docs/scale.md says what does not. */
import { expect, it } from 'vitest'
import { DataPlane, inStillTime, REAL_OBJECTS, releaseTable } from '../../support/workerd/data-plane.ts'
import { RELEASE } from '../../support/workerd/objects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

inStillTime()

it('jobs are reached by their ids and by their backends’ ids as before, and by nobody else', async () => {
  const backends = new ScriptedBackends()
  const planeOf = (ledgerShards: number) => {
    const vars = { RELEASE_OBJECTS: releaseTable(RELEASE, { ledger_shards: ledgerShards }) }
    return new DataPlane(vars, (call) => backends.answer(call))
  }
  const before = planeOf(1)
  const users = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay']
  const jobs: { as: string; id: string; raw: string }[] = []
  for (const as of users) {
    const { id } = await before.send('POST', '/v1/videos', { as, body: { prompt: 'a red fox' } })
    jobs.push({ as, id, raw: backends.lastId })
  }
  const after = planeOf(4)
  for (const { as, id, raw } of jobs) {
    const other = { as: users.find((user) => user !== as)! }
    expect((await after.send('GET', `/v1/videos/${id}`, { as })).status).toBe(200)
    expect((await after.send('GET', `/v1/videos/${id}/content`, { as })).text).toBe(`film at control.test/${raw}`)
    expect((await after.send('GET', `/v1/videos/${id}`, other)).status).toBe(404)
    expect((await after.send('GET', `/v1/videos/${raw}`, { as })).status).toBe(200)
    expect((await after.send('GET', `/v1/videos/${raw}`, other)).status).toBe(404)
  }
})

it('a job is in its owner’s list right after its submit, however many ledgers wait to be told', async () => {
  const backends = new ScriptedBackends()
  const plane = new DataPlane(
    { RELEASE_OBJECTS: releaseTable(RELEASE, { ledger_shards: 64 }) },
    (call) => backends.answer(call),
    REAL_OBJECTS,
  )
  const users = Array.from({ length: 12 }, (_, i) => `user-${i}`)
  await plane.send('POST', '/v1/videos', { as: 'first', body: { prompt: 'a red fox' } })
  // Within a flush's second.
  plane.isSlowToFlush = true
  const ids: string[] = []
  for (const as of users) ids.push((await plane.send('POST', '/v1/videos', { as, body: { prompt: 'a red fox' } })).id)
  for (const [i, as] of users.entries()) {
    expect((await plane.send('GET', `/v1/videos/${ids[i]}`, { as })).status).toBe(200)
    const { data } = JSON.parse((await plane.send('GET', '/v1/videos', { as })).text) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toEqual([ids[i]])
  }
})
