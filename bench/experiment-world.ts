/** The gateway, its backends and what clients do, for the experiment over HTTP: submits, batches of events, reports, and checks of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../demo/free-port.ts'
import { type BatchAnswer, MAX_BATCH_ROWS, type ReportView } from '../src/api/experiment.ts'
import { isCandidate, positionOf } from '../src/core/assignment.ts'
import { startBackend } from './finished-backend.ts'
import { cpuSeconds } from './hot-path/processes.ts'
import { serveSluice, TOKEN } from './hot-path/systems.ts'

const REPEATED = 0.05
const CALLS_AT_ONCE = 16
const BATCHES_AT_ONCE = 4
const GPU_SECONDS = 100
const DEARER = 1.4
export const LEDGERS = 4
/** Characters by stratum. */
export const PROMPTS = { short: 10, medium: 200, long: 800 }
/** Over so many the CPU of one is measured. */
export const REPORTS = 20
let seed = 20261128

export type Arm = 'control' | 'candidate'
export interface Row {
  release: string
  metric: string
  value: number
  subject: string
  id: string
  at?: string
}

export interface Release {
  name: string
  mde: number
  isDearer?: boolean
  /** Share of control's jobs that are copied to the candidate. */
  shadowed?: number
}

export type World = Awaited<ReturnType<typeof openWorld>>

/** Everything on loopback; `close` ends it. */
export async function openWorld(releases: readonly Release[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const backends = {
    control: await startBackend(GPU_SECONDS),
    candidate: await startBackend(GPU_SECONDS),
    dearer: await startBackend(GPU_SECONDS * DEARER),
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const gateway = await serveSluice(folder, variablesOf(releases, backends), port)
  const admin = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const checks: { what: string; seen: string; holds: boolean }[] = []

  function api(path: string): string {
    return `${url}/_sluice/api/v1/${path}`
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

  /** One submit each; seconds. */
  async function expose(release: string, users: readonly string[]): Promise<number> {
    const from = performance.now()
    let next = 0
    await Promise.all(
      Array.from({ length: CALLS_AT_ONCE }, async () => {
        for (let i = next++; i < users.length; i = next++) {
          const headers = { 'x-user-id': users[i]!, 'content-type': 'application/json' }
          const body = JSON.stringify({ model: release, prompt: 'x'.repeat(Object.values(PROMPTS)[i % 3]!) })
          const answer = await fetch(`${url}/v1/videos`, { method: 'POST', headers, body })
          const text = await answer.text()
          if (!answer.ok) throw new Error(`submit: ${answer.status} ${text}`)
        }
      }),
    )
    // Isolates tell their ledgers once a second.
    await sleep(3000)
    return (performance.now() - from) / 1000 - 3
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
          const answer = await fetch(api('events'), {
            method: 'POST',
            headers: admin,
            body: JSON.stringify(batches[i]),
          })
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

  /** In ms, of the whole process, less what it uses when nobody asks; the mean of many. */
  async function cpuOfReport(release: string): Promise<number> {
    const idle = await cpuOver(() => sleep(2000))
    const busy = await cpuOver(async () => {
      for (let i = 0; i < REPORTS; i++) await reportOf(release)
    })
    return (1000 * (busy.cpu - (idle.cpu / idle.seconds) * busy.seconds)) / REPORTS
  }

  async function cpuOver(work: () => Promise<unknown>): Promise<{ cpu: number; seconds: number }> {
    const [at, cpu] = [performance.now(), cpuSeconds(gateway.pid)]
    await work()
    return { cpu: cpuSeconds(gateway.pid) - cpu, seconds: (performance.now() - at) / 1000 }
  }

  function check(what: string, holds: boolean, seen: readonly unknown[]): void {
    checks.push({ what, seen: seen.join(', '), holds })
    console.error(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${what}: ${seen.join(', ')}`)
  }

  async function close(): Promise<void> {
    await gateway.stop()
    for (const { server } of Object.values(backends)) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(folder, { recursive: true, force: true })
  }

  return { url, admin, checks, api, start, expose, post, reportOf, settled, cpuOfReport, check, close }
}

function variablesOf(
  releases: readonly Release[],
  backends: Record<Arm | 'dearer', { url: string }>,
): Record<string, object> {
  const price = { cost_per_gpu_second: 1 }
  const table = ({ name, mde, isDearer = false, shadowed }: Release) => ({
    name,
    protocol: 'openai-videos',
    match: { models: [name] },
    arms: {
      control: { url: backends.control.url, ...price },
      candidate: { url: backends[isDearer ? 'dearer' : 'candidate'].url, ...price },
    },
    ladder: [50, 100],
    // So that no reading is taken and kept while events still come in.
    window_seconds: 3600,
    ledger_shards: LEDGERS,
    guardrails: [{ metric: 'error_rate', operations: ['submit'], max: 0.9, action: 'warn' }],
    experiment: { min_days: 0, max_cost_increase: 0.2, strata: 'prompt' },
    metrics: [
      { name: 'completed', kind: 'proportion', role: 'primary', mde },
      { name: 'played', kind: 'mean', role: 'secondary' },
      { name: 'reported', kind: 'proportion', role: 'guardrail', direction: 'decrease', margin: 0.5 },
    ],
    ...(shadowed === undefined ? {} : { shadow: { sample: shadowed, during_canary: true } }),
  })
  return {
    SLUICE: { subject: ['header:x-user-id'] },
    ...Object.fromEntries(releases.map((release) => [`RELEASE_${release.name.toUpperCase()}`, table(release)])),
  }
}

export function armOf(release: string, user: string): Arm {
  return isCandidate(positionOf(release, user), 50) ? 'candidate' : 'control'
}

export function row(release: string, metric: string, subject: string, value: number, id: string | number = ''): Row {
  return { release, metric, value, subject, id: `${subject}-${id}` }
}

/** Shuffled, with a twentieth of them once more somewhere. */
export function withRepeats(rows: readonly Row[]): Row[] {
  return shuffled([...rows, ...rows.filter(() => random() < REPEATED)])
}

export function near(seen: number | null | undefined, wanted: number): boolean {
  return typeof seen === 'number' && Math.abs(seen - wanted) <= 1e-9 * Math.abs(wanted)
}

/** Fisher and Yates. */
export function shuffled<T>(rows: readonly T[]): T[] {
  const all = [...rows]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** xorshift, so that each run posts the same order. */
export function random(): number {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) / 2 ** 32
}
