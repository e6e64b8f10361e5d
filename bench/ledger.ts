/**
 * How many jobs one ledger keeps up with: clients submit and go quiet, the ledger polls every job to its end. Over
 * whole processes: `wrangler dev` on loopback, two backends in this one, whose polls take as long as the cell says.
 *
 *   npm run bench:ledger -- [--quick] [--jobs 10,100,1000,5000] [--polls 50,300,2000,hung] [--seconds 15]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'smol-toml'
import { startGateway } from '../demo/gateway.ts'
import { onShutdown } from '../demo/shutdown.ts'
import { runtimeCpuSeconds } from './hot-path/processes.ts'
import { PolledBackend } from './polled-backend.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '10,100,1000,5000' },
    polls: { type: 'string', default: '50,300,2000,hung' },
    /** How long a job takes once the last one is submitted. */
    seconds: { type: 'string', default: '15' },
  },
})
const jobCounts = (values.quick ? '100,1000' : values.jobs).split(',').map(Number)
const pollTimes = (values.quick ? '300' : values.polls).split(',').map((ms) => (ms === 'hung' ? Infinity : Number(ms)))
const jobMs = Number(values.seconds) * 1000

const interrupted = new AbortController()
const QUIET_MS = 1000
/** As the ledger's pauses for jobs of quiet clients grow. */
const GROWTH = 1.5
const SUBMITS_AT_ONCE = 16

interface Counted {
  arm: string
  operation: string
  requests: number
  errors: Record<string, number>
  other: Record<string, number>
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}

async function cell(jobs: number, pollMs: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const control = await PolledBackend.start(Number.isFinite(pollMs) ? pollMs : 300)
  const candidate = await PolledBackend.start(pollMs)
  const guardrails = [{ metric: 'error_rate', operations: ['job'], max: 1, for_windows: 100, action: 'warn' }]
  const release = {
    name: 'bench',
    protocol: 'openai-videos',
    arms: { control: { url: control.url }, candidate: { url: candidate.url } },
    quiet_after: `${QUIET_MS}ms`,
    job_timeout: '10m',
    guardrails,
  }
  const vars = stringify({ vars: { SLUICE: { subject: ['header:x-user-id'] }, RELEASE_BENCH: release } })
  const onExit = () => void (interrupted.signal.aborted && process.exit(130))
  const gateway = await startGateway({ folder, port: null, vars, signal: interrupted.signal, onExit })
  try {
    const admin = { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' }
    const releaseUrl = `${gateway.url}/_sluice/api/v1/releases/bench`
    const start = { action: 'start', stage: 'canary-50', reason: 'bench' }
    await fetch(`${releaseUrl}/actions`, { method: 'POST', headers: admin, body: JSON.stringify(start) })
    let next = 0
    const submits = Array.from({ length: SUBMITS_AT_ONCE }, async () => {
      for (let i = next++; i < jobs; i = next++) {
        const headers = { 'x-user-id': `user-${i}`, 'content-type': 'application/json' }
        const answer = await fetch(`${gateway.url}/v1/videos`, { method: 'POST', headers, body: '{"prompt":"x"}' })
        await answer.body?.cancel()
      }
    })
    await Promise.all(submits)
    const [from, cpuFrom] = [Date.now(), runtimeCpuSeconds(folder)]
    await sleep(jobMs)
    const [cpu, seconds] = [runtimeCpuSeconds(folder) - cpuFrom, (Date.now() - from) / 1000]
    const polled = [control, candidate].flatMap((backend) => backend.polls.filter(({ at }) => at >= from))
    control.endAll()
    candidate.endAll()
    // The last ones are polled after the longest pause that has come about.
    const seenUntil = Date.now() + jobMs
    let rows: Counted[]
    let ended: number
    do {
      await sleep(500)
      const counters = await fetch(`${releaseUrl}/counters`, { headers: admin })
      const { items } = (await counters.json()) as { items: Counted[] }
      rows = items.filter(({ operation }) => operation === 'job')
      ended = rows.reduce((sum, row) => sum + row.requests, 0)
    } while (ended < jobs && Date.now() < seenUntil)
    const errors = rows.reduce((sum, row) => sum + Object.values(row.errors).reduce((a, b) => a + b, 0), 0)
    const unseen = rows.reduce((sum, row) => sum + (row.other['not_observed'] ?? 0), 0)
    const late = [
      ...control.lateness(QUIET_MS, GROWTH),
      ...(Number.isFinite(pollMs) ? candidate.lateness(QUIET_MS, GROWTH) : []),
    ]
    const sorted = late.sort((a, b) => a - b)
    return [
      String(jobs),
      Number.isFinite(pollMs) ? `${pollMs} ms` : 'candidate hangs',
      (polled.length / seconds).toFixed(0),
      `${(quantile(sorted, 0.5) / 1000).toFixed(2)} / ${(quantile(sorted, 0.99) / 1000).toFixed(2)}`,
      `${((100 * cpu) / seconds).toFixed(0)} %`,
      String(ended),
      String(errors),
      String(unseen),
    ]
  } finally {
    await gateway.stop()
    control.stop()
    candidate.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

onShutdown(() => interrupted.abort())
const rows: string[][] = []
for (const jobs of jobCounts)
  for (const pollMs of pollTimes) {
    rows.push(await cell(jobs, pollMs))
    console.error(rows.at(-1)!.join('  '))
  }
const head = [
  'jobs',
  'a poll takes',
  'polls/s',
  'late, s (p50 / p99)',
  'CPU of a core',
  'ended',
  'errors',
  'not observed',
]
console.log(table(head, rows))
