/**
 * What a running release costs while nobody asks for anything, in CPU of the whole process: with many open jobs, and with
 * many counter shards, for all objects together and for the controller alone. On Cloudflare each object has its own CPU.
 * What no release costs is the process's own share. Work that is done once a second finds code and memory cold, so the last
 * line says what that costs any program on this machine.
 *
 *   npm run bench:tick -- [--shards 256] [--jobs 100000] [--seconds 10] [--only REGEX]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from '../demo/free-port.ts'
import { DEFAULT_GUARDRAILS } from '../src/config/guardrail-schema.ts'
import { count, emptyCounters } from '../src/core/window.ts'
import type { LedgerJob } from '../src/durable/job-shapes.ts'
import type { CounterBatch } from '../src/durable/rpc.ts'
import { cpuSeconds } from './hot-path/processes.ts'
import { RELEASE, startSluice } from './hot-path/systems.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '256' },
    jobs: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string', default: '.' },
  },
})
const seconds = Number(values.seconds)
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const FED_SECONDS = 12
/** Those of a release that names none, but that the fast trip looks further back than is measured. */
const GUARDRAILS = DEFAULT_GUARDRAILS.map((given) => (given.within ? { ...given, within: '300s' } : given))
/** Until objects that nobody asks are closed: workerd does so ten to twenty seconds later, and 256 of them cost more than ticks. */
const SETTLE_MS = 25_000
const WARMING_TICKS = 200
const TICKS = 1000
const OPERATIONS = ['submit', 'poll', 'content', 'list', 'cancel', 'other'] as const
const JOBS_A_FLUSH = 2000
const STAGE = { stage: 'canary-10', epoch: 1 }

/** Every operation of both arms, as an isolate counts them in a second; control has errors, so that nothing is rolled back. */
function batchOf(seq: number): CounterBatch {
  const rows = OPERATIONS.flatMap((operation) =>
    (['control', 'candidate'] as const).map((arm) => {
      const counters = emptyCounters()
      for (let i = 0; i < 50; i++)
        count(counters, {
          outcome: i === 7 && arm === 'control' ? 'http_5xx' : 'ok',
          seconds: { latency: 0.1 + i / 40 },
        })
      return { series: { ...STAGE, arm, operation, shadow: false }, counters }
    }),
  )
  return { source: 'bench', seq, rows, lost: 0 }
}

function jobsFrom(first: number, n: number): LedgerJob[] {
  return Array.from({ length: n }, (_, i) => ({
    ...STAGE,
    upstreamId: `video_${first + i}`,
    clientId: `slc_${'a'.repeat(120)}${first + i}_slc`,
    arm: i % 10 === 0 ? 'candidate' : 'control',
    replica: 1,
    submittedAt: Date.now(),
    owner: (first + i).toString(16).padStart(12, '0'),
    anonymous: false,
    prefix: '',
    work: null,
    rescue: null,
  }))
}

interface Cell {
  name: string
  shards?: number
  jobs?: number
  /** Counters of every second are put into each shard before. */
  isFed?: boolean
  /** Shards then answer with what they have last told, so that what is left is the controller and its calls. */
  isFrozen?: boolean
  isIdle?: boolean
  /** Of the release; two seconds: every second tick closes a window. */
  windowSeconds?: number
  /** Not one a second, but one after the other: what a tick costs where code and memory are warm. In ms a tick. */
  isInARow?: boolean
}

/** CPU in ms a second of the process while nobody asks for anything, or in ms a tick. */
async function measured({ shards = 1, jobs = 0, windowSeconds = 60, ...cell }: Cell): Promise<number> {
  const [port, backend] = [await freePort(), await freePort()]
  const release = {
    ...{ counter_shards: shards, quiet_after: '1h', job_timeout: '2h', window_seconds: windowSeconds },
    ...(cell.isFed ? { guardrails: GUARDRAILS } : {}),
  }
  const running = await startSluice(
    { folder, backends: { control: backend, candidate: backend }, keysPort: backend },
    { release, isIdle: cell.isIdle ?? false },
    port,
  )
  const feed = async (what: object) => {
    const body = JSON.stringify({ release: RELEASE, shards, ...what })
    const answer = await fetch(`http://127.0.0.1:${port}/-bench/feed`, { method: 'POST', body })
    if (!answer.ok) throw new Error(await answer.text())
  }
  try {
    for (let fed = 0; fed < jobs; fed += JOBS_A_FLUSH)
      await feed({ jobs: jobsFrom(fed, Math.min(JOBS_A_FLUSH, jobs - fed)) })
    for (let second = 0; cell.isFed && second < FED_SECONDS; second++) {
      await feed({ batch: batchOf(second + 1) })
      await sleep(1000)
    }
    if (cell.isFrozen) await feed({ freeze: true })
    await sleep(SETTLE_MS)
    if (cell.isInARow) {
      await feed({ ticks: WARMING_TICKS })
      const cpuBefore = cpuSeconds(running.pid)
      await feed({ ticks: TICKS })
      return ((cpuSeconds(running.pid) - cpuBefore) * 1e3) / TICKS
    }
    const [from, cpuFrom] = [performance.now(), cpuSeconds(running.pid)]
    await sleep(seconds * 1000)
    return ((cpuSeconds(running.pid) - cpuFrom) * 1e6) / (performance.now() - from)
  } finally {
    await running.stop()
  }
}

/** A piece of work of a tick's length by itself, once a second, to the same in a row: medians of 10 and 50. */
async function coldFactor(): Promise<number> {
  const rows = JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ i, name: 'x'.repeat(i % 30), of: [i, { i }] })))
  const milliseconds = () => {
    const from = performance.now()
    for (let i = 0; i < 10; i++) JSON.stringify((JSON.parse(rows) as { i: number }[]).sort((a, b) => b.i - a.i))
    return performance.now() - from
  }
  for (let i = 0; i < 200; i++) milliseconds()
  const warm = Array.from({ length: 50 }, milliseconds)
  const cold: number[] = []
  for (let i = 0; i < 10; i++) {
    await sleep(1000)
    cold.push(milliseconds())
  }
  const middle = (of: number[]) => of.toSorted((a, b) => a - b)[of.length >> 1]!
  return middle(cold) / middle(warm)
}

const shards = Number(values.shards)
const jobs = Number(values.jobs)
const traffic = '6 operations of 2 arms in each second'
const frozen = { shards, isFed: true, isFrozen: true }
const cells: Cell[] = [
  { name: 'no release runs', isIdle: true },
  { name: 'one shard, nothing counted' },
  { name: `one shard, ${jobs} open jobs`, jobs },
  { name: 'the same, one tick after the other (ms a tick)', jobs, isInARow: true },
  { name: `no release runs, ${jobs} open jobs`, jobs, isIdle: true },
  { name: `${shards} shards, ${traffic}: the controller and its calls`, ...frozen },
  { name: 'the same, one after the other (ms a tick)', ...frozen, isInARow: true },
  { name: `the same, a window closed by every second tick`, ...frozen, windowSeconds: 2 },
  { name: `${shards} shards, ${traffic}: all objects`, shards, isFed: true },
]
const rows: string[][] = []
try {
  for (const cell of cells) {
    if (!new RegExp(values.only).test(cell.name)) continue
    rows.push([cell.name, (await measured(cell)).toFixed(1)])
    console.error(rows.at(-1)!.join('  '))
  }
  rows.push(['any work, once a second to in a row', `${(await coldFactor()).toFixed(1)} times`])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(table(['while nobody asks', 'CPU, ms a second'], rows))
