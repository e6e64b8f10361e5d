/** A small control plane over real HTTP that keeps state: what the command line is tested against. */
import { detail, type ErrorDetail } from '../../src/core/errors.ts'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as v from 'valibot'
import {
  type ActionCommand,
  actionSchema,
  type ConfigView,
  type HistoryEntry,
  type JobView,
  type ReleaseView,
} from '../../src/api/index.ts'
import { aReport } from '../support/report-view.ts'
import { historyEntry, idleRelease, jobs, LADDER } from './samples.ts'

export const TOKEN = 'operator-token'

export interface Twin {
  url: string
  releases: ReleaseView[]
  history: HistoryEntry[]
  jobs: JobView[]
  /** The live overlay, and the file's values below it. */
  overlay: Record<string, unknown>
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: unknown }[]
  /** Set to answer anything else than the API would. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null
  stop(): Promise<void>
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly details: ErrorDetail[]
  constructor(status: number, code: string, message: string, details: { path: string; message: string }[] = []) {
    super(message)
    this.status = status
    this.code = code
    this.details = details.map(({ path, message }) => detail(path, code === 'blocked' ? path : 'wrong', message))
  }
}

export async function startTwin(): Promise<Twin> {
  const twin: Twin = {
    url: '',
    releases: [idleRelease('wan22_t2v_abtest')],
    history: [],
    jobs: jobs(),
    overlay: {},
    requests: [],
    intercept: null,
    stop: () => stop(server),
  }
  const server = createServer((request, response) => {
    if (twin.intercept?.(request, response)) return
    void answer(twin, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  twin.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return twin
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

async function answer(twin: Twin, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const text = await bodyOf(request)
    const body: unknown = text === '' ? null : JSON.parse(text)
    twin.requests.push({ method: request.method!, url: request.url!, headers: request.headers, body })
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      throw new Refusal(401, 'unauthenticated', 'a bearer token is needed')
    send(response, 200, route(twin, request, body))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, message, details } = error
    const type = error.status === 401 ? 'authentication_error' : 'invalid_request_error'
    send(response, error.status, { error: { code, message, type, param: null, request_id: 'req-1', details } })
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function route(twin: Twin, request: IncomingMessage, body: unknown): unknown {
  const url = new URL(request.url!, 'http://twin')
  const [, name = '', what = ''] = /^\/_sluice\/api\/v1\/(?:releases\/?)?([^/]*)\/?(.*)$/.exec(url.pathname) ?? []
  if (url.pathname.endsWith('/releases')) return { items: twin.releases, next: null }
  if (name === 'assign') return assignment(twin, url.searchParams)
  const release = find(twin, decodeURIComponent(name))
  const method = `${request.method} ${what}`
  if (method === 'GET ') return release
  if (method === 'POST actions') return act(twin, release, body, request.headers['if-match'])
  if (method === 'GET report.json') return aReport(release.name)
  if (method === 'GET history') return page(twin.history, url.searchParams)
  if (method === 'GET jobs') return page(filtered(twin.jobs, url.searchParams), url.searchParams)
  if (method === 'GET config') return configView(twin, release)
  if (method === 'PATCH config') return patch(twin, release, body as Record<string, unknown>, url.searchParams)
  throw new Refusal(404, 'not_found', `there is no ${url.pathname}`)
}

function find(twin: Twin, name: string): ReleaseView {
  const release = twin.releases.find((candidate) => candidate.name === name)
  if (!release) throw new Refusal(404, 'release_not_found', `there is no release "${name}"`)
  return release
}

function act(twin: Twin, release: ReleaseView, body: unknown, ifMatch: string | undefined): unknown {
  const read = v.safeParse(actionSchema, body)
  if (!read.success) {
    const details = read.issues.map((issue) => ({ path: v.getDotPath(issue) ?? '', message: issue.message }))
    throw new Refusal(400, 'invalid_request', 'not an action', details)
  }
  if (ifMatch !== undefined && ifMatch !== `"${release.version}"`)
    throw new Refusal(412, 'version_mismatch', `the release is at version ${release.version}`)
  const next = { ...release, ...moved(release, read.output), version: release.version + 1 }
  if (read.output.dry_run) return { ...next, dry_run: true }
  twin.history.unshift(historyEntry(read.output, release, next))
  twin.releases[twin.releases.indexOf(release)] = next
  return next
}

function moved(release: ReleaseView, command: ActionCommand): Partial<ReleaseView> {
  const { action, reason } = command
  const to = (stage: string, percent: number, state: ReleaseView['state']): Partial<ReleaseView> => ({
    stage,
    percent,
    state,
    reason,
    epoch: release.epoch + 1,
    next: nextOf(stage),
    legal_actions: nextOf(stage)?.stage === 'completed' ? ['promote', 'rollback'] : ['advance', 'rollback'],
    blocked_by: [],
  })
  if (action === 'advance' || action === 'promote') {
    if (release.blocked_by.length > 0 && !command.force)
      throw new Refusal(
        409,
        'blocked',
        `${action} waits for: ${release.blocked_by[0]!.message}`,
        release.blocked_by.map(({ code, message }) => ({ path: code, message })),
      )
  }
  switch (action) {
    case 'start':
      if (release.state !== 'idle')
        throw new Refusal(409, 'illegal_transition', `start is not possible in ${release.stage}; legal now: rollback`)
      return command.stage ? to(command.stage, Number(command.stage.slice(7)), 'canary') : to('shadow', 0, 'shadow')
    case 'advance':
      return to(release.next!.stage, release.next!.percent, 'canary')
    case 'promote':
      return to('completed', 100, 'completed')
    case 'rollback':
      return to('rolled_back', 0, 'rolled_back')
    case 'reset':
      return to('idle', 0, 'idle')
    case 'pause':
    case 'resume':
      return { paused: action === 'pause', reason }
    case 'approve':
      return {}
    case 'set_percent':
      return { percent: command.percent!, reason }
    case 'set_shadow':
      return { shadow: { ...release.shadow, sample: command.sample! } }
  }
}

function nextOf(stage: string): ReleaseView['next'] {
  const at = ['shadow', ...LADDER.map((percent) => `canary-${percent}`)].indexOf(stage)
  if (at < 0) return null
  const percent = LADDER[at]
  return percent === undefined ? { stage: 'completed', percent: 100 } : { stage: `canary-${percent}`, percent }
}

function page<T>(all: T[], query: URLSearchParams): { items: T[]; next: string | null } {
  const from = Number(query.get('cursor') ?? 0)
  // Two at a time at most, so that a list of three already needs a second page.
  const to = from + Math.min(2, Number(query.get('limit') ?? 50))
  return { items: all.slice(from, to), next: to < all.length ? String(to) : null }
}

function filtered(all: JobView[], query: URLSearchParams): JobView[] {
  const arm = query.get('arm')
  const shadow = query.get('shadow')
  return all.filter((job) => (!arm || job.arm === arm) && (!shadow || String(job.shadow) === shadow))
}

function configView(twin: Twin, release: ReleaseView): ConfigView {
  const file = { bake: '30m', min_jobs: 50 }
  const values: ConfigView['values'] = {}
  for (const [key, value] of Object.entries(file)) {
    values[key] =
      key in twin.overlay ? { value: twin.overlay[key], source: 'live', file: value } : { value, source: 'file' }
  }
  const version = Object.keys(twin.overlay).length
  return { release: release.name, version, values, overlay: twin.overlay, published: [] }
}

function patch(twin: Twin, release: ReleaseView, body: Record<string, unknown>, query: URLSearchParams): ConfigView {
  if (typeof body['bake'] === 'number')
    throw new Refusal(400, 'invalid_request', 'the configuration would not be valid', [
      { path: 'bake', message: 'a duration is a string like "90s", "5m" or "7d"' },
    ])
  const overlay = Object.fromEntries(Object.entries({ ...twin.overlay, ...body }).filter(([, value]) => value !== null))
  if (query.get('dry_run') === 'true') return configView({ ...twin, overlay }, release)
  twin.overlay = overlay
  return configView(twin, release)
}

function assignment(twin: Twin, query: URLSearchParams): unknown {
  const release = find(twin, query.get('release') ?? '')
  const { stage, percent, epoch, name } = release
  const subject = query.get('subject')
  return { release: name, subject, arm: 'candidate', reason: 'hash', stage, percent, position: 97.31, epoch }
}
