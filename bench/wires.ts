/**
 * What a submit and a poll cost in each wire: CPU of the runtime's own process for a request, objects included, as a
 * ratio to `openai-videos`, in slices of load that alternate between the two. The backends are the demo's.
 *
 *   npm run bench:wires -- [--pairs 5] [--slice-ms 2000] [--warm-ms 4000] [--only REGEX]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'smol-toml'
import { type Backend, type BackendOptions, startBackend } from '../demo/backend.ts'
import { CLIENT_WIRES, type ClientWire, type WireName } from '../demo/client-wires.ts'
import { freePort } from '../demo/free-port.ts'
import { ARMS, type Arm } from '../src/core/arm.ts'
import { type Ask, load } from './hot-path/load.ts'
import { cpuSeconds, type Running } from './hot-path/processes.ts'
import { startSluice } from './hot-path/systems.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    'slice-ms': { type: 'string', default: '2000' },
    'warm-ms': { type: 'string', default: '4000' },
    only: { type: 'string', default: '.' },
  },
})
const pairs = Number(values.pairs)
const sliceMs = Number(values['slice-ms'])
const warmMs = Number(values['warm-ms'])
const REFERENCE = 'openai-videos'
const USERS = 256
const CONNECTIONS = 16
const PROMPT = 'a red fox runs through the snow of a birch wood in the last light of the day '.repeat(4)

type Operation = 'submit' | 'poll'

interface Measured {
  port: number
  process: Running
  backends: Backend[]
  asks: Record<Operation, Ask[]>
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const alive: Measured[] = []
try {
  // Load and backends on the other core.
  spawnSync('taskset', ['-cp', '0', String(process.pid)])
  const rows: string[][] = []
  const only = new RegExp(values.only)
  for (const name of Object.keys(CLIENT_WIRES) as WireName[]) {
    if (name === REFERENCE || !only.test(name)) continue
    const row: string[] = [name]
    for (const operation of ['submit', 'poll'] as const) {
      // Both begin anew each time: the jobs of earlier slices are open still, and their ledger polls them.
      const [wire, reference] = [await measured(name), await measured(REFERENCE)]
      row.push(...(await compared(operation, wire, reference)))
      await Promise.all([end(wire), end(reference)])
    }
    rows.push(row)
    console.error(row.join('  '))
  }
  console.log(table(['wire', 'submit, × openai-videos', 'failed', 'poll, × openai-videos', 'failed'], rows))
} finally {
  await Promise.all(alive.map(end))
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function measured(name: WireName): Promise<Measured> {
  const { declared, models, paths, ...client }: ClientWire<never> = CLIENT_WIRES[name]
  const protocol = declared ?? (name as NonNullable<BackendOptions['protocol']>)
  const start = (arm: Arm) =>
    startBackend({ name: arm, protocol, model: models[arm], jobSeconds: 3600, clip: arm, acceptJson: true })
  const backends = await Promise.all(ARMS.map(start))
  const arms = Object.fromEntries(
    ARMS.map((arm, i) => [arm, { url: backends[i]!.url, ...(models[arm] && { model: models[arm] }) }]),
  )
  const spoken = declared ? { protocol: 'jobs', wire: declaredWire(declared) } : { protocol: name }
  const port = await freePort()
  const bench = { folder, backends: { control: 0, candidate: 0 }, keysPort: 0 }
  const process = await startSluice(bench, { release: { ...spoken, match: { paths }, arms } }, port)
  const headersOf = (user: number) => ({ 'x-user-id': `user-${user}`, 'content-type': 'application/json' })
  const submits = Array.from({ length: USERS }, (_, user): Ask => {
    const { path, body, headers } = client.submit({ model: models.client, prompt: PROMPT, seconds: 5 })
    const fields = 'json' in body ? body.json : body.form
    return { method: 'POST', path, headers: { ...headersOf(user), ...headers }, body: JSON.stringify(fields) }
  })
  const polls = await Promise.all(
    submits.map(async ({ path, headers, body }, user): Promise<Ask> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: body! })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${String(name)} submit: ${answer.status} ${text}`)
      const id = client.id(JSON.parse(text) as never)
      return { method: 'GET', path: client.poll(id, models.client), headers: headersOf(user) }
    }),
  )
  const made = { port, process, backends, asks: { submit: submits, poll: polls } }
  alive.push(made)
  return made
}

/** The table by which the scenario of this name declares its wire. */
function declaredWire(scenario: string): unknown {
  const text = readFileSync(join(import.meta.dirname, `../examples/scenarios/${scenario}.toml`), 'utf8')
  return (parse(text) as { vars: { RELEASE_WAN22: { wire: unknown } } }).vars.RELEASE_WAN22.wire
}

/** The median ratio with its spread, and how many requests of the wire failed. */
async function compared(operation: Operation, wire: Measured, reference: Measured): Promise<[string, string]> {
  for (const each of [wire, reference]) await load(each.port, each.asks[operation], CONNECTIONS, warmMs)
  const ratios: number[] = []
  let failed = 0
  for (let pair = 0; pair < pairs; pair++) {
    const of = await cost(reference, operation)
    const own = await cost(wire, operation)
    failed += own.failed
    ratios.push(own.cpu / of.cpu)
  }
  const sorted = ratios.toSorted((a, b) => a - b)
  const [low, middle, high] = [0, Math.floor(pairs / 2), pairs - 1].map((i) => sorted[i]!.toFixed(2))
  return [`${middle} (${low} to ${high})`, String(failed)]
}

/** CPU seconds for a request. */
async function cost({ port, process: { pid }, asks }: Measured, operation: Operation) {
  const before = cpuSeconds(pid)
  const { requests, failed } = await load(port, asks[operation], CONNECTIONS, sliceMs)
  return { cpu: (cpuSeconds(pid) - before) / requests, failed }
}

async function end(each: Measured): Promise<void> {
  alive.splice(alive.indexOf(each), 1)
  await Promise.all([each.process.stop(), ...each.backends.map((backend) => backend.close())])
}
