/** The real control plane over controllers in memory: one configuration, a token for each role, a clock to be set. */
import { hashToken } from '../../src/auth/tokens.ts'
import { ROLES, type Role } from '../../src/auth/roles.ts'
import type { Env } from '../../src/config/env.ts'
import { readConfig } from '../../src/config/load.ts'
import { createControl } from '../../src/control/app.ts'
import type { ControlDeps, ControlSettings } from '../../src/control/deps.ts'
import { type ControlService, controlService } from '../../src/control/service.ts'
import type { JobLedgerRpc } from '../../src/durable/rpc.ts'
import type { ChangeResult, LiveConfigFacade } from '../../src/durable/live-config-client.ts'
import {
  type Change,
  emptyLiveConfig,
  withEdit,
  withEnding,
  withProposal,
  withReview,
} from '../../src/durable/live-config-data.ts'
import { PROTOCOL_NAMES } from '../../src/protocols/index.ts'
import { ControllerFake } from './controller-fake.ts'

export const RELEASES = ['r1', '视频模型_灰度_2025'] as const
export const COOKIE_KEY = 'a-cookie-key-for-tests-only'
export const ORIGIN = 'http://127.0.0.1:8787'

export function tokenOf(role: Role): string {
  return `token-of-${role}`
}

function staticTokens(): string {
  return JSON.stringify(ROLES.map((role) => ({ name: role, role, sha256: hashToken(tokenOf(role)) })))
}

const arms = { control: { url: 'http://127.0.0.1:1' }, candidate: { url: 'http://127.0.0.1:2' } }
export const VARS = {
  RELEASE_A: { name: RELEASES[0], protocol: 'http', match: { paths: ['/a'] }, arms },
  RELEASE_B: { name: RELEASES[1], protocol: 'http', arms },
}

/** live-config in memory: the real functions over data that a test can look at. */
class LiveConfigFake implements LiveConfigFacade {
  data = emptyLiveConfig()
  /** Nothing can be kept; what was can still be read. */
  fails = false

  changes = async () => this.data.changes
  propose = (...args: Parameters<LiveConfigFacade['propose']>) => this.#keep(withProposal(this.data, ...args))
  edit = (...args: Parameters<LiveConfigFacade['edit']>) => this.#keep(withEdit(this.data, ...args))
  review = (...args: Parameters<LiveConfigFacade['review']>) => this.#keep(withReview(this.data, ...args))
  end = (...args: Parameters<LiveConfigFacade['end']>) => this.#keep(withEnding(this.data, ...args))

  async #keep(change: Change): Promise<ChangeResult> {
    if (this.fails) throw new Error('live-config is away')
    if (!change.ok) return change
    this.data = change.data
    return { ok: true, request: change.request }
  }
}

export class ControlFake {
  nowMs = Date.parse('2026-11-24T09:00:00Z')
  settings: ControlSettings = {
    config: readConfig(VARS, PROTOCOL_NAMES),
    tokens: staticTokens(),
    eventKeys: undefined,
    cookieKey: COOKIE_KEY,
    webhookKey: undefined,
    forceControl: false,
  }
  readonly controllers: ReadonlyMap<string, ControllerFake>
  readonly liveConfig = new LiveConfigFake()
  readonly logged: Record<string, unknown>[] = []
  fetch: ControlDeps['fetch'] = () => Promise.reject(new Error('no network in this test'))
  readonly deps: ControlDeps = {
    readEnv: () => this.settings,
    controller: (_env, name) => this.controller(name),
    ledger: () => ({ addEvents: async () => ({ repeated: [], refused: [] }) }) as unknown as JobLedgerRpc,
    liveConfig: () => this.liveConfig,
    protocols: PROTOCOL_NAMES,
    lastSnapshot: (_env, name) => ({ snapshot: this.controller(name).lastSnapshot(), ageSeconds: 0.5 }),
    now: () => this.nowMs,
    newId: () => 'new-id',
    fetch: (url, init) => this.fetch(url, init),
    log: (entry) => void this.logged.push(entry),
  }
  readonly app = createControl(this.deps)

  constructor(vars: Record<string, unknown> = VARS) {
    this.settings.config = readConfig(vars, PROTOCOL_NAMES)
    const { config } = this.settings
    if (!config.ok) throw new Error(JSON.stringify(config.issues))
    const fakes = config.config.releases.map((file) => [file.name, new ControllerFake(file, () => this.nowMs)] as const)
    this.controllers = new Map(fakes)
  }

  controller(name: string): ControllerFake {
    return this.controllers.get(name)!
  }

  /** What routes and pages are made of, for tests of a part by itself. */
  service(): ControlService {
    const { config } = this.settings
    if (!config.ok) throw new Error('this fake has no valid configuration')
    return controlService(this.deps, {} as Env, this.settings, config.config)
  }

  /** One request as `role`, or as nobody; a body goes as JSON. */
  async request(
    method: string,
    path: string,
    { as = 'admin' as Role | null, body = undefined as unknown, headers = {} } = {},
  ) {
    return this.app.request(`${ORIGIN}/_sluice${path}`, {
      method,
      headers: {
        ...(as ? { authorization: `Bearer ${tokenOf(as)}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  }
}
