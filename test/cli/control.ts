/** The control plane as the command line finds it: the real one over HTTP, with releases that stand where a test wants them. */
import type { ReleaseView } from '../../src/api/index.ts'
import { hashToken } from '../../src/auth/tokens.ts'
import { initialState, type ReleaseState } from '../../src/core/release.ts'
import { ControlFake } from '../support/control-fake.ts'
import type { ControllerFake } from '../support/controller-fake.ts'
import { type HttpServer, serveHttp } from '../support/control-server.ts'
import { idleRelease, jobs, LADDER } from './samples.ts'

export const TOKEN = 'operator-token'
const MINUTE = 60_000

export interface Control extends HttpServer {
  control: ControlFake
  /** The first release's. */
  controller: ControllerFake
  /** Puts these in the place of all releases: their state, and over it whatever else the view says. */
  show(...views: ReleaseView[]): void
}

/** As if the bake of the present stage were over, with jobs enough: nothing holds it up any more. */
export function ripen({ control, controller }: Control): void {
  controller.state = { ...controller.state, clockStartedAt: control.nowMs - 20_160 * MINUTE }
  controller.finishedJobs = 50
}

export async function startControl(): Promise<Control> {
  let control = withReleases([idleRelease('wan22_t2v_abtest')])
  const server = await serveHttp((request) => control.app.fetch(request))
  const now = {
    control: { get: () => control },
    controller: { get: () => [...control.controllers.values()][0]! },
    show: { value: (...views: ReleaseView[]) => void (control = withReleases(views)) },
  }
  return Object.defineProperties(server, now) as Control
}

function withReleases(views: ReleaseView[]): ControlFake {
  const control = new ControlFake(Object.fromEntries(views.map((view, i) => [`RELEASE_${i}`, tableOf(view)])))
  control.nowMs = Date.now()
  control.settings.tokens = JSON.stringify([{ name: 'test', role: 'admin', sha256: hashToken(TOKEN) }])
  for (const view of views) {
    const controller = control.controller(view.name)
    controller.allJobs = jobs()
    if (view.state === 'idle') continue
    controller.state = stateOf(view, control.nowMs)
    const isShort = view.blocked_by.some(({ code }) => code === 'min_jobs')
    controller.finishedJobs = isShort ? view.jobs.finished : view.jobs.needed
    controller.shown = ({ version }) => (version === view.version ? view : {})
  }
  return control
}

function tableOf({ name, advance, jobs: { needed } }: ReleaseView) {
  const arm = (model: string) => ({ url: 'http://127.0.0.1:1', model })
  return {
    name,
    protocol: 'openai-videos',
    match: { models: [name] },
    ladder: LADDER,
    bake: '30m',
    min_jobs: needed,
    advance,
    arms: { control: arm('wan2.1-t2v-14b'), candidate: arm('wan2.2-t2v-a14b') },
  }
}

/** With twelve minutes of the bake left where the view says that it bakes, and over for long otherwise. */
function stateOf(view: ReleaseView, now: number): ReleaseState {
  const { state, stage, percent, paused, epoch, version, reason } = view
  const startedAt = Date.parse(view.since)
  const isBaking = view.blocked_by.some(({ code }) => code === 'bake')
  return {
    ...initialState(startedAt),
    ...{ state, stage, percent, paused, epoch, version, reason, startedAt },
    rung: state === 'canary' ? Number(stage.replace('canary-', '')) : null,
    clockStartedAt: now - (isBaking ? 18 : 60) * MINUTE,
  }
}
