/** More ledgers than a release had: what holds of jobs that were taken up before. docs/scale.md says what does not. */
import { expect, it } from 'vitest'
import { DataPlane, inStillTime, releaseTable } from '../../support/workerd/data-plane.ts'
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
