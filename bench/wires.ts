/**
 * What a submit and a poll cost in each wire: CPU of the runtime's own process for a request, objects included, as a
 * ratio to `openai-videos`, in slices of as many requests that alternate between the two. Both gateways start anew for
 * each figure, so that they hold as many open jobs; answers are the demo's backends', and each is checked.
 *
 *   npm run bench:wires -- [--pairs 5] [--slice-ms 2000] [--warm-ms 4000] [--only REGEX]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startBackend } from '../demo/backend.ts'
import { CLIENT_WIRES, type ClientWire, type WireName } from '../demo/client-wires.ts'
import { freePort } from '../demo/free-port.ts'
import { backendWire, spokenWire } from '../demo/spoken-wire.ts'
import { ARMS, type Arm } from '../src/core/arm.ts'
import { type Ask, load } from './hot-path/load.ts'
import { cpuSeconds, type Running } from './hot-path/processes.ts'
import { startSluice } from './hot-path/systems.ts'
import { startReplay } from './replay-backend.ts'
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
  backends: { close: () => unknown }[]
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
    for (const operation of ['submit', 'poll'] as const) row.push(...(await compared(operation, name)))
    rows.push(row)
    console.error(row.join('  '))
  }
  console.log(table(['wire', 'submit, × openai-videos', 'failed', 'poll, × openai-videos', 'failed'], rows))
} finally {
  await endAll()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function measured(name: WireName): Promise<Measured> {
  const { models, paths, ...client }: ClientWire<never> = CLIENT_WIRES[name]
  const protocol = backendWire(name)
  const idIn = (text: string) => client.id(JSON.parse(text) as never)
  const demos = await Promise.all(
    ARMS.map((arm: Arm) =>
      startBackend({ name: arm, protocol, model: models[arm], jobSeconds: 3600, clip: arm, acceptJson: true }),
    ),
  )
  const replays = await Promise.all(demos.map(({ url }) => startReplay(url, idIn)))
  const arms = Object.fromEntries(
    ARMS.map((arm, i) => [arm, { url: replays[i]!.url, ...(models[arm] && { model: models[arm] }) }]),
  )
  const port = await freePort()
  const bench = { folder, backends: { control: 0, candidate: 0 }, keysPort: 0 }
  // The ledger's own polls are not what is measured.
  const release = { ...spokenWire(name), match: { paths }, arms, quiet_after: '1h' }
  const process = await startSluice(bench, { release }, port)
  const made: Measured = { port, process, backends: [...demos, ...replays], asks: { submit: [], poll: [] } }
  alive.push(made)
  const headersOf = (user: number) => ({ 'x-user-id': `user-${user}`, 'content-type': 'application/json' })
  const first = async ({ method, path, headers, body }: Ask) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: body ?? null })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${name}, ${method} ${path}: ${answer.status} ${text}`)
    const leaked = replays.find(({ url }) => text.includes(url))
    if (leaked) throw new Error(`${name}, ${method} ${path}: the answer leads past the gateway: ${text}`)
    return text
  }
  for (let user = 0; user < USERS; user++) {
    const { path, body, headers } = client.submit({ model: models.client, prompt: PROMPT, seconds: 5 })
    const fields = 'json' in body ? body.json : body.form
    const sent = { method: 'POST', headers: { ...headersOf(user), ...headers }, body: JSON.stringify(fields) } as const
    const answered = await first({ path, ...sent })
    const id = idIn(answered)
    if (!isSealed(id)) throw new Error(`${name}: a submit is answered with the id ${id}, which is none of ours`)
    const fault = (text: string) => {
      const own = idIn(text)
      return isSealed(own) && text.replaceAll(own, id) === answered ? null : 'another answer to a submit'
    }
    made.asks.submit.push({ path, ...sent, fault })
    const poll = { method: 'GET', path: client.poll(id, models.client), headers: headersOf(user) } as const
    const shown = await first(poll)
    if (client.end(JSON.parse(shown) as never, id) !== null) throw new Error(`${name}: a poll shows an end: ${shown}`)
    made.asks.poll.push({ ...poll, fault: (text) => (text === shown ? null : 'another answer to a poll') })
  }
  return made
}

/** Whether the gateway issued it: backends' own ids have no such marks. */
function isSealed(id: string): boolean {
  return id.startsWith('slc_') && id.endsWith('_slc')
}

/** The median ratio with its spread, and which requests of either failed. */
async function compared(operation: Operation, name: WireName): Promise<[string, string]> {
  const [reference, wire] = [await measured(REFERENCE), await measured(name)]
  // As many of each, so that the one's ledger is as full as the other's.
  const warm = await load(reference.port, reference.asks[operation], CONNECTIONS, warmMs)
  const each = Math.ceil((warm.requests / warmMs) * sliceMs)
  await load(wire.port, wire.asks[operation], CONNECTIONS, Infinity, warm.requests)
  const ratios: number[] = []
  const failures = new Map<string, number>()
  for (let pair = 0; pair < pairs; pair++) {
    const sides = pair % 2 ? [wire, reference] : [reference, wire]
    const costs = new Map<Measured, number>()
    for (const side of sides) {
      const before = cpuSeconds(side.process.pid)
      const { requests, failures: found } = await load(side.port, side.asks[operation], CONNECTIONS, Infinity, each)
      costs.set(side, (cpuSeconds(side.process.pid) - before) / requests)
      for (const [kind, n] of Object.entries(found)) {
        const of = `${side === wire ? name : REFERENCE}: ${kind}`
        failures.set(of, (failures.get(of) ?? 0) + n)
      }
    }
    ratios.push(costs.get(wire)! / costs.get(reference)!)
  }
  await endAll()
  const sorted = ratios.toSorted((a, b) => a - b)
  const [low, middle, high] = [0, Math.floor(pairs / 2), pairs - 1].map((i) => sorted[i]!.toFixed(2))
  return [`${middle} (${low} to ${high})`, [...failures].map(([of, n]) => `${n} × ${of}`).join('; ') || 'none']
}

async function endAll(): Promise<void> {
  const ends = alive.splice(0).map(({ process, backends }) => [process.stop(), ...backends.map((each) => each.close())])
  await Promise.all(ends.flat())
}
