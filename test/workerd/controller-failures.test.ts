/** What goes wrong around the controller: waits that something else falls into, and ledgers that can’t be read. */
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { T0, ANNA, eachTestAnew, good, command, act, view, tick, second } from '../support/workerd/controller-driver.ts'
import { controller, ledger, shard } from '../support/workerd/objects.ts'

eachTestAnew()

describe('what goes wrong around the controller', () => {
  type Inside = Record<string, (...args: unknown[]) => Promise<unknown>>
  const inside = <R>(run: (object: Inside, state: DurableObjectState) => Promise<R>): Promise<R> =>
    runInDurableObject(controller() as unknown as DurableObjectStub<never>, (object, state) =>
      run(object as unknown as Inside, state),
    )
  const breakLedger = (from: string, to: string) =>
    runInDurableObject(ledger() as unknown as DurableObjectStub<never>, (_, { storage }) =>
      storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`).toArray(),
    )

  it('a publication in the middle of a tick or a push leaves no shard with what was before', async () => {
    await act('start', { stage: 'canary-50' })
    // Between objects that are some way apart, so that a publication can fall into every wait of a tick.
    const near: Inside = {}
    const proto = await runInDurableObject(shard() as unknown as DurableObjectStub<never>, (object) => {
      const methods = Object.getPrototypeOf(object) as Inside
      for (const name of ['report', 'push']) {
        const method = (near[name] = methods[name]!)
        methods[name] = async function (this: unknown, ...args) {
          await scheduler.wait(10)
          return method.apply(this, args)
        }
      }
      return methods
    })
    try {
      for (const delay of [0, 5, 12, 18]) {
        const rules = [{ when: { subject: [`vip-${delay}`] }, arm: 'candidate' }]
        const { version } = good(await controller().config())
        const published = await inside(async (object) => {
          await object['act']!(command('rollback'), ANNA)
          await object['act']!(command('reset'), ANNA)
          const begun = [object['act']!(command('start', { stage: 'canary-5' }), ANNA), object['alarm']!()]
          await scheduler.wait(delay)
          const answer = await object['publish']!({ rules }, version, 'in between', ANNA)
          // What they push must be there as well, before truth and copy are compared.
          await Promise.all(begun)
          return answer
        })
        expect(published).toMatchObject({ ok: true })
        const truth = await controller().snapshot()
        expect(truth.rules).toMatchObject(rules)
        expect(await shard().snapshot()).toEqual(truth)
      }
    } finally {
      Object.assign(proto, near)
    }
  })

  it('a ledger that can’t be read makes old verdicts errors that nothing advances on, and is got over', async () => {
    await act('start', { stage: 'canary-50' })
    await second(1, 0)
    expect(await view()).toMatchObject({ verdicts: [{ status: 'pass' }] })
    await breakLedger('funnel', 'gone')
    vi.setSystemTime(T0 + 4000)
    await tick()
    expect(await view()).toMatchObject({ verdicts: [{ status: 'pass' }] })
    vi.setSystemTime(T0 + 8000)
    await tick()
    const blind = await view()
    expect(blind.verdicts).toMatchObject([{ status: 'error', note: null }])
    expect(blind.blocked_by.map(({ code }) => code)).toContain('guardrail')
    await breakLedger('gone', 'funnel')
    await tick()
    expect(await view()).toMatchObject({ verdicts: [{ status: 'pass' }] })
  })

  it('a webhook goes out beside the tick, also while a ledger can’t be read', async () => {
    await act('start', { stage: 'canary-50' })
    await breakLedger('funnel', 'gone')
    const hooks = vi.spyOn(globalThis, 'fetch').mockImplementation(() => new Promise<never>(() => undefined))
    await inside(async (object, { storage }) => {
      storage.sql.exec(
        "INSERT INTO outbox VALUES ('m1', 'http://hooks.test/', 'stage_changed', '{}', 0, ?)",
        Date.now(),
      )
      await object['alarm']!()
      await object['alarm']!()
    })
    expect(hooks).toHaveBeenCalledTimes(1)
    hooks.mockRestore()
    await breakLedger('gone', 'funnel')
  })
})
