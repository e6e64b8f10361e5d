/**
 * The gateway is killed with SIGKILL at twenty random moments under load and started again on the same storage. After
 * each: state, audit and verdicts agree with each other and with what was acknowledged; counters lose the last flush at most.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { HistoryEntry, ReleaseView, VerdictView } from '../../src/control/api.ts'
import { ControlClient } from '../support/control-client.ts'
import { poll, submit } from '../support/data-plane.ts'
import { runLoad } from '../support/open-loop.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const KILLS = 20
const LONGEST_UP_MS = 4000
/** Isolates flush once a second; the rest is the way there. */
const LAST_FLUSH_MS = 1300
const ARMS = ['control', 'candidate'] as const

let backends: Backends
let gateway: Gateway
let control: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.3)
  // Bad enough that a breach is always under way: rollbacks fall before, between and after the kills.
  backends.candidate.setFaults({ error_rate: 0.5 })
  gateway = new Gateway({
    releases: {
      A: release(RELEASE, urlsOf(backends), {
        guardrails: [{ metric: 'error_rate', operations: ['submit'], max: 0.01, for_windows: 3, min_requests: 3 }],
      }),
    },
  })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

it('nothing that was acknowledged is lost, and nothing contradicts itself', { timeout: 300_000 }, async () => {
  const began = Date.now()
  const stop = new AbortController()
  const load = runLoad(gateway, {
    ratePerSecond: 40,
    submitShare: 0.5,
    subject: (n) => `user-${n}`,
    signal: stop.signal,
  })
  const mayBeLost = { control: 0, candidate: 0 }
  let audit: HistoryEntry[] = []
  let acknowledged = 0
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      const upMs = 300 + Math.random() * LONGEST_UP_MS
      const acting = act((version) => (acknowledged = version))
      const job = await submit(gateway, `kept-${kill}`)
      await delay(upMs)
      for (const arm of ARMS) mayBeLost[arm] += submitsSince(arm, Date.now() - LAST_FLUSH_MS)
      await gateway.kill()
      await acting.catch(() => undefined)
      await gateway.start()

      const when = `after kill ${kill}, ${Math.round(upMs)} ms after the start`
      const { entries, view } = await both()
      expect(entries.slice(0, audit.length), `${when}: history is append-only`).toEqual(audit)
      expectConsistent(entries, view, when)
      expect(view.version, `${when}: what was acknowledged is there`).toBeGreaterThanOrEqual(acknowledged)
      if (job.status === 200) expect((await poll(gateway, job.id, `kept-${kill}`)).status, when).toBe(200)
      audit = entries
    }
  } finally {
    stop.abort()
    await load
  }
  await delay(2500)
  const counters = await control.counters(began - 1000)
  for (const arm of ARMS) {
    const counted = counters
      .filter((row) => row.arm === arm && row.operation === 'submit')
      .reduce((sum, { requests }) => sum + requests, 0)
    const sent = backends[arm].submits.own
    expect(counted, `${arm}: nothing is counted twice`).toBeLessThanOrEqual(sent)
    expect(sent - counted, `${arm}: ${sent} sent, ${counted} counted`).toBeLessThanOrEqual(mayBeLost[arm])
    expect(sent, arm).toBeGreaterThan(KILLS)
  }
  expect(audit.filter(({ who }) => who === 'system:guardrail').length).toBeGreaterThan(0)
})

/** Whatever moves this release on; `told` hears each version as it is acknowledged. */
async function act(told: (version: number) => void): Promise<void> {
  let view = await control.view()
  const doing = async (action: string, more: Record<string, unknown> = {}) => {
    // A rollback may have come in between; then this is refused.
    const answer = await control.call('POST', '/actions', { action, reason: 'test', ...more })
    if (answer.status !== 200) return
    view = answer.body as ReleaseView
    told(view.version)
  }
  if (view.state === 'rolled_back') await doing('reset')
  if (view.state === 'idle') await doing('start', { stage: 'canary-50' })
  await delay(Math.random() * 1500)
  for (const action of view.paused ? ['resume', 'pause'] : ['pause', 'resume']) await doing(action)
}

/** The whole history, oldest first, and the state that belongs to it: read again where something came in between. */
async function both(): Promise<{ entries: HistoryEntry[]; view: ReleaseView }> {
  for (;;) {
    const before = await control.view()
    const entries = (await control.history()).toReversed()
    const view = await control.view()
    if (view.version === before.version) return { entries, view }
  }
}

function expectConsistent(entries: readonly HistoryEntry[], view: ReleaseView, when: string): void {
  expect(
    entries.map(({ id }) => Number(id)),
    `${when}: ids without a gap`,
  ).toEqual(entries.map((_, i) => i + 1))
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1]
    if (!before) continue
    expect(entry.from, `${when}: entry ${entry.id} begins where ${before.id} ended`).toEqual(before.to)
    // Notes tell of a change without being one.
    const isNote = ['rollback_settled', 'guardrail_breached'].includes(entry.action)
    expect(entry.version - before.version, `${when}: version of entry ${entry.id}`).toBe(isNote ? 0 : 1)
    expect(entry.epoch, when).toBeGreaterThanOrEqual(before.epoch)
    if (entry.to.percent !== before.to.percent) expect(entry.epoch, when).toBeGreaterThan(before.epoch)
  }
  const last = entries.at(-1)
  if (!last) return
  expect({ stage: view.stage, percent: view.percent, version: view.version, epoch: view.epoch }, when).toEqual({
    stage: last.to.stage,
    percent: last.to.percent,
    version: last.version,
    epoch: last.epoch,
  })
  for (const verdict of view.verdicts) expectRecomputes(verdict, when)
  for (const { evidence } of entries.filter(({ who, action }) => who === 'system:guardrail' && action === 'rollback')) {
    const { verdict } = evidence as { verdict: VerdictView }
    expect(verdict, when).toMatchObject({ status: 'breach', guardrail: 'error_rate:submit' })
    expect(verdict.windows.bad, when).toBeGreaterThanOrEqual(verdict.windows.needed)
    expectRecomputes(verdict, when)
  }
}

function expectRecomputes({ value, n, threshold, status, evidence }: VerdictView, when: string): void {
  if (value === null) return
  expect(value, when).toBeCloseTo(evidence!['events']! / n, 9)
  if (status === 'breach') expect(value, when).toBeGreaterThan(threshold!)
}

function submitsSince(arm: (typeof ARMS)[number], sinceMs: number): number {
  return backends[arm].log.filter(({ method, at }) => method === 'POST' && Date.parse(at) >= sinceMs).length
}
