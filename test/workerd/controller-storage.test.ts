/** What a controller's storage may hold at three in the morning: rows that can't be read, a long history, clocks that ran ahead. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { Notice } from '../../src/durable/controller/commit.ts'
import type { Outbox } from '../../src/durable/controller/outbox.ts'
import { ControllerStore } from '../../src/durable/controller/store.ts'
import { act, eachTestAnew, good, history, T0, tick, view, WINDOW_MS } from '../support/workerd/controller-driver.ts'
import { controller, shard } from '../support/workerd/objects.ts'

eachTestAnew()

const NO_WEBHOOKS = { add: () => undefined } as unknown as Outbox

const inStorage = <R>(run: (storage: DurableObjectStorage) => R | Promise<R>): Promise<R> =>
  runInDurableObject(controller() as unknown as DurableObjectStub<never>, (_, { storage }) => run(storage))

async function spoil(rows: Record<string, string>): Promise<void> {
  await inStorage((storage) => {
    for (const [name, value] of Object.entries(rows))
      storage.sql.exec('INSERT OR REPLACE INTO stored_state VALUES (?, ?)', name, value).toArray()
  })
  await evictDurableObject(controller())
}

it('what an earlier build has stored counts the ledgers that the file has, and begins no epoch', async () => {
  await act('start', { stage: 'canary-50' })
  const { ledgers, ...state } = await inStorage((storage) => new ControllerStore('objects', storage, NO_WEBHOOKS).state)
  expect(ledgers).toEqual([{ fromEpoch: 0, shards: 1, sinceMs: 0 }])
  await spoil({ state: JSON.stringify(state) })
  const entries = (await history()).length
  expect(await view()).toMatchObject({ state: 'canary', epoch: state.epoch, version: state.version + 1 })
  await tick()
  expect(await shard().snapshot()).toMatchObject({ version: state.version + 1, ledgers })
  expect((await history()).length).toBe(entries)
})

describe('rows that can’t be read', () => {
  const NAMES = ['judgement', 'verdicts', 'configMark', 'pushedVersion', 'shards', 'decision', 'reading', 'unsettled']
  for (const name of [...NAMES, 'endedRun', 'endedCost', 'shadowsToClose', 'schema', 'published']) {
    it.for(['{"half', '"a word"'])(
      `of ${name} (%j) leave the split as it is, and a rollback possible`,
      async (text) => {
        await act('start', { stage: 'canary-50' })
        await spoil({ [name]: text })
        expect(await view()).toMatchObject({ state: 'canary', percent: 50 })
        if (name !== 'published')
          expect(await history()).toContainEqual(
            expect.objectContaining({ who: 'system:storage', action: 'fix', reason: expect.stringContaining(name) }),
          )
        expect(await act('rollback')).toMatchObject({ state: 'rolled_back', percent: 0 })
        expect(await shard().snapshot()).toMatchObject({ state: 'rolled_back', percent: 0 })
      },
    )
  }

  it.for(['{"half', '{}', 'null', '{"state":"canary","percent":50}', '{"state":"odd","epoch":1,"version":1}'])(
    'of the state (%j) let control serve, until people start it anew',
    async (text) => {
      const { epoch, version } = await act('start', { stage: 'canary-50' })
      await spoil({ state: text })
      const lost = await view()
      expect(lost).toMatchObject({ state: 'rolled_back', percent: 0, reason: expect.stringContaining('state') })
      expect(lost.epoch).toBeGreaterThan(epoch)
      expect(lost.version).toBeGreaterThan(version)
      await tick()
      expect(await shard().snapshot()).toMatchObject({ state: 'rolled_back', percent: 0 })
      expect((await history()).at(-1)).toMatchObject({ who: 'system:storage', action: 'rollback' })
      expect(await controller().rollbacks()).toEqual([{ cause: 'unreadable', n: 1 }])
      await act('reset')
      expect(await act('start', { stage: 'canary-5' })).toMatchObject({ stage: 'canary-5', percent: 5 })
    },
  )

  it('of the state are told as the rollback that follows, and of anything else are not', async () => {
    await act('start', { stage: 'canary-50' })
    const toldWhere = (name: string) =>
      inStorage((storage) => {
        storage.sql.exec('INSERT OR REPLACE INTO stored_state VALUES (?, ?)', name, '{"half')
        const told: Notice[] = []
        const outbox = { add: (notice: Notice) => told.push(notice) } as unknown as Outbox
        const { state } = new ControllerStore('objects', storage, outbox)
        return { told, state }
      })
    expect((await toldWhere('judgement')).told).toEqual([])
    const { told, state } = await toldWhere('state')
    expect(told).toMatchObject([
      {
        event: 'rolled_back',
        data: {
          release: 'objects',
          who: 'system:storage',
          action: 'rollback',
          reason: expect.stringContaining('control serves everybody'),
          to: { stage: 'rolled_back', percent: 0 },
          epoch: state.epoch,
          version: state.version,
        },
      },
    ])
  })

  it('of all at once do the same', async () => {
    await act('start', { stage: 'canary-50' })
    const names = [...NAMES, 'state', 'published', 'endedRun', 'endedCost', 'shadowsToClose']
    await spoil(Object.fromEntries(names.map((name) => [name, '\u0000'])))
    expect(await view()).toMatchObject({ state: 'rolled_back', percent: 0 })
    expect(good(await controller().config())).toMatchObject({ set_aside: [{ path: 'overlay' }] })
  })
})

it('a tick without traffic writes its next alarm and how far it has judged, and no more', async () => {
  await act('start', { stage: 'canary-50' })
  let now = T0
  const ticks = async (n: number) => {
    for (let i = 0; i < n; i++) {
      vi.setSystemTime((now += WINDOW_MS))
      await tick()
    }
  }
  await ticks(3)
  const written = { alarms: 0, rows: 0 }
  await inStorage((storage) => {
    const exec = storage.sql.exec.bind(storage.sql)
    const setAlarm = storage.setAlarm.bind(storage)
    Object.assign(storage.sql, {
      exec: (...given: Parameters<typeof exec>) => {
        const cursor = exec(...given)
        written.rows += cursor.rowsWritten
        return cursor
      },
    })
    Object.assign(storage, { setAlarm: (at: number) => (written.alarms++, setAlarm(at)) })
  })
  const before = (await view()).verdicts.map(({ message }) => message)
  await ticks(5)
  expect(written).toEqual({ alarms: 5, rows: 5 })
  // What is shown goes on all the same.
  expect((await view()).verdicts.map(({ message }) => message)).not.toEqual(before)
})

it('an alarm that a clock which ran ahead has set is brought back by whoever looks', async () => {
  await act('start', { stage: 'canary-50' })
  await inStorage((storage) => storage.setAlarm(T0 + 3_600_000))
  await view()
  expect(await inStorage((storage) => storage.getAlarm())).toBeLessThan(T0 + 10_000)
})

it('a history of 100,000 entries costs a page of it, a count of rollbacks and the published versions no more than a short one', async () => {
  const read = await inStorage((storage) => {
    storage.sql
      .exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO audit (at_ms, action, cause, entry) SELECT ? + i, 'set_percent', NULL, '{"epoch":1,"version":1}' FROM n`,
        T0,
      )
      .toArray()
    let rows = 0
    const counting = {
      exec: (...given: Parameters<SqlStorage['exec']>) => {
        const cursor = storage.sql.exec(...given)
        const found = cursor.toArray()
        rows += cursor.rowsRead
        return found
      },
    }
    const store = new ControllerStore(
      'objects',
      { ...storage, sql: counting } as unknown as DurableObjectStorage,
      NO_WEBHOOKS,
    )
    rows = 0
    store.history(null, 100)
    store.rollbacks()
    store.publications({ before: null, limit: 50 })
    store.publications({ changes: [1, 2, 3] })
    return rows
  })
  expect(read).toBeLessThan(300)
})
