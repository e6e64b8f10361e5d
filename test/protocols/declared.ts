/** Declared wires for tests: of the scenarios that the project shows, and of a table written in place. */
import { readFileSync } from 'node:fs'
import { parse } from 'smol-toml'
import { readConfig, type ReleaseConfig } from '../../src/config/load.ts'
import { jobProtocolOf, PROTOCOL_NAMES } from '../../src/protocols/index.ts'
import type { JobProtocol } from '../../src/protocols/protocol.ts'

const ARMS = { control: { url: 'http://a.example' }, candidate: { url: 'http://b.example' } }

/** `name`: of a file in examples/scenarios. */
export function scenarioRelease(name: string): ReleaseConfig {
  const text = readFileSync(new URL(`../../examples/scenarios/${name}.toml`, import.meta.url), 'utf8')
  return releaseIn((parse(text) as { vars: Record<string, unknown> }).vars)
}

export function scenarioWire(name: string): JobProtocol {
  return jobProtocolOf(scenarioRelease(name))!
}

export function declaredWire(wire: Record<string, unknown>): JobProtocol {
  return jobProtocolOf(releaseIn({ RELEASE_A: { name: 'a', protocol: 'jobs', wire, arms: ARMS } }))!
}

function releaseIn(vars: Record<string, unknown>): ReleaseConfig {
  const read = readConfig(vars, PROTOCOL_NAMES)
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  return read.config.releases[0]!
}

/** All wires of jobs, by their names: those of the list, and what the scenarios declare. */
export function allJobWires(): [name: string, wire: JobProtocol][] {
  const listed = PROTOCOL_NAMES.flatMap((protocol) => jobProtocolOf({ protocol, wire: null }) ?? [])
  const declared = ['runpod', 'openrouter'].map((name): [string, JobProtocol] => [name, scenarioWire(name)])
  return [...listed.map((wire): [string, JobProtocol] => [wire.name, wire]), ...declared]
}
