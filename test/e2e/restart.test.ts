/**
 * The gateway is killed with SIGKILL at random moments under load and started again on the same storage. After each:
 * state, audit and verdicts agree with each other and with what was acknowledged, and what was told as counted still is.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CounterRow, HistoryEntry, ReleaseView, VerdictView } from '../../src/api/index.ts'
import { seededRandom } from '../../src/core/stats/sampling.ts'
import { ControlClient, eventually, standsStill } from '../support/control-client.ts'
import { poll, submit } from '../support/data-plane.ts'
import { runLoad } from '../support/open-loop.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
/** Each costs a start of the gateway, which is most of what this file takes; exploring tries more moments. */
const KILLS = process.env['SLUICE_EXPLORE'] ? 20 : 4
const SHORTEST_UP_MS = 300
const LONGEST_UP_MS = 4300
/** The same moments on each run: what the machine makes of them differs enough. */
const random = seededRandom(20_261_124)
const LONGEST_PAUSE_MS = 1500
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

it('nothing that was acknowledged is lost, and nothing contradicts itself', { timeout: 600_000 }, async () => {
  const began = Date.now()
  const counts = async () => countedBy(await control.counters(began - 1000))
  const stop = new AbortController()
  const load = runLoad(gateway, {
    ratePerSecond: 20,
    submitShare: 0.5,
    maxOpen: 40,
    subject: (n) => `user-${n}`,
    signal: stop.signal,
  })
  let audit: HistoryEntry[] = []
  let acknowledged = 0
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      const upMs = SHORTEST_UP_MS + random() * (LONGEST_UP_MS - SHORTEST_UP_MS)
      // The kill may cut it off anywhere.
      const acting = act(random() * LONGEST_PAUSE_MS, (version) => (acknowledged = version)).catch(() => undefined)
      const job = await submit(gateway, `kept-${kill}`)
      await delay(upMs)
      const told = await counts()
      await gateway.kill()
      await acting
      await gateway.start()

      const when = `after kill ${kill}, ${Math.round(upMs)} ms after the start`
      const { entries, view } = await both()
      expect(entries.slice(0, audit.length), `${when}: history is append-only`).toEqual(audit)
      expectConsistent(entries, view, when)
      expect(view.version, `${when}: what was acknowledged is there`).toBeGreaterThanOrEqual(acknowledged)
      const kept = await counts()
      for (const arm of ARMS) expect(kept[arm], `${when}: ${arm} as it was told`).toBeGreaterThanOrEqual(told[arm])
      if (job.status === 200) expect((await poll(gateway, job.id, `kept-${kill}`)).status, when).toBe(200)
      audit = entries
    }
    // However it fell out between the kills: left alone for long enough, the guardrail rolls back.
    await act(0, () => undefined)
    const { entries, view } = await eventually('a guardrail rolls back', both, (now) =>
      now.entries.some(({ who }) => who === 'system:guardrail'),
    )
    expectConsistent(entries, view, 'in the end')
  } finally {
    stop.abort()
    await load
  }
  // By the time that it stands still a flush would have been repeated.
  const counted = await standsStill('what is counted', async () => answeredBy(await control.counters(began - 1000)))
  for (const arm of ARMS) {
    const sent = backends[arm].submits.own
    expect(counted[arm], `${arm}: nothing is counted twice`).toBeLessThanOrEqual(sent)
    expect(counted[arm], `${arm} is counted`).toBeGreaterThan(0)
  }
})

/** Submits that the backend answered; one that was given up, on a busy machine, it may never have seen. */
function answeredBy(rows: readonly CounterRow[]): Record<(typeof ARMS)[number], number> {
  return countedBy(rows.map((row) => ({ ...row, requests: row.requests - unanswered(row) })))
}

function unanswered({ errors, other }: CounterRow): number {
  const ends = { ...errors, ...other }
  return ['timeout', 'unreachable', 'aborted'].reduce((sum, end) => sum + (ends[end] ?? 0), 0)
}

function countedBy(rows: readonly CounterRow[]): Record<(typeof ARMS)[number], number> {
  const submits = rows.filter(({ operation }) => operation === 'submit')
  const sum = (arm: string) => submits.reduce((n, row) => n + (row.arm === arm ? row.requests : 0), 0)
  return { control: sum('control'), candidate: sum('candidate') }
}

/** Whatever moves this release on, with a rest of `pauseMs` in it; `told` hears each version as it is acknowledged. */
async function act(pauseMs: number, told: (version: number) => void): Promise<void> {
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
  await delay(pauseMs)
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
