/**
 * An experiment over HTTP, as a team would run it: subjects are exposed by submits, their events posted in shuffled
 * batches of which some are sent twice, the report read with every part that it has. The deployed bundle on workerd
 * itself, on loopback. It ends with 1 where a figure is wrong, and keeps its figures in bench/results/experiment.json.
 *
 * Of the crowd only a part submits: the others are put into the ledgers as isolates do after submits, since their
 * exposures are of many days, and nobody can submit yesterday. All of its events come over HTTP.
 *
 *   npm run bench:experiment -- [--quick] [--subjects 24000] [--events 1000000] [--crowd 200000] [--only article,dearer,worse,skewed,crowd]
 *
 * `subjects` take part in the story with known shares; `crowd` then send the `events` to a release of their own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from '../demo/free-port.ts'
import { onShutdown } from '../demo/shutdown.ts'
import { type BatchAnswer, MAX_BATCH_ROWS, type ReportView } from '../src/api/experiment.ts'
import { isCandidate, positionOf } from '../src/core/assignment.ts'
import { idKeys } from '../src/core/id-keys.ts'
import { ownerOf } from '../src/core/job-id.ts'
import { ledgerIndex } from '../src/core/ledger-growth.ts'
import type { Exposure } from '../src/durable/rpc.ts'
import { cpuSeconds } from './hot-path/processes.ts'
import { COOKIE_KEY, serveSluice, TOKEN } from './hot-path/systems.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    subjects: { type: 'string', default: '24000' },
    crowd: { type: 'string', default: '200000' },
    events: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'article,dearer,worse,skewed,crowd' },
  },
})
const SUBJECTS = Number(values.quick ? '8000' : values.subjects)
const CROWD = Number(values.quick ? '20000' : values.crowd)
const EVENTS = Number(values.quick ? '100000' : values.events)
/** Of 12,000 an arm, these are 8,064 and 8,772: z 9.99. */
const SHARES = { control: 0.672, candidate: 0.731 }
const REPEATED = 0.05
const CALLS_AT_ONCE = 16
const BATCHES_AT_ONCE = 4
const GPU_SECONDS = 100
const DEARER = 1.4
/** Jobs take so much of their arm's GPU seconds, in turn. */
const UNEVEN = [0.8, 0.9, 1, 1.1, 1.2]
/** Of the crowd: values of subjects are that many times each other's. */
const SIZES = 24
const PLAYS_EACH = EVENTS / CROWD - 1
/** Of the crowd's subjects, every so manieth had values before. */
const HISTORY_EVERY = 5
/** Days of first exposure of the crowd, the last of them today; so many of it submit. */
const DAYS = 14
const SUBMITTING = CROWD / 20
const LEDGERS = 4
const PROMPTS = { short: 10, medium: 200, long: 800 }
const EXPOSED_AT_ONCE = 2000
const DAY_MS = 86_400_000
const PAIRS = 400
const REPORTS = 20
const ROUNDS = 5
const only = values.only.split(',')
const RESULTS = new URL('results/experiment.json', import.meta.url)
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
  at?: string
}

/** Each submit is a finished job, so that its cost is there with its exposure. */
async function startBackend(gpuSeconds: number): Promise<{ url: string; server: Server }> {
  let made = 0
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const id = request.method === 'POST' ? `video_${made++}` : request.url!.split('/')[3]!
      if (request.url!.endsWith('/content')) return void response.end('video')
      response.setHeader('content-type', 'application/json')
      const inference_time_s = gpuSeconds * UNEVEN[Number(id.split('_')[1]) % UNEVEN.length]!
      response.end(JSON.stringify({ id, object: 'video', status: 'completed', inference_time_s }))
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
  {
    ...{ ...plain, name: 'skewed', decision: 'hold', because: 'srm_mismatch', valid: false },
    present: values.quick ? 0.7 : 0.85,
  },
]

onShutdown(() => process.exit(130))
const port = await freePort()
const gateway = { url: `http://127.0.0.1:${port}`, ...(await serveSluice(folder, variables(), port)) }
const admin = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
try {
  for (const story of STORIES) if (only.includes(story.name)) await tell(story)
  if (only.includes('crowd')) await crowd()
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
const sizes = { subjects: SUBJECTS, crowd: CROWD, events: EVENTS, only: values.only }
const kept = {
  day: new Date().toISOString().slice(0, 10),
  ...sizes,
  seconds: Math.round(performance.now() / 1000),
  checks,
}
if (!values.quick) writeFileSync(RESULTS, `${JSON.stringify(kept, null, 2)}\n`)
process.exitCode = checks.every(({ holds }) => holds) ? 0 : 1

function variables(): Record<string, object> {
  const price = { cost_per_gpu_second: 1 }
  const mde = values.quick ? { article: 0.06, other: 0.1 } : { article: 0.04, other: 0.08 }
  const release = (name: string) => ({
    name,
    protocol: 'openai-videos',
    match: { models: [name] },
    arms: {
      control: { url: backends.control.url, ...price },
      candidate: { url: backends[name === 'dearer' ? 'dearer' : 'candidate'].url, ...price },
    },
    ladder: [50, 100],
    // So that no reading is taken and kept while events still come in.
    window_seconds: 3600,
    ledger_shards: LEDGERS,
    guardrails: [{ metric: 'error_rate', operations: ['submit'], max: 0.9, action: 'warn' }],
    experiment: { min_days: 0, max_cost_increase: 0.2, strata: 'prompt' },
    metrics: [
      { name: 'completed', kind: 'proportion', role: 'primary', mde: name === 'article' ? mde.article : mde.other },
      { name: 'played', kind: 'mean', role: 'secondary' },
      { name: 'reported', kind: 'proportion', role: 'guardrail', direction: 'decrease', margin: 0.5 },
    ],
    ...(name === 'crowd' ? { shadow: { sample: Math.min(1, (4 * PAIRS) / SUBMITTING), during_canary: true } } : {}),
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

/** Many events for many subjects: none lost, none twice, and what a report with all its parts costs then. */
async function crowd(): Promise<void> {
  const epoch = await start('crowd')
  const users = Array.from({ length: CROWD }, (_, i) => `crowd-${i}`)
  const submitted = await expose('crowd', users.slice(0, SUBMITTING))
  console.error(`${SUBMITTING} submits in ${submitted.toFixed(0)} s`)
  await feed('crowd', epoch, users.slice(SUBMITTING))
  const history = users
    .map((user, i) => ({ ...row('crowd', 'played', user, 10 * sizeOf(i), 'before'), at: daysAgo(dayOf(i) + 7) }))
    .filter((_, i) => i % HISTORY_EVERY === 0)
  await post(history)
  const rows = users.flatMap((user, i) => [
    ...Array.from({ length: PLAYS_EACH }, (_, play) => row('crowd', 'played', user, (play + 1) * sizeOf(i), play)),
    row('crowd', i % 10 < 7 ? 'completed' : 'reported', user, 1),
  ])
  const seconds = await post(withRepeats(rows))
  console.error(`${rows.length} events in ${seconds.toFixed(0)} s, ${cpuSeconds(gateway.pid).toFixed(0)} s CPU so far`)
  await settled('crowd', CROWD)
  await scorePairs()
  checkSums(rows, await sumsOf('crowd'))
  const checked = await fetch(api('releases/crowd/report/self-check'), { method: 'POST', headers: admin })
  if (!checked.ok) throw new Error(`self-check: ${checked.status} ${await checked.text()}`)
  const report = await reportOf('crowd')
  const played = report.metrics.find(({ metric }) => metric === 'played')!
  const parts = {
    stratified: played.stratified !== null,
    history: played.history !== null,
    pairs: report.pairs.length > 0,
    'self-check': report.self_check !== null,
    'trade-off': report.cost.always_valid !== null && report.metrics[0]!.relative !== null,
  }
  check(
    'the report has all its parts',
    Object.values(parts).every(Boolean),
    Object.entries(parts).map(([part, is]) => `${part} ${is ? 'yes' : 'no'}`),
  )
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round++) costs.push(await cpuOfReport('crowd'))
  costs.sort((a, b) => a - b)
  const text = costs.map((ms) => ms.toFixed(1)).join(', ')
  check(`CPU of a report at most 50 ms, ${ROUNDS} times ${REPORTS} of them`, costs.at(-1)! <= 50, [`${text} ms`])
}

/** As the isolates' flushes bring them. */
async function feed(release: string, epoch: number, users: readonly string[]): Promise<void> {
  const keys = idKeys([COOKIE_KEY])
  const exposures = users.map((user, i): Exposure => ({
    owner: ownerOf(`header:${user}`, keys)[0]!,
    arm: armOf(release, user),
    epoch,
    percent: 50,
    at: Date.now() - dayOf(SUBMITTING + i) * DAY_MS,
    traits: { region: 'DE', prompt: Object.keys(PROMPTS)[i % 3]!, duration: null, visitor: 'known' },
  }))
  for (let from = 0; from < exposures.length; from += EXPOSED_AT_ONCE) {
    const some = exposures.slice(from, from + EXPOSED_AT_ONCE)
    const exposed = Array.from(
      Map.groupBy(some, ({ owner }) => ledgerIndex(owner, LEDGERS)),
      ([index, its]) => ({ index, exposures: its }),
    )
    const answer = await fetch(`${gateway.url}/-bench/feed`, {
      method: 'POST',
      body: JSON.stringify({ release, exposed }),
    })
    if (!answer.ok) throw new Error(await answer.text())
  }
}

/** Before today; who submits does so today. */
function dayOf(i: number): number {
  return i < SUBMITTING ? 0 : i % DAYS
}

/** Sums by metric and arm as a warehouse reads them, against those of the rows by the arm of their subjects. */
function checkSums(rows: readonly Row[], sums: readonly Sum[]): void {
  for (const arm of ['control', 'candidate'] as const) {
    const own = rows.filter(({ subject }) => armOf('crowd', subject) === arm)
    const subjects = new Set(own.map(({ subject }) => subject)).size
    for (const metric of ['played', 'completed', 'reported']) {
      const its = own.filter((each) => each.metric === metric)
      const total = its.reduce((sum, { value }) => sum + value, 0)
      const seen = sums.filter((sum) => sum.metric === metric && sum.arm === arm)
      const of = (key: 'subjects' | 'sum_y' | 'sum_x') => seen.reduce((sum, each) => sum + each[key], 0)
      check(
        `${metric} of ${arm}: ${subjects} subjects, ${its.length} events, sum ${total}`,
        of('subjects') === subjects && near(of('sum_x'), its.length) && near(of('sum_y'), total),
        [of('subjects'), of('sum_x'), of('sum_y')],
      )
    }
  }
}

/** Signals of both videos of as many shadow pairs as are wanted. */
async function scorePairs(): Promise<void> {
  const jobs: string[] = []
  for (let cursor: string | null = ''; cursor !== null && jobs.length < PAIRS;) {
    const answer: Response = await fetch(api(`releases/crowd/pairs?limit=100${cursor && `&cursor=${cursor}`}`), {
      headers: admin,
    })
    if (!answer.ok) throw new Error(`pairs: ${answer.status} ${await answer.text()}`)
    const page = (await answer.json()) as { items: { job_id: string }[]; next: string | null }
    jobs.push(...page.items.map(({ job_id }) => job_id))
    cursor = page.next
  }
  const rows = jobs.flatMap((job_id) =>
    (['control', 'candidate'] as const).map((arm) => ({
      release: 'crowd',
      metric: 'ssim',
      arm,
      job_id,
      value: random(),
    })),
  )
  for (let at = 0; at < rows.length; at += MAX_BATCH_ROWS) {
    const body = JSON.stringify(rows.slice(at, at + MAX_BATCH_ROWS))
    const answer = await fetch(api('signals'), { method: 'POST', headers: admin, body })
    if (answer.status !== 200) throw new Error(`signals: ${answer.status} ${(await answer.text()).slice(0, 500)}`)
  }
  console.error(`${jobs.length} shadow pairs measured`)
}

/** In ms, of the whole process, less what it uses when nobody asks; the mean of many. */
async function cpuOfReport(release: string): Promise<number> {
  const idle = await cpuOver(() => sleep(2000))
  const busy = await cpuOver(async () => {
    for (let i = 0; i < REPORTS; i++) await reportOf(release)
  })
  return (1000 * (busy.cpu - (idle.cpu / idle.seconds) * busy.seconds)) / REPORTS
}

interface Sum {
  metric: string
  arm: Arm
  subjects: number
  sum_y: number
  sum_x: number
}

async function sumsOf(release: string): Promise<Sum[]> {
  const answer = await fetch(api(`releases/${release}/report.ndjson`), { headers: admin })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`sums: ${answer.status} ${text}`)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sum)
}

/** A few are large. */
function sizeOf(i: number): number {
  return Math.round(1.5 ** ((i % SIZES) % 13)) + (i % SIZES)
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString()
}

function armOf(release: string, user: string): Arm {
  return isCandidate(positionOf(release, user), 50) ? 'candidate' : 'control'
}

/** Its epoch. */
async function start(name: string): Promise<number> {
  const body = JSON.stringify({ action: 'start', stage: 'canary-50', reason: 'bench' })
  const answer = await fetch(api(`releases/${name}/actions`), { method: 'POST', headers: admin, body })
  if (!answer.ok) throw new Error(`start of ${name}: ${answer.status} ${await answer.text()}`)
  // The sums are kept from the first question on, as a team that reads its report has them.
  await reportOf(name)
  // Isolates look for a new state every second or so; a probe would be a subject of its own.
  await sleep(4000)
  return ((await answer.json()) as { epoch: number }).epoch
}

/** Of this arm at 50 %, as the hash deals them. */
function usersOf(release: string, arm: Arm, count: number): string[] {
  const users: string[] = []
  for (let i = 0; users.length < count; i++) {
    const user = `user-${i}`
    if (armOf(release, user) === arm) users.push(user)
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
        const body = JSON.stringify({ model: release, prompt: 'x'.repeat(Object.values(PROMPTS)[i % 3]!) })
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

function row(release: string, metric: string, subject: string, value: number, id: string | number = ''): Row {
  return { release, metric, value, subject, id: `${subject}-${id}` }
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
  const [at, cpu] = [performance.now(), cpuSeconds(gateway.pid)]
  await work()
  return { cpu: cpuSeconds(gateway.pid) - cpu, seconds: (performance.now() - at) / 1000 }
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
