/** Webhooks in the controller’s outbox: who is told what, and what becomes of one that nobody takes. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { Outbox } from '../../src/durable/controller/outbox.ts'
import { ReleaseController } from '../../src/durable/release-controller.ts'
import { ANNA, T0, eachTestAnew, act, command, history } from '../support/workerd/controller-driver.ts'
import { controller } from '../support/workerd/objects.ts'
import { waitFor } from '../support/wait-for.ts'

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
      for (const event of ['rolled_back', 'rollback_settled', 'decision'] as const) outbox.add({ event, data: {} }, T0)
      const rows = [...storage.sql.exec<{ url: string; body: string }>('SELECT url, body FROM outbox')]
      return rows.map((row) => `${(JSON.parse(row.body) as { type: string }).type} to ${row.url}`)
    })
    expect(new Set(queued)).toEqual(
      new Set([`rolled_back to ${url('pager')}`, `rollback_settled to ${url('pager')}`, `decision to ${url('log')}`]),
    )
  })

  it('tells of a change of the configuration that went past the second person, and of no other', async () => {
    const webhooks = [{ url: 'http://audit.test/', events: ['review_skipped'] }]
    const bindings = env as unknown as Env
    const reviewed = bindings.CONTROLLER.get(bindings.CONTROLLER.idFromName('reviewed'))
    const told = await runInDurableObject(reviewed as DurableObjectStub<never>, async (_, state) => {
      const told = { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } }
      const object = new ReleaseController(state, told)
      const change = { id: 1, title: 'fewer', author: 'user:ben', approved_by: [] }
      await object.publish({ min_jobs: 3 }, 0, 'two of us', ANNA, { change })
      await object.publish({ min_jobs: 4 }, 1, 'alone', ANNA)
      await object.publish({ min_jobs: 5 }, 1, 'on fire', ANNA, { break_glass: true })
      return [...state.storage.sql.exec<{ body: string }>('SELECT body FROM outbox')].map(({ body }) =>
        JSON.parse(body),
      )
    })
    expect(told).toMatchObject([
      {
        type: 'review_skipped',
        data: {
          release: 'reviewed',
          reason: 'on fire',
          evidence: { who: 'token:anna', break_glass: true, overlay: { min_jobs: 5 }, overlay_version: 2 },
        },
      },
    ])
  })

  it('that is new goes out before what a receiver has refused for days', async () => {
    const url = (name: string) => `http://${name}.test/`
    const asked: string[] = []
    vi.stubGlobal('fetch', async (to: string) => {
      asked.push(to)
      return new Response(null, { status: 500 })
    })
    try {
      await runInDurableObject(controller() as DurableObjectStub<never>, async (_, { storage }) => {
        const outbox = new Outbox(storage.sql, env as unknown as Env)
        for (let i = 0; i < 30; i++)
          storage.sql.exec("INSERT INTO outbox VALUES (?, ?, 'decision', '{}', 20, ?)", `old-${i}`, url('down'), T0 - i)
        storage.sql.exec("INSERT INTO outbox VALUES ('new', ?, 'rolled_back', '{}', 0, ?)", url('pager'), T0)
        await Promise.all(outbox.send(() => undefined))
      })
    } finally {
      vi.unstubAllGlobals()
    }
    expect(asked).toHaveLength(31)
    expect(asked[0]).toBe(url('pager'))
  })

  it('reaches its receiver at once, whatever hangs elsewhere, and is tried again there in its time', async () => {
    const url = (name: string) => `http://${name}.test/`
    const names = ['hangs-1', 'hangs-2', 'hangs-3', 'refuses', 'pager']
    const events = ['stage_changed', 'rolled_back'] as const
    const webhooks = names.map((name) => ({ url: url(name), events }))
    const asked: string[] = []
    const hooks = vi.spyOn(globalThis, 'fetch').mockImplementation(async (to, init) => {
      const { type } = JSON.parse((init as { body: string }).body) as { type: string }
      asked.push(`${type} ${new URL(to as string).hostname}`)
      if ((to as string).includes('hangs')) return new Promise<Response>(() => undefined)
      return new Response(null, { status: (to as string).includes('refuses') ? 500 : 200 })
    })
    await runInDurableObject(controller() as DurableObjectStub<never>, async (_, { storage }) => {
      const bindings = env as unknown as Env
      const outbox = new Outbox(storage.sql, { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } })
      const toldOf = (name: string) => asked.filter((words) => words.endsWith(` ${name}.test`))
      outbox.add({ event: 'stage_changed', data: {} }, T0)
      void outbox.send(() => undefined)
      await waitFor(() => expect(toldOf('pager')).toHaveLength(1))
      // Next is what was refused; what hangs is under way.
      await waitFor(() => expect(outbox.nextAt()).toBeGreaterThanOrEqual(T0 + 2000))
      vi.setSystemTime(T0 + 1000)
      outbox.add({ event: 'rolled_back', data: {} }, T0 + 1000)
      void outbox.send(() => undefined)
      await waitFor(() => expect(toldOf('pager').at(-1)).toBe('rolled_back pager.test'))
      vi.setSystemTime(T0 + 4000)
      void outbox.send(() => undefined)
      const begun = ['stage_changed', 'rolled_back', 'stage_changed'].map((type) => `${type} refuses.test`)
      await waitFor(() => expect(toldOf('refuses').slice(0, 3)).toEqual(begun))
      expect(names.slice(0, 3).map((name) => toldOf(name).length)).toEqual([1, 1, 1])
    })
    hooks.mockRestore()
  })

  it('is told once to a receiver that the file names twice, and what it tells of is done', async () => {
    const webhooks = Array(2).fill({ url: 'http://hooks.test/', events: ['stage_changed'] })
    const told = await runInDurableObject(controller() as DurableObjectStub<never>, async (_, state) => {
      const bindings = env as unknown as Env
      const object = new ReleaseController(state, { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } })
      const answer = await object.act(command('start', { stage: 'canary-50' }), ANNA)
      return [answer.ok, [...state.storage.sql.exec('SELECT id FROM outbox')].length]
    })
    expect(told).toEqual([true, 1])
  })

  it('tells of each change of stage, a rollback as what it is too, with who, why, from and to', async () => {
    const hooks = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(null, { status: 500 }))
    const webhooks = [{ url: 'http://hooks.test/', events: ['stage_changed', 'rolled_back'] }]
    const told = await runInDurableObject(controller() as DurableObjectStub<never>, async (_, state) => {
      const bindings = env as unknown as Env
      const object = new ReleaseController(state, { ...bindings, SLUICE: { ...(bindings.SLUICE as object), webhooks } })
      await object.act(command('start', { stage: 'canary-50' }), ANNA)
      await object.act(command('rollback', { reason: 'the webhook test' }), ANNA)
      return [...state.storage.sql.exec<{ body: string }>('SELECT body FROM outbox')].map(({ body }) =>
        JSON.parse(body),
      )
    })
    const ofRollback = told.filter(({ data }) => data.reason === 'the webhook test')
    expect(told.map(({ type }) => type).toSorted()).toEqual(['rolled_back', 'stage_changed', 'stage_changed'])
    expect(ofRollback.map(({ type }) => type).toSorted()).toEqual(['rolled_back', 'stage_changed'])
    for (const { data } of ofRollback)
      expect(data).toMatchObject({
        release: 'objects',
        who: 'token:anna',
        from: { stage: 'canary-50', percent: 50 },
        to: { stage: 'rolled_back', percent: 0 },
      })
    hooks.mockRestore()
  })

  it('is signed as Standard Webhooks has it, and one that was refused is sent again under its id until it is taken', async () => {
    const secret = 'a-webhook-key-for-tests-only'
    const sent: { id: string; timestamp: string; signature: string; body: string }[] = []
    const hooks = vi.spyOn(globalThis, 'fetch').mockImplementation(async (_, init) => {
      const { headers, body } = init as { headers: Record<string, string>; body: string }
      const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`]!)
      sent.push({ id: id!, timestamp: timestamp!, signature: signature!, body })
      return new Response(null, { status: sent.length === 1 ? 500 : 200 })
    })
    const left = await runInDurableObject(controller() as DurableObjectStub<never>, async (_, { storage }) => {
      const webhooks = [{ url: 'http://hooks.test/', events: ['stage_changed'] }]
      const bindings = env as unknown as Env
      const SLUICE = { ...(bindings.SLUICE as object), webhooks }
      const outbox = new Outbox(storage.sql, { ...bindings, SLUICE, SLUICE_WEBHOOK_KEY: secret })
      outbox.add({ event: 'stage_changed', data: { to: { stage: 'canary-5' } } }, T0)
      await Promise.all(outbox.send(() => undefined))
      const refused = [...storage.sql.exec('SELECT id FROM outbox')].length
      for (const pauseMs of [60_000, 120_000]) {
        vi.setSystemTime(T0 + pauseMs)
        await Promise.all(outbox.send(() => undefined))
      }
      return [refused, [...storage.sql.exec('SELECT id FROM outbox')].length]
    })
    expect(left).toEqual([1, 0])
    expect(sent.map(({ id, body }) => [id, body])).toEqual(Array(2).fill([sent[0]!.id, sent[0]!.body]))
    expect(JSON.parse(sent[0]!.body)).toMatchObject({ type: 'stage_changed', data: { to: { stage: 'canary-5' } } })
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), algorithm, false, ['verify'])
    for (const { id, timestamp, signature, body } of sent) {
      expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(300)
      const mac = Uint8Array.from(atob(signature.replace(/^v1,/, '')), (char) => char.charCodeAt(0))
      const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`)
      expect(await crypto.subtle.verify('HMAC', key, mac, signed)).toBe(true)
    }
    hooks.mockRestore()
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
      await waitFor(() => expect([...sql.exec('SELECT id FROM outbox')]).toHaveLength(1))
      return sql.exec<{ id: string; attempts: number }>('SELECT id, attempts FROM outbox').one()
    })
    expect(left).toEqual({ id: 'once more', attempts: 31 })
    await waitFor(async () =>
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
