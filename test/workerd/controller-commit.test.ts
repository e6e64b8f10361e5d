/** One decision is one commit: whichever write of it fails, storage and memory stay as they were, and the next tick decides again. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { ReleaseController } from '../../src/durable/release-controller.ts'
import { ANNA, command, eachTestAnew, good, nextSeq, T0 } from '../support/workerd/controller-driver.ts'
import { batch, controller, shard } from '../support/workerd/objects.ts'

eachTestAnew()

const bindings = env as unknown as Env
const webhooks = [{ url: 'http://hooks.test/', events: ['rolled_back', 'guardrail_breached', 'review_skipped'] }]
const WITH_WEBHOOKS: Env = { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } }

/** Runs with the controller in the test's hands, and a switch by which the n-th write from then on fails. */
function withController<R>(
  run: (object: ReleaseController, storage: DurableObjectStorage, failWrite: (n: number | null) => void) => Promise<R>,
): Promise<R> {
  return runInDurableObject(controller() as DurableObjectStub<never>, async (_, state) => {
    const { sql } = state.storage
    const exec = sql.exec.bind(sql)
    let left: number | null = null
    sql.exec = ((query: string, ...values: unknown[]) => {
      if (left !== null && /^\s*(INSERT|UPDATE|DELETE)/.test(query) && --left === 0) throw new Error('the disk is full')
      return exec(query, ...values)
    }) as SqlStorage['exec']
    const object = new ReleaseController(state, WITH_WEBHOOKS)
    try {
      return await run(object, state.storage, (n) => (left = n))
    } finally {
      sql.exec = exec
    }
  })
}

/** All that the controller has stored, but what it tells of other objects. */
function stored({ sql }: DurableObjectStorage) {
  return {
    state: [...sql.exec("SELECT * FROM stored_state WHERE name NOT IN ('pushedVersion', 'shards', 'shadowsToClose')")],
    audit: [...sql.exec('SELECT * FROM audit')],
    outbox: [...sql.exec('SELECT event FROM outbox ORDER BY event')],
  }
}

/** Five of ten candidate submits fail, for as many seconds as the guardrail needs to be breached. */
async function breach(epoch: number): Promise<void> {
  for (const i of [1, 2, 3]) {
    vi.setSystemTime(T0 + i * 1000 + 500)
    await shard().flush(batch(nextSeq(), 10, 5, { epoch }))
    await shard().flush(batch(nextSeq(), 10, 0, { epoch, arm: 'control' }))
  }
  vi.setSystemTime(T0 + 4200)
}

const ERROR_RATE = { metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 3, min_requests: 5 }

it.each(['rollback', 'pause'] as const)(
  'a tick that breaches (action %s) keeps nothing while any of its writes fails, and then everything',
  async (action) => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    await withController(async (object, storage, failWrite) => {
      const guardrail = { ...ERROR_RATE, action }
      good(await object.publish({ guardrails: [guardrail] }, 0, 'test', ANNA))
      const { epoch } = good(await object.act(command('start', { stage: 'canary-50' }), ANNA))
      await breach(epoch)
      const before = stored(storage)
      let failed = 0
      for (let n = 1; good(await object.view()).stage === 'canary-50' && !good(await object.view()).paused; n++) {
        expect(stored(storage)).toEqual(before)
        failWrite(n)
        await object.alarm()
        failWrite(null)
        if (errors.mock.calls.length > failed) failed++
      }
      const names = [...storage.sql.exec<{ name: string }>('SELECT name FROM stored_state')].map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(['state', 'judgement', 'verdicts']))
      const { audit, outbox } = stored(storage)
      expect(audit).toHaveLength(before.audit.length + 1)
      const events = outbox.map(({ event }) => event)
      expect(events).toEqual(action === 'rollback' ? ['guardrail_breached', 'rolled_back'] : ['guardrail_breached'])
      // Each of: state, judgement, verdicts, the entry, the webhooks; and what a rollback leaves to be done.
      expect(failed).toBeGreaterThanOrEqual(4 + events.length)
    })
    errors.mockRestore()
  },
)

it('a tick that only alerts keeps neither the entry nor its mark while any of its writes fails', async () => {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  await withController(async (object, storage, failWrite) => {
    const guardrail = { ...ERROR_RATE, action: 'warn' }
    good(await object.publish({ guardrails: [guardrail] }, 0, 'test', ANNA))
    const { epoch } = good(await object.act(command('start', { stage: 'canary-50' }), ANNA))
    await breach(epoch)
    const before = stored(storage)
    for (let n = 1; stored(storage).outbox.length === 0; n++) {
      expect(stored(storage)).toEqual(before)
      failWrite(n)
      await object.alarm()
      failWrite(null)
    }
    expect(errors.mock.calls.length).toBeGreaterThanOrEqual(4)
    await object.alarm()
    expect(stored(storage).audit).toHaveLength(before.audit.length + 1)
  })
  errors.mockRestore()
})

it('a publication keeps nothing while any of its writes fails, and then everything', async () => {
  await withController(async (object, storage, failWrite) => {
    good(await object.act(command('start', { stage: 'canary-50' }), ANNA))
    const before = stored(storage)
    const publish = () =>
      object
        .publish({ min_jobs: 3 }, 0, 'test', ANNA)
        .then(good)
        .catch(() => null)
    let n = 1
    for (failWrite(n); !(await publish()); failWrite(++n)) {
      failWrite(null)
      expect(stored(storage)).toEqual(before)
      expect(good(await object.config()).version).toBe(0)
    }
    failWrite(null)
    expect(n).toBeGreaterThan(4)
    expect(good(await object.config()).version).toBe(1)
    expect(stored(storage).audit).toHaveLength(before.audit.length + 1)
  })
})
