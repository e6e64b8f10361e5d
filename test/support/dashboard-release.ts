/**
 * A release as the dashboard's tests find it: the real control plane over the one fake of the controller, with traffic
 * that is invented, and somebody who looks. Time stands still until it is moved, but for browsers, whose stream needs it.
 */
import { hashToken } from '../../src/auth/tokens.ts'
import type { Role } from '../../src/auth/roles.ts'
import type { ReleaseView } from '../../src/api/index.ts'
import { sealSession } from '../../src/control/session.ts'
import type { ReleaseState } from '../../src/core/release.ts'
import type { Command } from '../../src/core/transitions.ts'
import { ControlFake, COOKIE_KEY, ORIGIN } from './control-fake.ts'
import { type HttpServer, serveHttp } from './control-server.ts'
import type { ControllerFake } from './controller-fake.ts'
import { FILE, jobsAt, pairsAt } from './dashboard-fixtures.ts'
import { countedIn, figuresOf, type Traffic, verdictsOf } from './dashboard-traffic.ts'

const TICK_MS = 250

interface Asking {
  /** A form, posted. */
  fields?: Record<string, string> | undefined
  lang?: string
  headers?: Record<string, string>
}

export class DashboardRelease {
  readonly name: string
  readonly control: ControlFake
  readonly controller: ControllerFake
  /** What the candidate does from now on. */
  traffic: Traffic = 'healthy'
  /** Who looks, and acts: a token's name and role. */
  who = 'oncall'
  role: Role = 'admin'

  constructor({
    name = 'wan22_t2v_abtest',
    startMs = Date.parse('2026-11-24T14:00:00Z'),
    requireReview = false,
    live = {},
  } = {}) {
    this.name = name
    const table = { ...FILE, name, require_review: requireReview, ...live }
    this.control = new ControlFake({ SLUICE: { environment: 'production' }, RELEASE_A: table })
    this.control.nowMs = startMs
    this.controller = this.control.controller(name)
    this.controller.verdicts = (state) => verdictsOf(state, this.traffic, this.nowMs)
    this.controller.shown = (state, view) => figuresOf(state, view, this.traffic)
    this.controller.counted = (fromMs, toMs, windowMs) =>
      countedIn(this.controller.entries, this.traffic, fromMs, toMs, windowMs)
  }

  get nowMs(): number {
    return this.control.nowMs
  }

  set nowMs(nowMs: number) {
    this.control.nowMs = nowMs
  }

  set unreachable(isAway: boolean) {
    this.controller.unreachable = isAway
  }

  state(): ReleaseState {
    return this.controller.state
  }

  view(): ReleaseView {
    return this.controller.viewNow()
  }

  /** As somebody, or as the system. */
  do(command: Command, who: string, reason: string): void {
    this.controller.do(command, who, reason)
  }

  /** The plane's answer, with the jobs of this moment. */
  readonly answer = (request: Request): Response | Promise<Response> => {
    const { token } = this
    this.control.settings.tokens = JSON.stringify([token])
    const hasStarted = this.state().startedAt !== null
    this.controller.allJobs = hasStarted ? jobsAt(this.nowMs) : []
    this.controller.allPairs = hasStarted ? pairsAt(this.nowMs) : []
    return this.control.app.fetch(request)
  }

  /** One request of the browser in which `who` is logged in. */
  async ask(path: string, { fields, lang, headers }: Asking = {}): Promise<Response> {
    const cookie = `sluice_session=${await this.session()}${lang === undefined ? '' : `; sluice_lang=${lang}`}`
    return this.answer(
      new Request(ORIGIN + path, {
        method: fields ? 'POST' : 'GET',
        headers: { cookie, origin: ORIGIN, accept: 'text/html', ...headers },
        ...(fields ? { body: new URLSearchParams(fields) } : {}),
      }),
    )
  }

  /** The value of the session's cookie. */
  session(): Promise<string> {
    return sealSession(this.token, COOKIE_KEY, this.nowMs)
  }

  get token() {
    const { who, role } = this
    return { name: who, role, sha256: hashToken(tokenOf(who)) }
  }
}

export function tokenOf(who: string): string {
  return `the-token-of-${who}`
}

export type DashboardServer = HttpServer & { fake: DashboardRelease }

/** For browsers: over HTTP, with a clock that goes. */
export async function startDashboard(fake = new DashboardRelease()): Promise<DashboardServer> {
  const server = await serveHttp(fake.answer)
  const clock = setInterval(() => (fake.nowMs += TICK_MS), TICK_MS)
  const stop = server.stop.bind(server)
  return Object.assign(server, {
    fake,
    stop: () => {
      clearInterval(clock)
      return stop()
    },
  })
}

/** One request published, one of somebody else's open with a review, and one that the publication made stale. */
export async function someChanges(fake: DashboardRelease): Promise<void> {
  const { changes } = fake.control.service()
  const by = (person: string) => {
    fake.nowMs += 600_000
    return { who: `token:${person}`, role: 'admin' as const }
  }
  const guardrails = [{ metric: 'error_rate', operations: ['submit', 'job'], max: 0.02, for_windows: 5 }]
  const propose = (title: string, reason: string, patch: object) =>
    changes.propose(fake.name, { title, reason, patch: patch as Record<string, unknown> }, by('anna'))
  const approve = (id: number, comment: string) =>
    changes.review(fake.name, id, { verdict: 'approve', revision: 1, comment }, by('ben'))
  await propose('Few jobs at night', 'the ladder waits for jobs', { min_jobs: 20 })
  await propose('A wider error limit', 'noisy week', { guardrails })
  await approve(1, 'as discussed')
  await changes.publish(fake.name, 1, { revision: 1, comment: '', break_glass: false }, by('ben'))
  await propose('Half the copies', 'spare the GPUs', { shadow: { sample: 0.5 } })
  await approve(3, 'please do')
}
