/** The promise of the whole thing: a candidate that starts failing under load is out within the windows configured. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ControlClient } from '../support/control-client.ts'
import { routedBy } from '../support/data-plane.ts'
import { runLoad } from '../support/open-loop.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const WINDOWS = 5
const WINDOW_MS = 1000
/** A job that fails was submitted before, is polled, its end flushed with the next second and judged by the next tick. */
const SLACK_MS = 4000
const REQUESTS_PER_SECOND = 200

let backends: Backends
let gateway: Gateway
let control: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.4)
  gateway = new Gateway({
    releases: {
      A: release(RELEASE, urlsOf(backends), {
        quiet_after: '1s',
        // A slow machine is not what is tested here.
        arms: { control: { timeout: '20s' }, candidate: { timeout: '20s' } },
        guardrails: [
          { metric: 'error_rate', operations: ['submit', 'job'], max: 0.01, for_windows: WINDOWS, min_requests: 3 },
        ],
      }),
    },
  })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-20' })
  await routedBy(gateway, 'canary-20')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

it('a candidate that fails all its jobs is rolled back in time, and sees no submit from two seconds after it', async () => {
  const stop = new AbortController()
  const load = runLoad(gateway, {
    ratePerSecond: REQUESTS_PER_SECOND,
    submitShare: 0.25,
    subject: (n) => `user-${n}`,
    signal: stop.signal,
  })
  try {
    await delay(8000)
    expect(await control.view()).toMatchObject({ state: 'canary', percent: 20 })

    const failingFrom = Date.now()
    backends.candidate.setFaults({ job_failure_rate: 1 })
    const view = await control.until('it is rolled back', ({ state }) => state === 'rolled_back', 30_000)
    const decidedAt = Date.parse(view.since)
    expect(decidedAt - failingFrom).toBeGreaterThan((WINDOWS - 1) * WINDOW_MS)

    await delay(5000)
    const late = backends.candidate.log.filter(
      ({ method, shadow, at }) => method === 'POST' && !shadow && Date.parse(at) > decidedAt + 2000,
    )
    expect(late).toEqual([])
    const [rollback] = (await control.history()).filter(({ action }) => action === 'rollback')
    expect(rollback).toMatchObject({
      who: 'system:guardrail',
      from: { stage: 'canary-20', percent: 20 },
      evidence: { verdict: { guardrail: 'error_rate:job', windows: { bad: WINDOWS, needed: WINDOWS } } },
    })
  } finally {
    stop.abort()
  }
  const { sent, skipped, statuses } = await load
  // The load was what it claims to be, and the gateway answered all of it.
  expect(skipped).toBe(0)
  expect(statuses).toEqual({ 200: sent })
  const { blast_radius: cost } = await control.until('the cost is summed up', (view) => view.blast_radius !== null)
  expect(cost!.jobs_failed).toBeGreaterThan(0)
  // From the first failure that the gateway saw: how soon clients poll on this machine is not the gateway's doing.
  const took = Date.parse(cost!.decided_at) - Date.parse(cost!.first_failure_at!)
  expect(took).toBeLessThan((WINDOWS + 1) * WINDOW_MS + SLACK_MS)
  expect(Date.parse(cost!.last_misrouted_submit_at ?? cost!.decided_at)).toBeLessThan(
    Date.parse(cost!.decided_at) + 2000,
  )
})
