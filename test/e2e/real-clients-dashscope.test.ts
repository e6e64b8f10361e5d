/**
 * Clients of Model Studio and LightX2V through one gateway against both arms, with nothing but their base URL changed:
 * they are told apart by their address alone, so first everybody is control's, then the candidate's.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../../demo/backend.ts'
import { ARMS, type Arm } from '../../src/core/arm.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { type Backends, Gateway, release, urlsOf } from '../support/processes.ts'
import { TASK_CANCELLED, TASK_CLIENTS, TASK_WIRES } from '../support/task-clients.ts'

type Protocol = keyof typeof TASK_WIRES

const protocols = Object.keys(TASK_WIRES) as Protocol[]
const backends = {} as Record<Protocol, Backends>
let gateway: Gateway

beforeAll(async () => {
  for (const protocol of protocols) {
    const { models } = TASK_WIRES[protocol]
    const start = (name: Arm) => startBackend({ name, protocol, model: models[name], jobSeconds: 1.5, clip: name })
    const [control, candidate] = await Promise.all([start('control'), start('candidate')])
    backends[protocol] = { control, candidate }
  }
  const releases = protocols.map((protocol) => {
    const { paths, models } = TASK_WIRES[protocol]
    const modelOf = (arm: Arm) => (models[arm] === '' ? {} : { model: models[arm] })
    const arms = { control: modelOf('control'), candidate: modelOf('candidate') }
    return [protocol.toUpperCase(), release(protocol, urlsOf(backends[protocol]), { protocol, match: { paths }, arms })]
  })
  // A client of no name and without cookies is known by its address.
  gateway = new Gateway({ sluice: { subject: ['header:x-user-id', 'ip'] }, releases: Object.fromEntries(releases) })
  await gateway.start()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all(Object.values(backends).flatMap((pair) => [pair.control.close(), pair.candidate.close()]))
})

describe.each(ARMS)('at the %s', (arm) => {
  beforeAll(async () => {
    if (arm === 'control') return
    for (const protocol of protocols) {
      await new ControlClient(gateway, protocol).act('start', { stage: 'canary-100' })
      await eventually(
        `${protocol} is at the candidate`,
        () => fetch(gateway.url + TASK_WIRES[protocol].paths[0]!, { signal: AbortSignal.timeout(60_000) }),
        ({ headers }) => headers.get('x-sluice-stage') === 'canary-100',
      )
    }
  })

  const clip = readFileSync(new URL(`../../demo/${arm}.mp4`, import.meta.url))
  const endsOf = async (protocol: Protocol, end: string) =>
    (await new ControlClient(gateway, protocol).jobs()).filter((job) => job.arm === arm && job.outcome === end).length

  it.each(TASK_CLIENTS)('$client: submits, waits, reads the result and downloads it', async ({ protocol, make }) => {
    const { log, submits } = backends[protocol][arm]
    const [seen, asked] = [submits.own, log.length]
    const made = await endsOf(protocol, 'ok')
    const bytes = await make(gateway.url)
    expect(Buffer.from(bytes.subarray(0, clip.length)).equals(clip)).toBe(true)
    expect(submits.own).toBe(seen + 1)
    expect(log.findLast(({ model }) => model !== null)).toMatchObject({
      model: TASK_WIRES[protocol].models[arm],
      status: 200,
    })
    // Whatever the client asked for was answered: no poll came too early for its job.
    expect(log.slice(asked).filter(({ status }) => status === 404 || (status ?? 0) >= 500)).toEqual([])
    await eventually(
      'the ledger has it',
      () => endsOf(protocol, 'ok'),
      (n) => n === made + 1,
    )
  })

  it.each(TASK_CLIENTS.filter((each) => each.cancel !== null))('$client: cancels', async ({ protocol, cancel }) => {
    const before = await endsOf(protocol, 'cancelled')
    // However slow this machine is, the job still waits.
    backends[protocol][arm].setFaults({ job_seconds: 600 })
    expect(await cancel!(gateway.url)).toMatchObject(TASK_CANCELLED[protocol])
    backends[protocol][arm].setFaults({ job_seconds: null })
    await eventually(
      'the ledger has it',
      () => endsOf(protocol, 'cancelled'),
      (n) => n === before + 1,
    )
  })
})
