/** A run as the controller leads it by real ledgers and shards: it climbs by itself, judges open jobs, drains, and goes by the live overlay. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import {
  ANNA,
  act,
  eachTestAnew,
  good,
  history,
  nextSeq,
  T0,
  tick,
  view,
  WINDOW_MS,
} from '../support/workerd/controller-driver.ts'
import { batch, controller, entry, ledger, shard, jobUpdate } from '../support/workerd/objects.ts'

eachTestAnew()
afterEach(() => vi.restoreAllMocks())

async function publish(patch: Record<string, unknown>, version = 0): Promise<void> {
  good(await controller().publish(patch, version, 'test', ANNA))
}

async function snapshot(): Promise<Snapshot> {
  return (await shard().snapshot())!
}

describe('a release with advance = "auto"', () => {
  it('climbs the whole ladder by itself while its jobs are good, and no step skips its bake', async () => {
    await publish({
      advance: 'auto',
      ladder: [20, { percent: 60, bake: '2s' }, 100],
      bake: '1s',
      min_jobs: 2,
      guardrails: [{ metric: 'error_rate', operations: ['job'], max: 0.5, for_windows: 2, min_requests: 1 }],
    })
    await act('start', { stage: 'canary-20' })
    for (let i = 1; i < 20 && (await view()).state !== 'completed'; i++) {
      vi.setSystemTime(T0 + i * WINDOW_MS + 500)
      const { epoch, stage } = await view()
      for (const arm of ['control', 'candidate'] as const) {
        const jobs = [1, 2, 3].map((n) => entry(`${arm}-${i}-${n}`, { arm, epoch, stage }))
        await ledger().flush({ submitted: jobs, seen: jobs.map((job) => jobUpdate(job, 'ok')) })
        await shard().flush(batch(nextSeq(), 3, 0, { arm, epoch, stage }))
      }
      vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 200)
      await tick()
    }
    const steps = (await history()).filter(({ action }) => action !== 'configure')
    expect(steps.map(({ who, action, to }) => [who, action, to.stage])).toEqual([
      ['token:anna', 'start', 'canary-20'],
      ['system:auto', 'advance', 'canary-60'],
      ['system:auto', 'advance', 'canary-100'],
      ['system:auto', 'promote', 'completed'],
    ])
    const gaps = steps.slice(1).map(({ at }, i) => Date.parse(at) - Date.parse(steps[i]!.at))
    expect(gaps.map((gap, i) => gap >= [1000, 2000, 1000][i]!)).toEqual([true, true, true])
  })
})

describe('a candidate whose polls hang', () => {
  it('is rolled back for its open jobs, none of which has ended, while control’s are all counted', async () => {
    // The ledger's own looks: control answers, the candidate never does.
    vi.spyOn(globalThis, 'fetch').mockImplementation((input) => {
      const url = input as string
      if (url.includes('candidate.test')) return Promise.reject(new Error('late'))
      return Promise.resolve(Response.json({ id: url.split('/').at(-1), object: 'video', status: 'completed' }))
    })
    const guardrail = { metric: 'latency_p50', operations: ['job'], max_seconds: 3, for_windows: 2, min_requests: 5 }
    await publish({ guardrails: [guardrail] })
    await act('start', { stage: 'canary-50' })
    const { epoch } = await view()
    vi.setSystemTime(T0 + 1500)
    const jobs = (['control', 'candidate'] as const).flatMap((arm) =>
      Array.from({ length: 10 }, (_, n) => entry(`${arm}-${n}`, { arm, epoch })),
    )
    await ledger().flush({ submitted: jobs, seen: [] })
    for (let i = 2; i < 40 && (await view()).state === 'canary'; i++) {
      vi.setSystemTime(T0 + i * WINDOW_MS + 300)
      await runDurableObjectAlarm(ledger())
      // Open jobs are judged in windows that some of them fall into.
      await ledger().flush({ submitted: [entry(`more-${i}`, { epoch })], seen: [] })
      await tick()
    }
    const seen = await view()
    expect([seen.state, seen.verdicts[0]]).toMatchObject([
      'rolled_back',
      { metric: 'latency_p50', operation: 'job', status: 'breach' },
    ])
    const items = (await controller().jobs({}, null, 100)).items
    expect(new Set(items.filter(({ arm }) => arm === 'candidate').map(({ status }) => status))).toEqual(
      new Set(['open']),
    )
    expect(items.filter(({ arm, outcome }) => arm === 'control' && outcome === 'ok')).toHaveLength(10)
  })
})

describe('a candidate whose polls are refused', () => {
  it('is not told of as one without jobs, nor rolled back as such: the verdict counts those that ended unseen', async () => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response('{}', { status: 401 })))
    const silence = { no_data: 'rollback', no_data_grace: '30s' }
    await publish({ guardrails: [{ metric: 'error_rate', operations: ['job'], max: 0.5, ...silence }] })
    await act('start', { stage: 'canary-50' })
    const { epoch } = await view()
    vi.setSystemTime(T0 + 1500)
    await ledger().flush({ submitted: [1, 2, 3].map((n) => entry(`unseen-${n}`, { epoch })), seen: [] })
    for (const seconds of [5, 30, 62]) {
      vi.setSystemTime(T0 + seconds * WINDOW_MS + 300)
      await runDurableObjectAlarm(ledger())
    }
    vi.setSystemTime(T0 + 64 * WINDOW_MS + 300)
    await tick()
    const { state, verdicts, blocked_by } = await view()
    expect(state).toBe('canary')
    const message =
      'job error rate: of 3 candidate jobs in 64 s none counts (3 not_observed): nothing is rolled back for what Sluice could not see; see whether the candidate answers its polls'
    expect(verdicts[0]).toMatchObject({ status: 'no_data', note: 'grace_over', message, evidence: { unseen: 3 } })
    const guardrail = 'error_rate:job'
    const blocker = { code: 'guardrail', message: `${guardrail}: ${message}`, guardrail, until: null }
    expect(blocked_by).toContainEqual(blocker)
    // Since then there is no traffic at all.
    vi.setSystemTime(T0 + 96 * WINDOW_MS + 300)
    await tick()
    expect(await view()).toMatchObject({
      state: 'rolled_back',
      reason: expect.stringContaining('the last that Sluice could not see was 33 s ago'),
    })
  })
})

describe('after a rollback', () => {
  it('open jobs of the candidate drain, until none is left', async () => {
    await act('start', { stage: 'canary-50' })
    const { epoch } = await view()
    const job = entry('drains', { epoch })
    await ledger().flush({ submitted: [job], seen: [] })
    expect(await act('rollback')).toMatchObject({ state: 'rolled_back', percent: 0 })
    vi.setSystemTime(T0 + 5000)
    await tick()
    expect((await view()).draining).toMatchObject({ jobs: 1 })
    await ledger().flush({ submitted: [], seen: [jobUpdate(job, 'ok')] })
    vi.setSystemTime(T0 + 20_000)
    await tick()
    expect((await view()).draining).toBeNull()
  })
})

describe('the live overlay', () => {
  it('is in the next snapshot, shows as drift, goes back to the file, and is told in the history', async () => {
    await act('start')
    expect((await snapshot()).shadow.sample).toBe(1)
    await publish({ shadow: { sample: 0 } })
    expect((await snapshot()).shadow.sample).toBe(0)
    expect(await view()).toMatchObject({ stage: 'shadow', drift: ['shadow'], shadow: { active: false } })
    await publish({}, 1)
    expect((await snapshot()).shadow.sample).toBe(1)
    expect(await view()).toMatchObject({ drift: [], shadow: { active: true, sample: 1 } })
    await publish({ ladder: [3, 100] }, 2)
    const changed = await view()
    expect(changed.ladder.map(({ percent }) => percent)).toEqual([3, 100])
    expect(changed).toMatchObject({ next: { stage: 'canary-3', percent: 3 }, drift: ['ladder'] })
    expect(await act('advance', { force: true })).toMatchObject({ stage: 'canary-3', percent: 3 })
    expect(await snapshot()).toMatchObject({ stage: 'canary-3', percent: 3 })
    await publish({}, 3)
    expect(await view()).toMatchObject({ stage: 'canary-3', drift: [], next: { stage: 'canary-5' } })
    const changes = (await history()).filter(({ action }) => action === 'configure')
    expect(changes.map(({ evidence }) => evidence)).toMatchObject([
      { overlay: { shadow: { sample: 0 } }, before: {}, overlay_version: 1 },
      { overlay: {}, before: { shadow: { sample: 0 } }, overlay_version: 2 },
      { overlay: { ladder: [3, 100] }, before: {}, overlay_version: 3 },
      { overlay: {}, before: { ladder: [3, 100] }, overlay_version: 4 },
    ])
  })
})
