/**
 * What a request costs: CPU of a system's own process as a ratio to a bare pass-through Worker, in slices of load that
 * alternate between the two, so that a machine which is busy or slow disturbs both alike. Objects run in that process too.
 *
 *   npm run bench -- [--quick] [--only REGEX] [--work submits,polls,…] [--rounds 5] [--pairs 2] [--slice-ms 3000] [--warm-ms 8000]
 *
 * Needs two cores and Linux. nginx and HAProxy are measured where they are installed, Portkey's gateway where
 * PORTKEY_GATEWAY names its build/start-server.js. A whole run's results go to bench/results/hot-path.* and into
 * docs/performance.md, those of a part to bench/results/hot-path-part.*.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../../demo/free-port.ts'
import { type Ask, load, type Slice } from './load.ts'
import { cpuSeconds, residentMb, type Running, start } from './processes.ts'
import { publish, type Result, type Work } from './results.ts'
import { readsOf, submitsTo, type System, systemsOf } from './systems.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '.' },
    work: { type: 'string' },
    rounds: { type: 'string' },
    pairs: { type: 'string' },
    'slice-ms': { type: 'string' },
    'warm-ms': { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
const sliceMs = Number(values['slice-ms'] ?? (values.quick ? 700 : 3000))
const warmMs = Number(values['warm-ms'] ?? (values.quick ? 1500 : 8000))
const ALL = ['submits', 'few', 'many', 'polls', 'downloads', 'idle', 'memory'] as const
const works = (values.work?.split(',') ?? (values.quick ? ['submits', 'polls'] : ALL)) as readonly Work[]
const only = new RegExp(values.only)
/** Of slices, at each start of a system. */
const pairs = Number(values.pairs ?? 2)
/** Of load without a pause, to count calls of objects in: they come by the second. */
const COUNTED_MS = 4000
/** Of pairs, before their median goes into the docs. */
const LEAST_PAIRS = 5

const CONNECTIONS: Record<Work, number> = {
  ...{ submits: 32, few: 4, many: 64 },
  ...{ polls: 32, downloads: 4, idle: 1, memory: 32 },
}
/** Downloads are for what serves jobs by their ids, memory for what the bare Worker is compared with. */
const SERVES: Record<Work, (name: string) => boolean> = {
  submits: () => true,
  few: (name) => /headers/.test(name),
  many: (name) => /headers/.test(name),
  polls: (name) => !/http|ledgers|shadow|mirror|Portkey/.test(name),
  downloads: (name) => /headers|reading|HAProxy|nginx, split$/.test(name),
  idle: (name) => !/ledgers|shadow|mirror|, jobs/.test(name),
  memory: (name) => /headers/.test(name),
}

/** CPU against the bare Worker's; time that is added, in ms; memory that is added, in MB. */
const FIGURE: Record<Work, (own: Measured, bare: Measured) => number> = {
  submits: (own, bare) => own.cpuMs / bare.cpuMs,
  few: (own, bare) => own.cpuMs / bare.cpuMs,
  many: (own, bare) => own.cpuMs / bare.cpuMs,
  polls: (own, bare) => own.cpuMs / bare.cpuMs,
  downloads: (own, bare) => own.cpuMs / bare.cpuMs,
  idle: (own, bare) => own.p50Ms - bare.p50Ms,
  memory: (own, bare) => own.grownMb - bare.grownMb,
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const [busyBefore = 0] = loadavg()
const running: Running[] = []
try {
  spawnSync('taskset', ['-cp', '0', String(process.pid)])
  const backends = { control: await freePort(), candidate: await freePort() }
  const backend = join(import.meta.dirname, 'backend.ts')
  for (const port of Object.values(backends))
    running.push(await start('others', [process.execPath, backend, String(port)], port))
  const keysPort = await freePort()
  const keys = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(readFileSync(join(folder, 'keys.json')))
  }).listen(keysPort, '127.0.0.1')
  const systems = systemsOf({ folder, backends, keysPort })
  const bare = systems[0]!
  const barePort = await freePort()
  running.push(await bare.start(barePort))
  const results: Result[] = []
  for (const work of works) {
    const measured = systems.filter(({ name }) => name !== bare.name && SERVES[work](name) && only.test(name))
    for (let round = 0; round < rounds; round++) {
      for (const system of round % 2 ? [...measured].reverse() : measured) {
        const compared = await compare(work, system, { bare, port: barePort, pid: running.at(-1)!.pid })
        results.push(...compared)
        for (const { ratio, failed, calls } of compared)
          console.log(
            `${work.padEnd(10)} ${system.name.padEnd(24)} ${ratio.toFixed(2)}${failed ? `  ${failed} failed` : ''}${calls === null ? '' : `  ${calls.toFixed(1)} calls/s`}`,
          )
      }
    }
  }
  keys.close()
  publish(results, {
    starts: rounds,
    pairs,
    sliceMs,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    busyBefore,
    isFull: rounds * pairs >= LEAST_PAIRS && values.only === '.' && !values.work,
  })
} finally {
  for (const each of running) await each.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Pairs of slices, the bare Worker's first in each. */
async function compare(
  work: Work,
  system: System,
  reference: { bare: System; port: number; pid: number },
): Promise<Result[]> {
  const port = await freePort()
  const process = await system.start(port)
  try {
    const asks = await asksOf(work, system, port)
    const bareAsks = await asksOf(work, reference.bare, reference.port)
    const calls = await warm(work, system, port, asks)
    await load(reference.port, bareAsks, CONNECTIONS[work], warmMs / 4)
    const results: Result[] = []
    for (let pair = 0; pair < pairs; pair++) {
      const plain = await measure(work, reference.bare.name, reference, bareAsks)
      const own = await measure(work, system.name, { port, pid: process.pid }, asks)
      results.push({ work, system: system.name, ...own, calls, bare: plain, ratio: FIGURE[work](own, plain) })
    }
    return results
  } finally {
    await process.stop()
  }
}

/** Warms it up; gives the calls of objects a second, counted where load goes on for long: a slice begins with a flush. */
async function warm(work: Work, system: System, port: number, asks: readonly Ask[]): Promise<number | null> {
  if (!system.objectCalls) return load(port, asks, CONNECTIONS[work], warmMs).then(() => null)
  await load(port, asks, CONNECTIONS[work], Math.min(warmMs, 1500))
  const from = performance.now()
  await system.objectCalls(port)
  await load(port, asks, CONNECTIONS[work], Math.max(warmMs - 1500, COUNTED_MS))
  return ((await system.objectCalls(port)) * 1000) / (performance.now() - from)
}

type Measured = Omit<Slice, 'bytes' | 'failures'> & { cpuMs: number; grownMb: number }

async function measure(
  work: Work,
  name: string,
  { port, pid }: { port: number; pid: number },
  asks: readonly Ask[],
): Promise<Measured> {
  const cpuBefore = cpuSeconds(pid)
  const residentBefore = residentMb(pid)
  let most = residentBefore
  const watch = setInterval(() => (most = Math.max(most, residentMb(pid))), 50)
  const { requests, failed, failures, p50Ms, p99Ms } = await load(port, asks, CONNECTIONS[work], sliceMs)
  if (failed > 0) console.error(`${work}: of ${requests} requests to ${name} failed`, failures)
  clearInterval(watch)
  const cpuMs = ((cpuSeconds(pid) - cpuBefore) * 1000) / requests
  return { requests, failed, p50Ms, p99Ms, cpuMs, grownMb: most - residentBefore }
}

async function asksOf(work: Work, system: System, port: number): Promise<Ask[]> {
  if (work === 'polls') return readsOf(system, port, '')
  if (work === 'downloads' || work === 'memory') return readsOf(system, port, '/content')
  return submitsTo(system)
}
