/** What guardrails make the controller do by itself, tick by tick: roll back, pause, tell, and not undo a resume. */
import { describe, expect, it, vi } from 'vitest'
import {
  T0,
  WINDOW_MS,
  ANNA,
  eachTestAnew,
  good,
  command,
  act,
  view,
  history,
  tick,
  nextSeq,
  second,
} from '../support/workerd/controller-driver.ts'
import { batch, controller, shard } from '../support/workerd/objects.ts'

eachTestAnew()

describe('a fast trip', () => {
  it('reads the last seconds, and rolls back before any window has closed', async () => {
    const rule = { metric: 'error_rate', operations: ['submit'], within: '5s', max: 0.5, min_requests: 8 }
    good(await controller().publish({ guardrails: [rule] }, 0, 'fast', ANNA))
    const { epoch } = await act('start', { stage: 'canary-50' })
    vi.setSystemTime(T0 + 1100)
    await tick()
    // Three failures of three are fewer than could trip it; 33 of 33 are not.
    await shard().flush(batch(nextSeq(), 3, 3, { epoch }))
    vi.setSystemTime(T0 + 1200)
    await tick()
    expect(await view()).toMatchObject({ state: 'canary' })
    await shard().flush(batch(nextSeq(), 30, 30, { epoch }))
    vi.setSystemTime(T0 + 1300)
    await tick()
    expect(await view()).toMatchObject({ state: 'rolled_back' })
    expect((await history()).at(-1)).toMatchObject({
      evidence: { verdict: { guardrail: 'error_rate:submit:within', kind: 'fast_trip', status: 'breach', n: 33 } },
    })
  })

  it('takes no latencies, and says so', async () => {
    const rule = { metric: 'latency_p50', operations: ['submit'], within: '5s', max_seconds: 0.12 }
    expect(await controller().publish({ guardrails: [rule] }, 0, 'fast', ANNA)).toMatchObject({
      ok: false,
      details: [{ message: 'this metric is not judged within some seconds: leave out "within"' }],
    })
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

  it('of the shadow copies rolls the release back before a user ever saw the candidate', async () => {
    const { epoch } = await act('start')
    for (const i of [1, 2, 3]) await second(i, 10, epoch, { shadow: true })
    expect(await view()).toMatchObject({ state: 'rolled_back' })
    expect((await history()).find(({ action }) => action === 'rollback')).toMatchObject({
      who: 'system:guardrail',
      from: { stage: 'shadow', percent: 0 },
      evidence: { verdict: { guardrail: 'error_rate:submit', status: 'breach', windows: { bad: 3, needed: 3 } } },
    })
    vi.setSystemTime(Date.now() + 8000)
    await tick()
    expect((await view()).blast_radius).toMatchObject({ subjects_exposed: 0, jobs_failed: 0 })
  })

  it('rolls a paused release back as well', async () => {
    await act('start', { stage: 'canary-50' })
    const { epoch } = await act('pause')
    for (const i of [1, 2, 3]) await second(i, 10, epoch)
    expect(await view()).toMatchObject({ state: 'rolled_back', stage: 'rolled_back', percent: 0, paused: false })
  })

  it('that control shows too is both_bad: told once, and nobody is sent to an arm that is no better', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    for (const i of [1, 2, 3, 4, 5, 6, 7]) {
      await second(i, 10, epoch, { controlErrors: 10 })
      if (i >= 3) expect(await view()).toMatchObject({ verdicts: [{ status: 'inconclusive', note: 'both_bad' }] })
    }
    expect(await view()).toMatchObject({ state: 'canary', percent: 50 })
    expect((await history()).filter(({ action }) => action === 'guardrail_breached')).toHaveLength(1)
  })

  it('of a guardrail that pauses leaves everybody where they are, and nothing advances', async () => {
    await acting('pause')
    expect(await view()).toMatchObject({ state: 'canary', percent: 50, paused: true })
    const refused = await controller().act(command('advance', { force: true }), ANNA)
    expect(refused).toMatchObject({ ok: false, code: 'blocked', details: [{ path: 'paused' }] })
  })

  it('of a guardrail that warns is in history once, and changes nothing', async () => {
    await acting('warn')
    expect(await view()).toMatchObject({
      state: 'canary',
      percent: 50,
      paused: false,
      verdicts: [{ status: 'breach' }],
    })
    expect((await history()).filter(({ action }) => action === 'guardrail_breached')).toHaveLength(1)
  })

  /** Five seconds in which all of the candidate's submits fail. */
  const acting = async (action: string) => {
    const rule = { metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 3, min_requests: 5, action }
    good(await controller().publish({ guardrails: [rule] }, 0, action, ANNA))
    const { epoch } = await act('start', { stage: 'canary-50' })
    for (const i of [1, 2, 3, 4, 5]) await second(i, 10, epoch)
  }
})
