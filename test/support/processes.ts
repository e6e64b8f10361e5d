/**
 * The gateway and two demo backends as end-to-end tests need them: real processes on loopback, free ports, a
 * folder of their own. Whatever was started is ended with the test, also when it fails or is interrupted.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { freePort } from '../../demo/free-port.ts'
import { type GatewayProcess, startProcess } from '../../demo/gateway-process.ts'
import { configOf, serving } from '../../scripts/bundle.ts'
import { bundle } from './bundle.ts'

export const CONTROL_MODEL = 'wan2.1-t2v-14b'
export const CANDIDATE_MODEL = 'wan2.2-t2v-a14b'
/** What job ids are signed with. */
export const COOKIE_KEY = 'a-cookie-key-for-tests-only'

type Table = Record<string, unknown>

export interface GatewaySettings {
  /** `[vars.SLUICE]`, on top of the defaults here. */
  sluice?: Table
  /** `[vars.RELEASE_…]` by the part after `RELEASE_`. */
  releases: Record<string, Table>
  secrets?: Record<string, string>
  /** Plain variables beside the tables. */
  vars?: Record<string, string>
}

/** One gateway, its deployed bundle on the runtime itself, with storage of its own that outlives its process. */
export class Gateway {
  #settings: GatewaySettings
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  #running: GatewayProcess | null = null
  #port: number | null = null

  constructor(settings: GatewaySettings) {
    this.#settings = settings
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, this.#onSignal)
    process.once('exit', this.#onExit)
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Starts it, or starts it again on the same port, storage and secrets. */
  async start(): Promise<void> {
    const { sluice, releases, secrets, vars } = this.#settings
    const tables = Object.fromEntries(Object.entries(releases).map(([key, table]) => [`RELEASE_${key}`, table]))
    const port = (this.#port ??= await freePort())
    const config = join(this.#folder, 'workerd.capnp')
    const text = configOf({
      bundle: bundle(),
      vars: {
        ...vars,
        SLUICE: { subject: ['header:x-user-id', 'cookie', 'ip'], ...sluice },
        ...tables,
        ...{ SLUICE_TOKENS: TOKENS, SLUICE_COOKIE_KEY: COOKIE_KEY, ...secrets },
      },
      port,
      disk: join(this.#folder, 'objects'),
      clientIp: '127.0.0.1',
    })
    writeFileSync(config, text, { mode: 0o600 })
    this.#running = await startProcess({
      command: serving(config),
      port,
      logFile: join(this.#folder, 'gateway.log'),
    })
  }

  /** As a power cut: the whole process group at once (SIGKILL). Its storage stays. */
  async kill(): Promise<void> {
    await this.#running?.stop()
    this.#running = null
  }

  async remove(): Promise<void> {
    await this.kill()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#onSignal)
    process.off('exit', this.#onExit)
    this.#removeFolder()
  }

  readonly #onExit = () => {
    // `stop` kills before it first waits, so the group is gone when this returns.
    void this.#running?.stop()
    this.#removeFolder()
  }

  readonly #onSignal = () => process.exit(130)

  #removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
}

const TOKENS = JSON.stringify(
  ['viewer', 'tester', 'operator', 'admin'].map((role) => ({
    name: role,
    role,
    sha256: createHash('sha256').update(tokenOf(role)).digest('hex'),
  })),
)

/** The bearer token of a role in these tests. */
export function tokenOf(role: string): string {
  return `token-of-${role}`
}

export interface Backends {
  control: Backend
  candidate: Backend
}

/** `jobSeconds` is what a job takes, give or take a fifth. */
export async function startBackends(jobSeconds = 0.3): Promise<Backends> {
  const [control, candidate] = await Promise.all([
    startBackend({ name: 'control', model: CONTROL_MODEL, jobSeconds }),
    startBackend({ name: 'candidate', model: CANDIDATE_MODEL, jobSeconds, clip: 'candidate' }),
  ])
  return { control, candidate }
}

/**
 * A release in front of these URLs, with windows of a second and nothing that waits for long; `over` wins.
 * Its guardrail only warns, so that a test that is not about judgement is not judged.
 */
export function release(name: string, urls: { control: string; candidate: string }, over: Table = {}): Table {
  const { arms, shadow, ...rest } = over as { arms?: Record<string, Table>; shadow?: Table }
  return {
    name,
    protocol: 'openai-videos',
    ladder: [1, 5, 20, 50, 100],
    bake: '1s',
    min_jobs: 0,
    cooldown: '0s',
    window_seconds: 1,
    arms: {
      control: { url: urls.control, model: CONTROL_MODEL, timeout: '10s', ...arms?.['control'] },
      candidate: { url: urls.candidate, model: CANDIDATE_MODEL, timeout: '10s', ...arms?.['candidate'] },
    },
    shadow: { sample: 1, max_in_flight: 1000, max_jobs_per_day: 100_000, ...shadow },
    guardrails: [{ metric: 'error_rate', operations: ['submit'], max: 0.9, action: 'warn' }],
    ...rest,
  }
}

export function urlsOf({ control, candidate }: Backends): { control: string; candidate: string } {
  return { control: control.url, candidate: candidate.url }
}
