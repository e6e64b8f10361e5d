/**
 * How soon a candidate that starts failing all its jobs under load is out, on real processes: windows until the
 * decision, the last submit that still reached it, and what clients got. Figures of this machine; it judges nothing.
 *
 *   npm run bench:rollback -- [--rate 200] [--seconds 8]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { CounterRow } from '../src/api/index.ts'
import { idKeys } from '../src/core/id-keys.ts'
import { openJobId } from '../src/core/job-id.ts'
import { ControlClient } from '../test/support/control-client.ts'
import { routedBy } from '../test/support/data-plane.ts'
import { runLoad } from '../test/support/open-loop.ts'
import { COOKIE_KEY, Gateway, release, startBackends, urlsOf } from '../test/support/processes.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    /** Requests a second; a quarter of them submits. */
    rate: { type: 'string', default: '200' },
    /** Of load before the fault. */
    seconds: { type: 'string', default: '8' },
  },
})
const RATE = Number(values.rate)
const RELEASE = 'wan22_t2v_abtest'
const WINDOWS = 5
const WINDOW_MS = 1000
const MAX_FAILED = 0.01
const MIN_JOBS = 3
/** From when on, after the decision, no submit should reach the candidate. */
const PROPAGATION_MS = 2000
const LOAD = {
  ratePerSecond: RATE,
  submitShare: 0.25,
  subject: (n: number) => `user-${n}`,
  // Without it a machine that is too slow for the rate would be measured by its queue.
  maxOpen: RATE,
}

const backends = await startBackends(0.4)
const guardrail = { metric: 'error_rate', operations: ['submit', 'job'], max: MAX_FAILED, for_windows: WINDOWS }
const gateway = new Gateway({
  releases: {
    A: release(RELEASE, urlsOf(backends), {
      quiet_after: '1s',
      arms: { control: { timeout: '20s' }, candidate: { timeout: '20s' } },
      guardrails: [{ ...guardrail, min_requests: MIN_JOBS }],
    }),
  },
})
try {
  await gateway.start()
  await measure(new ControlClient(gateway, RELEASE))
} finally {
  await gateway.remove()
  await Promise.all([backends.control.close(), backends.candidate.close()])
}

async function measure(control: ControlClient): Promise<void> {
  await control.act('start', { stage: 'canary-20' })
  await routedBy(gateway, 'canary-20')
  // Not measured: processes that have just started are slow.
  await runLoad(gateway, { ...LOAD, signal: AbortSignal.timeout(5000) })

  const stop = new AbortController()
  const submits: { at: number; arm: string }[] = []
  const load = runLoad(gateway, {
    ...LOAD,
    signal: stop.signal,
    onReply: (kind, { id }) => void (kind === 'submit' && id !== '' && submits.push(sentBy(id))),
  })
  await delay(1000 * Number(values.seconds))
  const failingFrom = Date.now()
  backends.candidate.setFaults({ job_failure_rate: 1 })
  const { since } = await control.until('it is rolled back', ({ state }) => state === 'rolled_back', 60_000)
  const decidedAt = Date.parse(since)
  const bad = badWindows(await control.counters(failingFrom), decidedAt)
  await delay(5000)
  stop.abort()
  const { sent, skipped, unanswered, statuses } = await load

  // By the gateway's own clock, which is in the sealed ids: how soon a starved client hears of it is no matter.
  const toCandidate = submits.filter(({ arm }) => arm === 'candidate').map(({ at }) => at)
  const late = toCandidate.filter((at) => at > decidedAt + PROPAGATION_MS)
  const answers = Object.entries(statuses).map(([status, n]) => `${n} × ${status}`)
  const rows = [
    ['requests a second, wanted and sent', `${RATE}`, (RATE * (sent / (sent + skipped))).toFixed(0)],
    ['answers', '', [...answers, `${unanswered} none`].join(', ')],
    ['windows with too many failures before the decision', `${WINDOWS}`, `${bad.length}`],
    ['fault to decision, in windows', '', ((decidedAt - failingFrom) / WINDOW_MS).toFixed(1)],
    ['last submit to the candidate, ms after the decision', '', `${Math.max(0, ...toCandidate) - decidedAt}`],
    [`submits to it later than ${PROPAGATION_MS} ms`, '0', `${late.length}`],
  ]
  console.log(table(['', 'asked', 'measured'], rows))
}

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
