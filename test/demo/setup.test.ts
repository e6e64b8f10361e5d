/** The release that the demo writes is one that the gateway takes, for each wire. */
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'
import type { Backend } from '../../demo/backend.ts'
import { CLIENT_WIRES, type ClientWire, type WireName } from '../../demo/client-wires.ts'
import { RELEASE, releaseVars } from '../../demo/setup.ts'
import { readConfig } from '../../src/config/load.ts'
import { jobProtocolOf, PROTOCOL_NAMES } from '../../src/protocols/index.ts'

const at = (port: number) => ({ url: `http://127.0.0.1:${port}` }) as Backend
const backends = { control: at(1), candidate: at(2) }
const names = Object.keys(CLIENT_WIRES) as WireName[]

test.each(names)('of %s: its paths, its arms’ models, and an adapter that reads its clients’ submits', (wire) => {
  const { vars } = parse(releaseVars(backends, { advance: 'auto', bake: '4s', wire })) as {
    vars: Record<string, unknown>
  }
  const read = readConfig(vars, PROTOCOL_NAMES)
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  const [release] = read.config.releases
  const client: ClientWire = CLIENT_WIRES[wire]
  expect(release).toMatchObject({ name: RELEASE, protocol: client.declared ? 'jobs' : wire })
  const { path } = client.submit({ model: client.models.client, prompt: 'a fox', seconds: 4 })
  expect(jobProtocolOf(release!)!.route('POST', path)).toMatchObject({ operation: 'submit' })
  expect(client.paths.some((prefix) => path.startsWith(prefix))).toBe(true)
})

test('each protocol of jobs has a story of its own', () => {
  const ofJobs = PROTOCOL_NAMES.filter((name) => name !== 'http')
  expect(names).toEqual(expect.arrayContaining(ofJobs))
})
