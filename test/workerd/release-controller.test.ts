/**
 * The controller by itself, over real shards and ledgers: cold calls and cold alarms, ticks that overlap, commands that
 * race, counters that come late. Time stands still; alarms are fired by the test.
 */
import {
  evictAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ActionCommand, ReleaseView } from '../../src/control/api.ts'
import type { Env } from '../../src/config/env.ts'
import type { Judgement } from '../../src/core/judgement.ts'
import type { Actor, Answer } from '../../src/durable/controller-rpc.ts'
import { Outbox } from '../../src/durable/controller/outbox.ts'
import { isPageCursor } from '../../src/durable/controller/paging.ts'
import { batch, controller, entry, ledger, shard, sighting } from '../support/workerd/objects.ts'

/** Far ahead, so that no alarm goes off by itself. */
const T0 = 1_900_000_000_000
const WINDOW_MS = 1000
const ANNA: Actor = { who: 'token:anna', ifMatch: null }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: T0 })
})

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

function command(action: ActionCommand['action'], more: Partial<ActionCommand> = {}): ActionCommand {
  return { action, reason: 'test', force: false, dry_run: false, ...more }
}

async function act(action: ActionCommand['action'], more: Partial<ActionCommand> = {}): Promise<ReleaseView> {
  return good(await controller().act(command(action, more), ANNA))
}

const view = async () => good(await controller().view())
const history = async () => (await controller().history(null, 100)).items.toReversed()

function good<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`)
  return answer.value
}

const tick = () => runDurableObjectAlarm(controller())

/** What the controller has stored of the past. */
function judgement(): Promise<Judgement> {
  return runInDurableObject(controller() as DurableObjectStub<never>, (_, { storage }) => {
    const row = storage.sql.exec<{ value: string }>("SELECT value FROM kept WHERE name = 'judgement'").one()
    return JSON.parse(row.value) as Judgement
  })
}

let seq = 0

/** Ten candidate submits in the i-th second after the start, `errors` of them failed, then the tick that closes it. */
async function second(i: number, errors: number, epoch = 1): Promise<void> {
  vi.setSystemTime(T0 + i * WINDOW_MS + 500)
  await shard().flush(batch(++seq, 10, errors, { epoch }))
  await shard().flush(batch(++seq, 10, 0, { epoch, arm: 'control' }))
  vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 200)
  await tick()
}

describe('a cold controller', () => {
  it('answers a call from what was stored: state, history, configuration', async () => {
    await act('start', { stage: 'canary-5' })
    await act('pause')
    const before = { view: await view(), history: await history(), snapshot: await controller().snapshot() }
    await evictDurableObject(controller())
    expect({ view: await view(), history: await history(), snapshot: await controller().snapshot() }).toEqual(before)
    expect(before.view).toMatchObject({ stage: 'canary-5', paused: true, version: 2 })
    expect(before.history.map(({ id, action, version }) => [id, action, version])).toEqual([
      ['1', 'start', 1],
      ['2', 'pause', 2],
    ])
  })

  it('works on what was stored when its alarm goes off first, and rolls back though it was evicted on the way', async () => {
    await act('start', { stage: 'canary-50' })
    for (const i of [1, 2]) await second(i, 9)
    expect(await view()).toMatchObject({ state: 'canary', verdicts: [{ windows: { bad: 2, needed: 3 } }] })
    await evictAllDurableObjects()
    await second(3, 9)
    await evictAllDurableObjects()
    expect(await view()).toMatchObject({ state: 'rolled_back', percent: 0 })
    const last = (await history()).at(-1)
    expect(last).toMatchObject({
      id: '2',
      who: 'system:guardrail',
      from: { stage: 'canary-50', percent: 50 },
      to: { stage: 'rolled_back', percent: 0 },
      evidence: { verdict: { guardrail: 'error_rate:submit', value: 0.9, n: 30, windows: { bad: 3, needed: 3 } } },
    })
    expect(await shard().snapshot()).toMatchObject({ state: 'rolled_back', percent: 0, epoch: 2 })
  })

  it('sets an alarm that was lost again as soon as anybody asks', async () => {
    await act('start', { stage: 'canary-50' })
    await runInDurableObject(controller() as DurableObjectStub<never>, (_, { storage }) => storage.deleteAlarm())
    await evictDurableObject(controller())
    expect(await tick()).toBe(false)
    await view()
    expect(await tick()).toBe(true)
  })
})

describe('ticks', () => {
  it('that overlap fold a window once', async () => {
    await act('start', { stage: 'canary-50' })
    vi.setSystemTime(T0 + 1500)
    await shard().flush(batch(++seq, 10, 9))
    vi.setSystemTime(T0 + 2200)
    await Promise.all([
      tick(),
      ...Array.from({ length: 6 }, () => controller().act(command('pause', { dry_run: true }), ANNA)),
    ])
    expect(await judgement()).toMatchObject({ submits: { candidate: 10 }, judgedUntil: T0 + 2000 })
    expect(await view()).toMatchObject({ verdicts: [{ windows: { bad: 1 } }] })
  })

  it('that were missed are made up for in order, window by window', async () => {
    await act('start', { stage: 'canary-50' })
    for (const [i, errors] of [9, 0, 9, 9].entries()) {
      vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 500)
      await shard().flush(batch(++seq, 10, errors))
    }
    vi.setSystemTime(T0 + 5200)
    await tick()
    expect(await view()).toMatchObject({ state: 'canary', verdicts: [{ windows: { bad: 2 } }] })
    expect((await judgement()).submits.candidate).toBe(40)
  })

  it('that were missed roll back for a breach among them, though it was over before the first of them came', async () => {
    await act('start', { stage: 'canary-50' })
    for (const [i, errors] of [9, 9, 9, 0].entries()) {
      vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 500)
      await shard().flush(batch(++seq, 10, errors))
    }
    vi.setSystemTime(T0 + 5200)
    await tick()
    expect(await view()).toMatchObject({ state: 'rolled_back', verdicts: [{ windows: { bad: 3, needed: 3 } }] })
  })

  it('leave out what was counted under an older epoch, however late it comes', async () => {
    await act('start', { stage: 'canary-50' })
    await act('set_percent', { percent: 60 })
    for (const i of [1, 2, 3, 4]) await second(i, 10, 1)
    expect(await view()).toMatchObject({ state: 'canary', epoch: 2 })
    expect((await judgement()).submits).toEqual({ control: 0, candidate: 0 })
  })

  it('count what came a window late where it came: the empty window neither breaks the streak nor is a bad one', async () => {
    await act('start', { stage: 'canary-50' })
    await second(1, 9)
    vi.setSystemTime(T0 + 3100)
    await tick()
    expect(await view()).toMatchObject({ verdicts: [{ windows: { bad: 1 } }] })
    // Of the second before, flushed only now.
    await shard().flush(batch(++seq, 10, 9))
    await second(3, 9)
    expect(await view()).toMatchObject({ state: 'canary', verdicts: [{ windows: { bad: 2 } }] })
    await second(4, 9)
    expect(await view()).toMatchObject({ state: 'rolled_back' })
    expect((await history()).at(-1)).toMatchObject({ evidence: { verdict: { n: 40, value: 0.9 } } })
  })
})

describe('the view', () => {
  it('tells the split that was measured also after a rollback, and none without traffic', async () => {
    await act('start', { stage: 'canary-50' })
    expect(await view()).toMatchObject({ actual_percent: null })
    await second(1, 0)
    expect(await view()).toMatchObject({ actual_percent: 50 })
    await act('rollback')
    expect(await view()).toMatchObject({ state: 'rolled_back', actual_percent: null })
    await shard().flush(batch(++seq, 10, 0, { epoch: 2, arm: 'control' }))
    expect(await view()).toMatchObject({ state: 'rolled_back', actual_percent: 0 })
    vi.setSystemTime(T0 + 60 * WINDOW_MS)
    expect(await view()).toMatchObject({ actual_percent: null })
  })

  it('pages jobs and pairs by cursors that are known as its own', async () => {
    const jobs = ['a', 'b', 'c'].map((name, i) => entry(name, { submittedAt: T0 + i }))
    await ledger().flush({ submitted: jobs, seen: [] })
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page: { items: { id: string }[]; next: string | null } = await controller().jobs({}, cursor, 1)
      found.push(...page.items.map(({ id }) => id))
      cursor = page.next
      expect(isPageCursor(cursor, 1)).toBe(true)
    } while (cursor !== null)
    expect(found).toEqual(['slc_c_slc', 'slc_b_slc', 'slc_a_slc'])
  })
})

describe('commands', () => {
  it('that race end in one order: after a rollback nothing advances', async () => {
    for (let round = 0; round < 5; round++) {
      await act('start', { stage: 'canary-5' })
      const answers = await Promise.all([
        controller().act(command('advance', { force: true }), ANNA),
        controller().act(command('rollback'), ANNA),
        controller().act(command('advance', { force: true }), ANNA),
      ])
      expect(answers[1]!.ok).toBe(true)
      expect(await view()).toMatchObject({ state: 'rolled_back', percent: 0 })
      await act('reset')
    }
    const entries = await history()
    expect(entries.map(({ id }) => Number(id))).toEqual(entries.map((_, i) => i + 1))
    expect(entries.map(({ version }) => version)).toEqual(entries.map((_, i) => i + 1))
    expect(entries.slice(1).map(({ from }) => from)).toEqual(entries.slice(0, -1).map(({ to }) => to))
    for (const [i, entry] of entries.entries())
      if (entry.action === 'advance') expect(entries[i - 1]!.to.stage).not.toBe('rolled_back')
  })

  it('made on an old version are refused, and change nothing', async () => {
    const { version } = await act('start', { stage: 'canary-5' })
    await act('pause')
    const stale = await controller().act(command('rollback'), { ...ANNA, ifMatch: version })
    expect(stale).toMatchObject({ ok: false, code: 'version_mismatch' })
    expect(await view()).toMatchObject({ stage: 'canary-5', version: version + 1 })
    const fresh = await controller().act(command('rollback'), { ...ANNA, ifMatch: version + 1 })
    expect(fresh).toMatchObject({ ok: true, value: { state: 'rolled_back' } })
  })

  it('out of range are refused here too, whoever let them through, and each refusal names its place', async () => {
    await act('start', { stage: 'canary-5' })
    const refusals: [ActionCommand, string[]][] = [
      [command('set_percent', { percent: 200 }), ['percent']],
      [command('set_percent', { percent: Number.NaN }), ['percent']],
      [command('set_percent'), ['percent']],
      [command('set_shadow', { sample: 2 }), ['sample']],
      [command('pause', { reason: 'x'.repeat(501) }), ['reason']],
    ]
    for (const [given, paths] of refusals) {
      const refused = await controller().act(given, ANNA)
      expect(refused).toMatchObject({ ok: false, code: 'invalid_request', details: paths.map((path) => ({ path })) })
    }
    expect(await controller().act(command('promote'), ANNA)).toMatchObject({
      code: 'illegal_transition',
      details: ['advance', 'pause', 'rollback', 'set_percent', 'set_shadow'].map((action) => ({
        path: 'action',
        message: action,
      })),
    })
    expect(await view()).toMatchObject({ percent: 5, version: 1 })
  })

  it('tried dry say what would be, and leave no trace', async () => {
    await act('start', { stage: 'canary-5' })
    expect(await act('advance', { force: true, dry_run: true })).toMatchObject({ stage: 'canary-50', dry_run: true })
    expect(await view()).toMatchObject({ stage: 'canary-5', version: 1 })
    expect(await history()).toHaveLength(1)
  })

  it('are known to the shards when they are answered', async () => {
    await act('start', { stage: 'canary-5' })
    expect(await shard().snapshot()).toMatchObject({ stage: 'canary-5', version: 1 })
    await act('rollback')
    expect(await shard().snapshot()).toMatchObject({ stage: 'rolled_back', version: 2 })
  })
})

describe('a fast trip on latency', () => {
  it('reads the latencies of the last seconds, and rolls back before any window has closed', async () => {
    const rule = { metric: 'latency_p50', operations: ['submit'], within: '5s', max_seconds: 0.12, min_requests: 8 }
    good(await controller().publish({ guardrails: [rule] }, 0, 'fast', ANNA))
    const { epoch } = await act('start', { stage: 'canary-50' })
    vi.setSystemTime(T0 + 1100)
    await tick()
    // 0.10 to 0.19 s; the median of three of them is within the limit, that of ten is not.
    await shard().flush(batch(++seq, 3, 0, { epoch }))
    vi.setSystemTime(T0 + 1200)
    await tick()
    expect(await view()).toMatchObject({ state: 'canary' })
    await shard().flush(batch(++seq, 30, 0, { epoch }))
    vi.setSystemTime(T0 + 1300)
    await tick()
    expect(await view()).toMatchObject({ state: 'rolled_back' })
    expect((await history()).at(-1)).toMatchObject({
      evidence: { verdict: { guardrail: 'latency_p50:submit:within', status: 'breach', n: 33 } },
    })
  })
})

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

describe('data that stops', () => {
  const silent = async (no_data: string) => {
    const rule = { metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 2, min_requests: 5 }
    good(await controller().publish({ guardrails: [{ ...rule, no_data, no_data_grace: '3s' }] }, 0, 'grace', ANNA))
    const { epoch } = await act('start', { stage: 'canary-50' })
    for (const i of [1, 2, 3]) await second(i, 0, epoch)
    expect(await view()).toMatchObject({ verdicts: [{ status: 'pass' }] })
    for (const i of [5, 6, 7, 8]) {
      vi.setSystemTime(T0 + i * WINDOW_MS + 200)
      await tick()
    }
  }

  it('for longer than its grace does what is configured', async () => {
    await silent('rollback')
    expect(await view()).toMatchObject({ state: 'rolled_back' })
    const verdict = { status: 'no_data', note: 'grace_over' }
    expect((await history()).at(-1)).toMatchObject({ who: 'system:guardrail', evidence: { verdict } })
  })

  it('is told once, and an old pass lets nobody in', async () => {
    await silent('hold')
    expect(await view()).toMatchObject({ verdicts: [{ status: 'no_data', note: 'grace_over' }] })
    expect((await history()).filter(({ action }) => action === 'guardrail_breached')).toHaveLength(1)
    const refused = await controller().act(command('advance'), ANNA)
    expect(refused).toMatchObject({ ok: false, code: 'blocked', details: [{ path: 'guardrail' }, { path: 'bake' }] })
  })
})

describe('a resume', () => {
  it('in spite of a breach is not undone by what was known, but by what is new', async () => {
    const rule = { metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 2, min_requests: 5 }
    good(await controller().publish({ guardrails: [{ ...rule, action: 'pause' }] }, 0, 'pauses', ANNA))
    const { epoch } = await act('start', { stage: 'canary-50' })
    for (const i of [1, 2]) await second(i, 9, epoch)
    expect(await view()).toMatchObject({ paused: true })
    await act('resume')
    for (const at of [3300, 3400, 4200]) {
      vi.setSystemTime(T0 + at)
      await tick()
    }
    expect(await view()).toMatchObject({ paused: false, epoch })
    await second(4, 9, epoch)
    expect(await view()).toMatchObject({ paused: false, verdicts: [{ windows: { bad: 1 } }] })
    await second(5, 9, epoch)
    expect(await view()).toMatchObject({ paused: true })
  })
})

describe('a breach', () => {
  it('that asks for a pause where there is none to be had, as when completed, is told all the same', async () => {
    const rule = {
      metric: 'error_rate',
      operations: ['submit'],
      max: 0.1,
      for_windows: 2,
      min_requests: 5,
      action: 'pause',
    }
    good(await controller().publish({ guardrails: [rule] }, 0, 'pauses only', ANNA))
    await act('start', { stage: 'canary-100' })
    const { epoch } = await act('promote', { force: true })
    for (const i of [1, 2, 3, 4]) await second(i, 9, epoch)
    expect(await view()).toMatchObject({ state: 'completed', paused: false })
    expect((await history()).filter(({ action }) => action === 'guardrail_breached')).toHaveLength(1)
  })
})

describe('the cost of a run', () => {
  it('counts submits that failed, and is summed up for the run that was rolled back though a new one has begun', async () => {
    await act('start', { stage: 'canary-50' })
    for (const i of [1, 2, 3]) await second(i, 9)
    expect(await view()).toMatchObject({ state: 'rolled_back', blast_radius: { first_failure_at: expect.any(String) } })
    await act('reset')
    const { epoch } = await act('start', { stage: 'canary-50' })
    await second(4, 1, epoch)
    vi.setSystemTime(T0 + 12_000)
    await tick()
    const settled = (await history()).find(({ action }) => action === 'rollback_settled')
    expect(settled).toMatchObject({ evidence: { epoch: 2, blast_radius: { submits_failed: 27 } } })
  })

  it('is read again by those who look, but not at every look', async () => {
    await act('start', { stage: 'canary-50' })
    const { since } = await act('rollback')
    const decided = Date.parse(since)
    const failed = async (name: string) => {
      const job = entry(name, { submittedAt: decided })
      await ledger().flush({ submitted: [job], seen: [sighting(job, 'job_failed')] })
      return (await view()).blast_radius?.jobs_failed
    }
    vi.setSystemTime(decided + 20_000)
    expect(await failed('first')).toBe(1)
    vi.setSystemTime(decided + 21_900)
    expect(await failed('second')).toBe(1)
    vi.setSystemTime(decided + 22_000)
    expect(await failed('third')).toBe(3)
  })
})
