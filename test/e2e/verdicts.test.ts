/** What a breach leads to on real processes, stage by stage; windows of a second, thresholds for few jobs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FaultChange } from '../../demo/faults.ts'
import type { ReleaseView } from '../../src/api/index.ts'
import { ControlClient } from '../support/control-client.ts'
import { routedBy, submit } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RULE = { metric: 'error_rate', operations: ['submit'], max: 0.1, for_windows: 3, min_requests: 3 }
const NAMES = ['breach_in_shadow', 'breach_while_paused', 'both_bad', 'only_pauses', 'only_warns'] as const
type Name = (typeof NAMES)[number]

let backends: Backends
let gateway: Gateway

beforeAll(async () => {
  backends = await startBackends(0.2)
  const table = (name: Name, action = 'rollback') =>
    release(name, urlsOf(backends), { match: { models: [name] }, guardrails: [{ ...RULE, action }] })
  gateway = new Gateway({
    releases: {
      A: table('breach_in_shadow'),
      B: table('breach_while_paused'),
      C: table('both_bad'),
      D: table('only_pauses', 'pause'),
      E: table('only_warns', 'warn'),
    },
  })
  await gateway.start()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('a breach', () => {
  it('of the shadow copies rolls the release back before a user ever saw the candidate', async () => {
    const control = await started('breach_in_shadow', 'shadow')
    const view = await whileFailing({ candidate: { error_rate: 1 } }, 'breach_in_shadow', () =>
      control.until('it is rolled back', ({ state }) => state === 'rolled_back'),
    )
    expect(view.blast_radius).toMatchObject({ subjects_exposed: 0, jobs_failed: 0 })
    const [rollback] = (await control.history()).filter(({ action }) => action === 'rollback')
    expect(rollback).toMatchObject({
      who: 'system:guardrail',
      from: { stage: 'shadow', percent: 0 },
      evidence: { verdict: { guardrail: 'error_rate:submit', status: 'breach', windows: { bad: 3, needed: 3 } } },
    })
  })

  it('rolls a paused release back as well', async () => {
    const control = await started('breach_while_paused', 'canary-50')
    expect(await control.act('pause')).toMatchObject({ paused: true, stage: 'canary-50' })
    const view = await whileFailing({ candidate: { error_rate: 1 } }, 'breach_while_paused', () =>
      control.until('it is rolled back', ({ state }) => state === 'rolled_back'),
    )
    expect(view).toMatchObject({ stage: 'rolled_back', percent: 0, paused: false })
  })

  it('that control shows too is both_bad: told once, and nobody is sent to an arm that is no better', async () => {
    const control = await started('both_bad', 'canary-50')
    const bad = { error_rate: 1 }
    const view = await whileFailing({ candidate: bad, control: bad }, 'both_bad', async () => {
      const first = await control.until('the verdict says so', ({ verdicts }) => verdicts[0]?.note === 'both_bad')
      return control.until(
        'it says so again, of more windows',
        (later) => later.state !== 'canary' || (isBothBad(later) && judgedTo(later) >= judgedTo(first) + 3000),
      )
    })
    expect(view).toMatchObject({ state: 'canary', percent: 50 })
    const told = (await control.history()).filter(({ action }) => action === 'guardrail_breached')
    expect(told).toHaveLength(1)
  })

  it('of a guardrail that pauses leaves everybody where they are, and nothing advances', async () => {
    const control = await started('only_pauses', 'canary-50')
    const view = await whileFailing({ candidate: { error_rate: 1 } }, 'only_pauses', () =>
      control.until('it is paused', ({ paused }) => paused),
    )
    expect(view).toMatchObject({ state: 'canary', percent: 50 })
    const refused = await control.call('POST', '/actions', { action: 'advance', force: true })
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'blocked', details: [{ path: 'paused' }] } } })
  })

  it('of a guardrail that warns is in history once, and changes nothing', async () => {
    const control = await started('only_warns', 'canary-50')
    await whileFailing({ candidate: { error_rate: 1 } }, 'only_warns', () =>
      control.until('the verdict says so', ({ verdicts }) => verdicts[0]?.status === 'breach'),
    )
    expect(await control.view()).toMatchObject({ state: 'canary', percent: 50, paused: false })
    const told = (await control.history()).filter(({ action }) => action === 'guardrail_breached')
    expect(told).toHaveLength(1)
  })
})

function isBothBad({ verdicts: [verdict] }: ReleaseView): boolean {
  return verdict?.status === 'inconclusive' && verdict.note === 'both_bad'
}

/** End of the last window that the first verdict goes by, in Unix ms. */
function judgedTo({ verdicts: [verdict] }: ReleaseView): number {
  return Date.parse(verdict!.windows.to!)
}

async function started(name: Name, stage: string): Promise<ControlClient> {
  const control = new ControlClient(gateway, name)
  await control.act('start', stage === 'shadow' ? {} : { stage })
  await routedBy(gateway, stage, { model: name })
  return control
}

/** Steady submits while a backend fails; healthy again afterwards, whatever came of it. */
async function whileFailing<T>(
  faults: { candidate?: FaultChange; control?: FaultChange },
  model: Name,
  work: () => Promise<T>,
): Promise<T> {
  for (const arm of ['candidate', 'control'] as const) backends[arm].setFaults(faults[arm] ?? {})
  let stopped = false
  const lane = async (n: number) => {
    for (let i = 0; !stopped; i++) {
      await submit(gateway, `user-${n}-${i}`, { model })
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
  }
  const traffic = Promise.all([1, 2, 3, 4].map(lane))
  try {
    return await work()
  } finally {
    stopped = true
    await traffic
    for (const arm of ['candidate', 'control'] as const) backends[arm].setFaults({ error_rate: 0 })
  }
}
