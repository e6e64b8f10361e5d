/** How a release and its backends are told which of the demo's wires they speak. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import type { BackendOptions } from './backend.ts'
import { CLIENT_WIRES, type ClientWire, type WireName } from './client-wires.ts'

/** Of a release: its protocol, and for one that no adapter speaks the table by which the scenario of that name declares it. */
export function spokenWire(name: WireName): { protocol: string; wire?: unknown } {
  const { declared }: ClientWire = CLIENT_WIRES[name]
  if (!declared) return { protocol: name }
  const text = readFileSync(join(import.meta.dirname, `../examples/scenarios/${declared}.toml`), 'utf8')
  const { wire } = (parse(text) as { vars: { RELEASE_WAN22: { wire: unknown } } }).vars.RELEASE_WAN22
  return { protocol: 'jobs', wire }
}

/** Of a demo backend. */
export function backendWire(name: WireName): NonNullable<BackendOptions['protocol']> {
  const { declared }: ClientWire = CLIENT_WIRES[name]
  return declared ?? (name as NonNullable<BackendOptions['protocol']>)
}
