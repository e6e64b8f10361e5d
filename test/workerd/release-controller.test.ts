/**
 * The controller by itself, over real shards and ledgers: cold calls and cold alarms, ticks that overlap, commands that
 * race, counters that come late.
 */
import { evictAllDurableObjects, evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { ActionCommand } from '../../src/api/index.ts'
import type { Judgement } from '../../src/core/guardrails/evaluation.ts'
import { isPageCursor } from '../../src/durable/controller/paging.ts'
import {
  T0,
  WINDOW_MS,
  ANNA,
  eachTestAnew,
  command,
  act,
  view,
  history,
  tick,
  nextSeq,
  second,
} from '../support/workerd/controller-driver.ts'
import { batch, controller, entry, ledger, shard } from '../support/workerd/objects.ts'

eachTestAnew()

/** What the controller has stored of the past. */
function judgement(): Promise<Judgement> {
  return runInDurableObject(controller() as DurableObjectStub<never>, (_, { storage }) => {
    const row = storage.sql.exec<{ value: string }>("SELECT value FROM stored_state WHERE name = 'judgement'").one()
    return JSON.parse(row.value) as Judgement
  })
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
    await shard().flush(batch(nextSeq(), 10, 9))
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
      await shard().flush(batch(nextSeq(), 10, errors))
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
      await shard().flush(batch(nextSeq(), 10, errors))
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
    await shard().flush(batch(nextSeq(), 10, 9))
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
    await shard().flush(batch(nextSeq(), 10, 0, { epoch: 2, arm: 'control' }))
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
      expect(isPageCursor(cursor)).toBe(true)
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
        code: 'legal_action',
        params: { action },
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
