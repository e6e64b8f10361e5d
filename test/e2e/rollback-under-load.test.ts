/** The promise of the whole thing: a candidate that starts failing under load is out within the windows configured. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CounterRow } from '../../src/api/index.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { openJobId } from '../../src/core/job-id.ts'
import { ControlClient } from '../support/control-client.ts'
import { routedBy } from '../support/data-plane.ts'
import { runLoad } from '../support/open-loop.ts'
import { type Backends, COOKIE_KEY, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const WINDOWS = 5
const WINDOW_MS = 1000
/** Beyond those that it takes: the tick that judges a window comes after it, and late where the machine is busy. */
const WINDOWS_OF_SLACK = 3
const MAX_FAILED = 0.01
const MIN_JOBS = 3
const PROPAGATION_MS = 2000
const REQUESTS_PER_SECOND = 200
const LOAD = {
  ratePerSecond: REQUESTS_PER_SECOND,
  submitShare: 0.25,
  subject: (n: number) => `user-${n}`,
  // Without it a machine that is too slow for the rate would be measured by its queue.
  maxOpen: REQUESTS_PER_SECOND,
}

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
          {
            metric: 'error_rate',
            operations: ['submit', 'job'],
            max: MAX_FAILED,
            for_windows: WINDOWS,
            min_requests: MIN_JOBS,
          },
        ],
      }),
    },
  })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-20' })
  await routedBy(gateway, 'canary-20')
  // Not measured: processes that have just started are slow.
  await runLoad(gateway, { ...LOAD, signal: AbortSignal.timeout(5000) })
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

it('a candidate that fails all its jobs is rolled back in time, and is sent no submit from two seconds after it', async () => {
  const stop = new AbortController()
  const submits: { at: number; arm: string }[] = []
  const settling = backends.candidate.submits.own
  const load = runLoad(gateway, {
    ...LOAD,
    signal: stop.signal,
    onReply: (kind, { id }) => void (kind === 'submit' && submits.push(sentBy(id))),
  })
  let decidedAt: number
  try {
    await delay(8000)
    expect(await control.view()).toMatchObject({ state: 'canary', percent: 20 })

    const failingFrom = Date.now()
    backends.candidate.setFaults({ job_failure_rate: 1 })
    const view = await control.until('it is rolled back', ({ state }) => state === 'rolled_back', 60_000)
    decidedAt = Date.parse(view.since)
    expect(decidedAt - failingFrom).toBeGreaterThan((WINDOWS - 1) * WINDOW_MS)
    const [rollback] = (await control.history()).filter(({ action }) => action === 'rollback')
    expect(rollback).toMatchObject({
      who: 'system:guardrail',
      from: { stage: 'canary-20', percent: 20 },
      evidence: { verdict: { guardrail: 'error_rate:job', windows: { bad: WINDOWS, needed: WINDOWS } } },
    })
    const bad = badWindows(await control.counters(failingFrom), decidedAt)
    expect(bad.length, `bad before the decision: ${bad.join()}`).toBeLessThanOrEqual(WINDOWS + WINDOWS_OF_SLACK)

    await delay(5000)
  } finally {
    stop.abort()
  }
  const { sent, skipped, statuses } = await load
  if (skipped > 0)
    console.log(`this machine can't offer ${REQUESTS_PER_SECOND}/s: ${skipped} of ${sent + skipped} skipped`)
  expect(statuses).toEqual({ 200: sent })

  // By the gateway's own clock, which is in the signed ids: how soon a starved test hears of it is no matter.
  const toCandidate = submits.filter(({ arm }) => arm === 'candidate').map(({ at }) => at)
  expect(toCandidate).toHaveLength(backends.candidate.submits.own - settling)
  expect(toCandidate.filter((at) => at > decidedAt - 1000).length).toBeGreaterThan(0)
  expect(submits.filter(({ at }) => at > decidedAt + PROPAGATION_MS).length).toBeGreaterThan(0)
  expect(toCandidate.filter((at) => at > decidedAt + PROPAGATION_MS)).toEqual([])

  const { blast_radius: cost } = await control.until('the cost is summed up', (view) => view.blast_radius !== null)
  expect(cost!.jobs_failed).toBeGreaterThan(0)
  expect(Date.parse(cost!.decided_at)).toBe(decidedAt)
  expect(Date.parse(cost!.last_misrouted_submit_at ?? cost!.decided_at)).toBe(Math.max(decidedAt, ...toCandidate))
})

/** When the gateway sent a submit on, and to which arm, as the id of its job says. */
function sentBy(id: string): { at: number; arm: string } {
  const tag = openJobId(id, idKeys([COOKIE_KEY]))
  if (!tag) throw new Error(`not an id of this gateway: ${id}`)
  return { at: tag.submittedAt, arm: tag.arm }
}

/** Starts of the windows with jobs enough, too many of them failed, that were over when it was decided. */
function badWindows(rows: readonly CounterRow[], decidedAt: number): string[] {
  return rows
    .filter(({ arm, operation, shadow, to }) => {
      return arm === 'candidate' && operation === 'job' && !shadow && Date.parse(to) <= decidedAt
    })
    .filter(({ requests, errors }) => requests >= MIN_JOBS && (errors['job_failed'] ?? 0) / requests > MAX_FAILED)
    .map(({ from }) => from)
}
