/** Configuration that changes under a running release: by a publication, or by a deploy that no longer has it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { ANNA, eachTestAnew, good, act, view, history, tick, second } from '../support/workerd/controller-driver.ts'
import { controller, shard } from '../support/workerd/objects.ts'

eachTestAnew()

describe('a publication', () => {
  it('is compared and set: of two on the same base one is refused', async () => {
    const both = await Promise.all([
      controller().publish({ min_jobs: 7 }, 0, 'one', ANNA),
      controller().publish({ min_jobs: 8 }, 0, 'other', ANNA),
    ])
    expect(both.map(({ ok }) => ok)).toEqual([true, false])
    expect(both[1]).toMatchObject({ code: 'version_mismatch' })
    await evictDurableObject(controller())
    expect(good(await controller().config())).toMatchObject({ version: 1, overlay: { min_jobs: 7 } })
  })

  it('takes no reason that is too long for the history', async () => {
    const refused = await controller().publish({ min_jobs: 7 }, 0, 'x'.repeat(501), ANNA)
    expect(refused).toMatchObject({ ok: false, code: 'invalid_request', details: [{ path: 'reason' }] })
    expect(good(await controller().config())).toMatchObject({ version: 0 })
  })

  it('of a guardrail begins a new epoch, so that nothing old is judged by it', async () => {
    await act('start', { stage: 'canary-50' })
    for (const i of [1, 2]) await second(i, 9)
    const guardrails = [{ metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 3, min_requests: 4 }]
    good(await controller().publish({ guardrails }, 0, 'stricter', ANNA))
    expect(await view()).toMatchObject({ epoch: 2, stage: 'canary-50' })
    // The third second had begun before the epoch did, and counts for neither.
    for (const i of [3, 4, 5]) await second(i, 9, 2)
    expect(await view()).toMatchObject({ state: 'canary', verdicts: [{ windows: { bad: 2 } }] })
    await second(6, 9, 2)
    expect(await view()).toMatchObject({ state: 'rolled_back' })
  })
})

describe('a release that is gone from the file', () => {
  type Held = { env: Env }
  const inFile = (isThere: boolean) =>
    runInDurableObject(controller() as unknown as DurableObjectStub<never>, (object) => {
      const { RELEASE_OBJECTS, ...others } = env as unknown as Env
      const held = object as unknown as Held
      held.env = isThere ? { ...others, RELEASE_OBJECTS } : others
    })

  it('rests: control serves, nothing ticks, and it does not go on by itself when it is back', async () => {
    await act('start', { stage: 'canary-50' })
    await inFile(false)
    expect(await tick()).toBe(true)
    expect(await tick()).toBe(false)
    expect(await controller().view()).toMatchObject({ ok: false, code: 'release_not_found' })
    expect(await shard().snapshot()).toMatchObject({ state: 'rolled_back', percent: 0, epoch: 2 })

    await inFile(true)
    expect(await view()).toMatchObject({ state: 'rolled_back', legal_actions: ['reset', 'set_shadow'] })
    expect((await history()).at(-1)).toMatchObject({
      who: 'system:config',
      action: 'rollback',
      from: { stage: 'canary-50', percent: 50 },
      reason: expect.stringContaining('no longer in the file'),
    })
    expect(await controller().rollbacks()).toEqual([{ cause: 'removed', n: 1 }])
    await act('reset')
    expect(await act('start', { stage: 'canary-5' })).toMatchObject({ stage: 'canary-5', percent: 5 })
  })

  it('tries again where a shard does not answer, and only then rests', async () => {
    await act('start', { stage: 'canary-50' })
    await inFile(false)
    const proto = await runInDurableObject(shard() as unknown as DurableObjectStub<never>, (object) => {
      return Object.getPrototypeOf(object) as Record<string, () => Promise<void>>
    })
    const { push } = proto
    proto['push'] = () => Promise.reject(new Error('away'))
    await tick()
    proto['push'] = push!
    expect(await shard().snapshot()).toMatchObject({ percent: 50 })
    expect(await tick()).toBe(true)
    expect(await shard().snapshot()).toMatchObject({ percent: 0 })
    expect(await tick()).toBe(false)
  })
})
