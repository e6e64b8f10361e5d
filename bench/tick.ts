/**
 * What a running release costs while nobody asks for anything: CPU of the whole process, its objects included, for one
 * tick of the controller and for one second, with many counter shards and with many open jobs.
 *
 *   npm run bench:tick -- [--shards 256] [--jobs 100000] [--seconds 10] [--only REGEX]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from '../demo/free-port.ts'
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
/** As far as the default's fast trip looks back, and more. */
const FED_SECONDS = 32
const OPERATIONS = ['submit', 'poll', 'content', 'list', 'cancel', 'other'] as const
const JOBS_A_FLUSH = 2000
const STAGE = { stage: 'canary-10', epoch: 1 }

/** Every operation of both arms, with some errors, as an isolate counts them in a second. */
function batchOf(seq: number): CounterBatch {
  const rows = OPERATIONS.flatMap((operation) =>
    (['control', 'candidate'] as const).map((arm) => {
      const counters = emptyCounters()
      for (let i = 0; i < 50; i++)
        count(counters, { outcome: i === 7 ? 'http_5xx' : 'ok', seconds: { latency: 0.1 + i / 40 } })
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

/** CPU in ms a second of an idle process with so many shards, counters in them, and open jobs. */
async function cell(shards: number, jobs: number, isFed: boolean): Promise<number> {
  const [port, backend] = [await freePort(), await freePort()]
  const release = { counter_shards: shards, quiet_after: '1h', job_timeout: '2h' }
  const running = await startSluice(
    { folder, backends: { control: backend, candidate: backend }, keysPort: backend },
    { release },
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
    for (let second = 0; isFed && second < FED_SECONDS; second++) {
      await feed({ batch: batchOf(second + 1) })
      await sleep(1000)
    }
    await sleep(1500)
    const [from, cpuFrom] = [performance.now(), cpuSeconds(running.pid)]
    await sleep(seconds * 1000)
    return ((cpuSeconds(running.pid) - cpuFrom) * 1e6) / (performance.now() - from)
  } finally {
    await running.stop()
  }
}

const shards = Number(values.shards)
const cells: [string, number, number, boolean][] = [
  ['one shard, nothing counted', 1, 0, false],
  [`one shard, ${values.jobs} open jobs`, 1, Number(values.jobs), false],
  // The controller itself makes as many calls where there are more shards: sixteen of them ask the others.
  [
    '16 shards, as many calls by the controller as any number makes; 6 operations of 2 arms in each second',
    16,
    0,
    true,
  ],
  [`${shards} shards, 6 operations of 2 arms in each second`, shards, 0, true],
]
const rows: string[][] = []
try {
  for (const [name, ...given] of cells) {
    if (!new RegExp(values.only).test(name)) continue
    rows.push([name, (await cell(...given)).toFixed(1)])
    console.error(rows.at(-1)!.join('  '))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(table(['a running release, one tick a second', 'CPU, ms a second'], rows))
