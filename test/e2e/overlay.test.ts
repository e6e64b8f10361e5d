/** The live overlay takes effect without a restart, shows as drift, and goes back to the file; a release climbs its ladder by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually, standsStill } from '../support/control-client.ts'
import { inParallel, pollToEnd, routedBy, submit } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const EDITED = 'edited_live'
const CLIMBING = 'climbs_by_itself'

let backends: Backends
let gateway: Gateway
let edited: ControlClient
let climbing: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.2)
  const urls = urlsOf(backends)
  gateway = new Gateway({
    releases: {
      A: release(EDITED, urls, { match: { models: ['edited'] } }),
      B: release(CLIMBING, urls, {
        match: { models: ['climbing'] },
        ladder: [20, { percent: 60, bake: '2s' }, 100],
        bake: '1s',
        final_bake: '1s',
        min_jobs: 2,
        advance: 'auto',
        guardrails: [{ metric: 'error_rate', operations: ['job'], max: 0.5, for_windows: 2, min_requests: 1 }],
      }),
    },
  })
  await gateway.start()
  edited = new ControlClient(gateway, EDITED)
  climbing = new ControlClient(gateway, CLIMBING)
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('the live overlay', () => {
  const batch = () =>
    inParallel(
      Array.from({ length: 20 }, (_, i) => `copied-${i}`),
      5,
      (subject) => submit(gateway, subject, { model: 'edited' }),
    )
  const copies = () => backends.candidate.submits.shadow

  it('switches shadow copies off and on again while the gateway runs', async () => {
    await edited.act('start')
    await routedBy(gateway, 'shadow', { model: 'edited' })
    const before = copies()
    await batch()
    await eventually('every submit is copied', copies, (n) => n >= before + 20)

    const off = await edited.call('PATCH', '/config', { shadow: { sample: 0 } })
    expect(off).toMatchObject({
      status: 200,
      body: { version: 1, values: { 'shadow.sample': { value: 0, source: 'live', file: 1 } } },
    })
    expect(await edited.view()).toMatchObject({ stage: 'shadow', drift: ['shadow'], shadow: { active: false } })
    await noMoreCopies()

    expect((await edited.call('DELETE', '/config')).status).toBe(200)
    expect(await edited.view()).toMatchObject({ drift: [], shadow: { active: true, sample: 1 } })
    const again = copies()
    await eventually(
      'copies are made again',
      async () => (await batch(), copies()),
      (n) => n > again,
    )
  })

  it('changes the ladder that the next step goes by', async () => {
    expect((await edited.call('PATCH', '/config', { ladder: [3, 100] })).status).toBe(200)
    const view = await edited.view()
    expect(view.ladder.map(({ percent }) => percent)).toEqual([3, 100])
    expect(view).toMatchObject({ next: { stage: 'canary-3', percent: 3 }, drift: ['ladder'] })
    expect(await edited.act('advance', { force: true })).toMatchObject({ stage: 'canary-3', percent: 3 })
    await routedBy(gateway, 'canary-3', { model: 'edited' })

    expect((await edited.call('DELETE', '/config')).status).toBe(200)
    expect(await edited.view()).toMatchObject({ stage: 'canary-3', drift: [], next: { stage: 'canary-5' } })
  })

  it('is refused where the whole would not be valid, with the path of each wrong key, and changes nothing', async () => {
    const before = await edited.config()
    const refused = await edited.call('PATCH', '/config', { ladder: [30, 3], shadow: { sample: 7 }, cooldown: '1s' })
    expect(refused.status).toBe(400)
    const { error } = refused.body as { error: { details: { path: string }[] } }
    expect(error.details.map(({ path }) => path).sort()).toEqual(['cooldown', 'ladder', 'shadow.sample'])
    expect(await edited.config()).toEqual(before)
  })

  it('has each change in history, with what it was before', async () => {
    const changes = (await edited.history()).filter(({ action }) => action === 'configure')
    expect(changes.map(({ evidence }) => evidence)).toEqual([
      { overlay: {}, before: { ladder: [3, 100] }, overlay_version: 4 },
      { overlay: { ladder: [3, 100] }, before: {}, overlay_version: 3 },
      { overlay: {}, before: { shadow: { sample: 0 } }, overlay_version: 2 },
      { overlay: { shadow: { sample: 0 } }, before: {}, overlay_version: 1 },
    ])
  })

  /** Isolates learn of it within two seconds; from then on nothing is drawn, and nothing copied. */
  async function noMoreCopies(): Promise<void> {
    const afterABatch = async () => (await batch(), standsStill('the funnel', drawnAndCopied))
    let last = await standsStill('the funnel', drawnAndCopied)
    await eventually(
      'a whole batch without a copy',
      async () => {
        const before = last
        last = await afterABatch()
        return { before, last }
      },
      ({ before }) => before[0] === last[0] && before[1] === last[1],
    )
    expect(await afterABatch()).toEqual(last)
  }

  async function drawnAndCopied(): Promise<[drawn: number, copied: number]> {
    return [(await edited.view()).shadow.funnel.sampled, copies()]
  }
})

describe('a release with advance = "auto"', () => {
  it('climbs the whole ladder by itself while its jobs are good, and no step skips its bake', async () => {
    await climbing.act('start', { stage: 'canary-20' })
    const stop = new AbortController()
    const traffic = Promise.all([1, 2, 3].map((lane) => steady(lane, stop.signal)))
    try {
      const climbed = climbing.until('the release is completed', ({ state }) => state === 'completed', 90_000)
      await Promise.race([climbed, traffic])
    } finally {
      stop.abort()
      await traffic
    }
    const steps = (await climbing.history()).toReversed()
    expect(steps.map(({ who, action, to }) => [who, action, to.stage])).toEqual([
      ['token:admin', 'start', 'canary-20'],
      ['system:auto', 'advance', 'canary-60'],
      ['system:auto', 'advance', 'canary-100'],
      ['system:auto', 'promote', 'completed'],
    ])
    const gaps = steps.slice(1).map(({ at }, i) => Date.parse(at) - Date.parse(steps[i]!.at))
    expect(gaps.map((gap, i) => gap >= [1000, 2000, 1000][i]!)).toEqual([true, true, true])
  })

  async function steady(lane: number, signal: AbortSignal): Promise<void> {
    for (let i = 0; !signal.aborted; i++) {
      const subject = `climber-${lane}-${i}`
      const { status, id, text } = await submit(gateway, subject, { model: 'climbing' })
      if (status !== 200) throw new Error(`submit: ${status} ${text}`)
      await pollToEnd(gateway, id, subject)
    }
  }
})
