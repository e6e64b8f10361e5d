/** What `npm start` and the story share: two backends, one release between them, users spread evenly over the hash. */
import { stringify } from 'smol-toml'
import type { Arm } from '../src/core/arm.ts'
import { positionOf } from '../src/core/assignment.ts'
import { type Backend, startBackend } from './backend.ts'
import { CLIENT_WIRES, type ClientWire, type WireName } from './client-wires.ts'
import { backendWire, spokenWire } from './spoken-wire.ts'

export const RELEASE = 'wan22_t2v_abtest'

export interface Backends {
  control: Backend
  candidate: Backend
}

export async function startBackends(jobSeconds: number, name: WireName = 'openai-videos'): Promise<Backends> {
  const { models }: ClientWire = CLIENT_WIRES[name]
  const protocol = backendWire(name)
  const start = (arm: Arm) => startBackend({ name: arm, protocol, model: models[arm], jobSeconds, clip: arm })
  const [control, candidate] = await Promise.all([start('control'), start('candidate')])
  return { control, candidate }
}

/**
 * TOML of the [vars…] tables. Windows of a second, so that minutes of a release pass in seconds. Thresholds are those of
 * the default configuration, for few jobs.
 */
export function releaseVars(
  backends: Backends,
  { advance, bake, wire: name = 'openai-videos' }: { advance: 'manual' | 'auto'; bake: string; wire?: WireName },
): string {
  const { paths, models }: ClientWire = CLIENT_WIRES[name]
  const armOf = (arm: Arm) => ({ url: backends[arm].url, timeout: '10s', ...(models[arm] && { model: models[arm] }) })
  const errors = { metric: 'error_rate', operations: ['submit', 'job'] }
  const release = {
    name: RELEASE,
    ...spokenWire(name),
    match: { paths },
    ladder: [1, 5, 20, 50, 100],
    bake,
    min_jobs: 4,
    advance,
    cooldown: '5s',
    window_seconds: 1,
    arms: { control: armOf('control'), candidate: armOf('candidate') },
    shadow: { sample: 1, max_in_flight: 100, max_jobs_per_day: 100_000, job_timeout: '30s' },
    guardrails: [
      { ...errors, max: 0.01, for_windows: 5, min_requests: 2 },
      { ...errors, max: 0.5, within: '10s', min_requests: 10 },
      {
        ...{ metric: 'error_rate', operations: ['job'], method: 'sequential' },
        ...{ max: 0.01, margin: 0.01, alpha: 0.01, min_requests: 3 },
      },
    ],
  }
  const sluice = { expose_headers: true, environment: 'demo', subject: ['header:x-user-id', 'cookie', 'ip'] }
  return stringify({ vars: { SLUICE: sluice, RELEASE_WAN22: release } })
}

/** So many users, one in each equal slice of [0, 100): a split of 1 % is then one in a hundred of them, not one by luck. */
export function evenSubjects(count: number): string[] {
  const slices = new Map<number, string>()
  for (let i = 0; slices.size < count; i++) {
    const subject = `user-${i}`
    const slice = Math.floor((positionOf(RELEASE, subject) * count) / 100)
    if (!slices.has(slice)) slices.set(slice, subject)
  }
  // In an order of their own, so that neighbours in the hash do not come one after the other.
  return [...slices.values()]
}
