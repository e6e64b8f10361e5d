/**
 * An experiment over HTTP, as a team would run it: subjects are exposed by submits, their events posted in shuffled
 * batches of which some are sent twice, the report read. Whole processes on loopback. It ends with 1 where a figure is wrong.
 *
 *   npm run bench:experiment -- [--quick] [--subjects 24000] [--events 1000000] [--crowd 200000]
 *
 * `subjects` take part in the story with known shares; `crowd` then send the `events` to a second release.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'smol-toml'
import { startGateway } from '../demo/gateway.ts'
import { onShutdown } from '../demo/shutdown.ts'
import { type BatchAnswer, MAX_BATCH_ROWS, type ReportView } from '../src/api/experiment.ts'
import { isCandidate, positionOf } from '../src/core/assignment.ts'
import { runtimeCpuSeconds } from './hot-path/processes.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    subjects: { type: 'string', default: '24000' },
    crowd: { type: 'string', default: '200000' },
    events: { type: 'string', default: '1000000' },
  },
})
const SUBJECTS = Number(values.quick ? '2400' : values.subjects)
const CROWD = Number(values.quick ? '2000' : values.crowd)
const EVENTS = Number(values.quick ? '10000' : values.events)
/** Of 12,000 an arm, these are 8,064 and 8,772: z 9.99. */
const SHARES = { control: 0.672, candidate: 0.731 }
const REPEATED = 0.05
const CALLS_AT_ONCE = 16
const BATCHES_AT_ONCE = 4
const GPU_SECONDS = 100
const DEARER = 1.4
/** Of the subjects, in each story but the first. */
const SMALLER = 0.25
let seed = 20261128

type Arm = 'control' | 'candidate'
interface Row {
  release: string
  metric: string
  value: number
  subject: string
  id: string
}

/** Each submit is a finished job, so that its cost is there with its exposure. */
async function startBackend(gpuSeconds: number): Promise<{ url: string; server: Server }> {
  let made = 0
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      const job = { id: `video_${made++}`, object: 'video', status: 'completed', inference_time_s: gpuSeconds }
      response.end(JSON.stringify(job))
    })
  })
  // A connection that is closed as it is used again would be a failed submit.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const backends = {
  control: await startBackend(GPU_SECONDS),
  candidate: await startBackend(GPU_SECONDS),
  dearer: await startBackend(GPU_SECONDS * DEARER),
}
const checks: { what: string; seen: string; holds: boolean }[] = []

/** What differs from the plain story, and what is to come of it. */
interface Story {
  name: string
  subjects: number
  decision: string
  because: string
  valid: boolean
  /** Of each arm's subjects. */
  reported: Record<Arm, number>
  /** The candidate's subjects that are there. */
  present: number
}
const plain = { subjects: SUBJECTS * SMALLER, valid: true, reported: { control: 0.1, candidate: 0.1 }, present: 1 }
const STORIES: Story[] = [
  { ...plain, name: 'article', subjects: SUBJECTS, decision: 'advance', because: 'primary_better' },
  { ...plain, name: 'dearer', decision: 'hold', because: 'cost_exceeded' },
  {
    ...plain,
    name: 'worse',
    decision: 'hold',
    because: 'guardrail_worse',
    reported: { control: 0.1, candidate: 0.2 },
  },
  { ...plain, name: 'skewed', decision: 'hold', because: 'srm_mismatch', valid: false, present: 0.85 },
]

const interrupted = new AbortController()
onShutdown(() => interrupted.abort())
const gateway = await startGateway({
  folder,
  port: null,
  vars: stringify({ vars: variables() }),
  signal: interrupted.signal,
  onExit: () => void (interrupted.signal.aborted && process.exit(130)),
})
const admin = { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' }
try {
  for (const story of STORIES) await tell(story)
  await crowd()
} finally {
  await gateway.stop()
  for (const { server } of Object.values(backends)) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  table(
    ['check', 'seen', 'holds'],
    checks.map(({ what, seen, holds }) => [what, seen, holds ? 'yes' : 'NO']),
  ),
)
process.exitCode = checks.every(({ holds }) => holds) ? 0 : 1

function variables(): Record<string, unknown> {
  const price = { cost_per_gpu_second: 1 }
  const release = (name: string) => ({
    name,
    protocol: 'openai-videos',
    match: { models: [name] },
    arms: {
      control: { url: backends.control.url, ...price },
      candidate: { url: backends[name === 'dearer' ? 'dearer' : 'candidate'].url, ...price },
    },
    ladder: [50, 100],
    ledger_shards: 4,
    guardrails: [{ metric: 'error_rate', operations: ['submit'], max: 0.9, action: 'warn' }],
    experiment: { min_days: 0, max_cost_increase: 0.2 },
    metrics: [
      { name: 'completed', kind: 'proportion', role: 'primary', mde: name === 'article' ? 0.04 : 0.08 },
      { name: 'played', kind: 'mean', role: 'secondary' },
      { name: 'reported', kind: 'proportion', role: 'guardrail', direction: 'decrease', margin: 0.5 },
    ],
  })
  const names = [...STORIES.map(({ name }) => name), 'crowd']
  return {
    SLUICE: { subject: ['header:x-user-id'] },
    ...Object.fromEntries(names.map((name) => [`RELEASE_${name.toUpperCase()}`, release(name)])),
  }
}

/** Two arms of known shares: counts, z and the decision. */
async function tell({ name, subjects, reported, present, ...wanted }: Story): Promise<void> {
  await start(name)
  const half = Math.round(subjects / 2)
  const users = {
    control: usersOf(name, 'control', half),
    candidate: usersOf(name, 'candidate', Math.round(half * present)),
  }
  const n = { control: users.control.length, candidate: users.candidate.length }
  const seconds = await expose(name, shuffled([...users.control, ...users.candidate]))
  console.error(`${name}: ${n.control + n.candidate} submits in ${seconds.toFixed(0)} s`)
  const share = (arm: Arm) => Math.round(n[arm] * SHARES[arm])
  const rows = (['control', 'candidate'] as const).flatMap((arm) =>
    users[arm].flatMap((subject, i) => [
      ...(i < share(arm) ? [row(name, 'completed', subject, 1)] : []),
      ...(i < n[arm] * reported[arm] ? [row(name, 'reported', subject, 1)] : []),
    ]),
  )
  await post(withRepeats(rows))
  const report = await settled(name, n.control + n.candidate)
  const { control, candidate, test } = report.metrics.find(({ metric }) => metric === 'completed')!
  const rate = { control: share('control') / n.control, candidate: share('candidate') / n.candidate }
  const pooled = (share('control') + share('candidate')) / (n.control + n.candidate)
  const z = (rate.candidate - rate.control) / Math.sqrt(pooled * (1 - pooled) * (1 / n.control + 1 / n.candidate))
  check(`${name}: subjects`, control.n === n.control && candidate.n === n.candidate, [control.n, candidate.n])
  check(`${name}: shares exact`, near(control.estimate, rate.control) && near(candidate.estimate, rate.candidate), [
    control.estimate,
    candidate.estimate,
  ])
  check(`${name}: z ${z.toFixed(2)}`, near(test?.statistic, z), [test?.statistic])
  const reasons = report.decision.reasons.map(({ code }) => code as string)
  check(
    `${name}: ${wanted.decision}, ${wanted.because}`,
    report.valid === wanted.valid && report.decision.decision === wanted.decision && reasons.includes(wanted.because),
    [report.valid ? 'valid' : 'not valid', report.decision.decision, ...reasons],
  )
}

/** Many events for many subjects: none lost, none twice, and what a report costs then. */
async function crowd(): Promise<void> {
  await start('crowd')
  const users = Array.from({ length: CROWD }, (_, i) => `crowd-${i}`)
  const submitted = await expose('crowd', users)
  console.error(`${CROWD} submits in ${submitted.toFixed(0)} s`)
  const each = EVENTS / CROWD
  const rows = users.flatMap((user) => Array.from({ length: each }, (_, i) => row('crowd', 'played', user, i + 1)))
  const seconds = await post(withRepeats(rows))
  console.error(`${EVENTS} events in ${seconds.toFixed(0)} s`)
  const report = await settled('crowd', CROWD)
  const metric = report.metrics.find(({ metric: name }) => name === 'played')!
  const mean = (each * (each + 1)) / 2
  const n = metric.control.n + metric.candidate.n
  check(`subjects of ${CROWD}`, n === CROWD, [n])
  // Each subject's values sum up to the same, so one that was lost or doubled would show in a mean.
  check(`mean of each arm ${mean}`, near(metric.control.estimate, mean) && near(metric.candidate.estimate, mean), [
    metric.control.estimate,
    metric.candidate.estimate,
  ])
  const reads = 20
  const idle = await cpuOver(() => sleep(2000))
  const busy = await cpuOver(async () => {
    for (let i = 0; i < reads; i++) await reportOf('crowd')
  })
  const ms = (1000 * (busy.cpu - (idle.cpu / idle.seconds) * busy.seconds)) / reads
  check('CPU of a report at most 50 ms', ms <= 50, [`${ms.toFixed(1)} ms`])
}

async function start(name: string): Promise<void> {
  const body = JSON.stringify({ action: 'start', stage: 'canary-50', reason: 'bench' })
  const answer = await fetch(api(`releases/${name}/actions`), { method: 'POST', headers: admin, body })
  if (!answer.ok) throw new Error(`start of ${name}: ${answer.status} ${await answer.text()}`)
  // The sums are kept from the first question on, as a team that reads its report has them.
  await reportOf(name)
  // Isolates look for a new state every second or so; a probe would be a subject of its own.
  await sleep(4000)
}

/** Of this arm at 50 %, as the hash deals them. */
function usersOf(release: string, arm: Arm, count: number): string[] {
  const users: string[] = []
  for (let i = 0; users.length < count; i++) {
    const user = `user-${i}`
    if (isCandidate(positionOf(release, user), 50) === (arm === 'candidate')) users.push(user)
  }
  return users
}

/** One submit each; seconds. */
async function expose(release: string, users: readonly string[]): Promise<number> {
  const from = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: CALLS_AT_ONCE }, async () => {
      for (let i = next++; i < users.length; i = next++) {
        const headers = { 'x-user-id': users[i]!, 'content-type': 'application/json' }
        const body = JSON.stringify({ model: release, prompt: 'x' })
        const answer = await fetch(`${gateway.url}/v1/videos`, { method: 'POST', headers, body })
        const text = await answer.text()
        if (!answer.ok) throw new Error(`submit: ${answer.status} ${text}`)
      }
    }),
  )
  // Isolates tell their ledgers once a second.
  await sleep(3000)
  return (performance.now() - from) / 1000 - 3
}

function row(release: string, metric: string, subject: string, value: number): Row {
  return { release, metric, value, subject, id: `${subject}-${value}` }
}

/** Shuffled, with a twentieth of them once more somewhere. */
function withRepeats(rows: readonly Row[]): Row[] {
  return shuffled([...rows, ...rows.filter(() => random() < REPEATED)])
}

/** Seconds. */
async function post(rows: readonly Row[]): Promise<number> {
  const from = performance.now()
  const batches = Array.from({ length: Math.ceil(rows.length / MAX_BATCH_ROWS) }, (_, i) =>
    rows.slice(i * MAX_BATCH_ROWS, (i + 1) * MAX_BATCH_ROWS),
  )
  let next = 0
  await Promise.all(
    Array.from({ length: BATCHES_AT_ONCE }, async () => {
      for (let i = next++; i < batches.length; i = next++) {
        const answer = await fetch(api('events'), { method: 'POST', headers: admin, body: JSON.stringify(batches[i]) })
        const text = await answer.text()
        if (!answer.ok) throw new Error(`events: ${answer.status} ${text.slice(0, 500)}`)
        const { details } = JSON.parse(text) as BatchAnswer
        if (details.length > 0) throw new Error(`events: ${JSON.stringify(details[0])}`)
      }
    }),
  )
  return (performance.now() - from) / 1000
}

async function reportOf(release: string): Promise<ReportView> {
  const answer = await fetch(api(`releases/${release}/report`), { headers: admin })
  if (!answer.ok) throw new Error(`report of ${release}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as ReportView
}

/** Once all subjects are counted. */
async function settled(release: string, subjects: number): Promise<ReportView> {
  for (let tries = 0; ; tries++) {
    const report = await reportOf(release)
    const { control, candidate } = report.readiness.sample
    if (control + candidate >= subjects || tries > 120) return report
    await sleep(1000)
  }
}

async function cpuOver(work: () => Promise<unknown>): Promise<{ cpu: number; seconds: number }> {
  const [at, cpu] = [performance.now(), runtimeCpuSeconds(folder)]
  await work()
  return { cpu: runtimeCpuSeconds(folder) - cpu, seconds: (performance.now() - at) / 1000 }
}

function api(path: string): string {
  return `${gateway.url}/_sluice/api/v1/${path}`
}

function near(seen: number | null | undefined, wanted: number): boolean {
  return typeof seen === 'number' && Math.abs(seen - wanted) <= 1e-9 * Math.abs(wanted)
}

function check(what: string, holds: boolean, seen: readonly unknown[]): void {
  checks.push({ what, seen: seen.join(', '), holds })
  console.error(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${what}: ${seen.join(', ')}`)
}

/** Fisher and Yates. */
function shuffled<T>(rows: readonly T[]): T[] {
  const all = [...rows]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** xorshift, so that each run posts the same order. */
function random(): number {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) / 2 ** 32
}
