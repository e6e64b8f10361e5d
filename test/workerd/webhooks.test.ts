/** Webhooks in the controller’s outbox: who is told what, and what becomes of one that nobody takes. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { Outbox } from '../../src/durable/controller/outbox.ts'
import { T0, eachTestAnew, act, history } from '../support/workerd/controller-driver.ts'
import { controller } from '../support/workerd/objects.ts'

eachTestAnew()

describe('a webhook', () => {
  it('tells what a rollback cost under a type of its own, to those who asked for rollbacks', async () => {
    const url = (name: string) => `http://${name}.test/`
    const webhooks = [
      { url: url('pager'), events: ['rolled_back'] },
      { url: url('log'), events: ['stage_changed', 'decision'] },
    ]
    const queued = await runInDurableObject(controller() as DurableObjectStub<never>, (_, { storage }) => {
      const bindings = env as unknown as Env
      const outbox = new Outbox(storage.sql, { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } })
      for (const event of ['rolled_back', 'rollback_settled', 'decision'] as const) outbox.add(event, {}, T0)
      const rows = [...storage.sql.exec<{ url: string; body: string }>('SELECT url, body FROM outbox')]
      return rows.map((row) => `${(JSON.parse(row.body) as { type: string }).type} to ${row.url}`)
    })
    expect(new Set(queued)).toEqual(
      new Set([`rolled_back to ${url('pager')}`, `rollback_settled to ${url('pager')}`, `decision to ${url('log')}`]),
    )
  })

  it('that nobody takes for about a day is given up, and history tells which and why', async () => {
    await act('start', { stage: 'canary-50' })
    const hooks = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(null, { status: 500 }))
    const left = await runInDurableObject(controller() as DurableObjectStub<never>, async (object, { storage }) => {
      const { sql } = storage
      for (const [id, attempts] of [
        ['last', 31],
        ['once more', 30],
      ])
        sql.exec(
          "INSERT INTO outbox VALUES (?, 'http://hooks.test/', 'decision', '{}', ?, ?)",
          id,
          attempts,
          Date.now(),
        )
      await (object as unknown as { alarm(): Promise<void> }).alarm()
      await vi.waitFor(() => expect([...sql.exec('SELECT id FROM outbox')]).toHaveLength(1))
      return sql.exec<{ id: string; attempts: number }>('SELECT id, attempts FROM outbox').one()
    })
    expect(left).toEqual({ id: 'once more', attempts: 31 })
    await vi.waitFor(async () =>
      expect((await history()).filter(({ action }) => action === 'webhook_given_up')).toMatchObject([
        {
          who: 'system:webhook',
          reason: 'webhook decision to http://hooks.test/ given up: answered 500',
          evidence: { id: 'last', event: 'decision' },
        },
      ]),
    )
    expect(hooks).toHaveBeenCalledTimes(2)
    hooks.mockRestore()
  })
})
