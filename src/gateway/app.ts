/**
 * The data plane: what one request goes through, in order. Everything outside /_sluice/ comes here;
 * each step is a file beside this one.
 */
import { Hono } from 'hono'
import type { Env } from '../config/env.ts'
import { SluiceError } from '../core/errors.ts'
import { isTagged, openJobId } from '../core/job-id.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route, Submission } from '../protocols/protocol.ts'
import { type Exchange, identify, ownersOf } from './exchange.ts'
import { readCapped } from './forward.ts'
import { requestIdOf } from './headers.ts'
import { once } from './idempotency.ts'
import { isolateOf, type Lane, now } from './isolate.ts'
import { aboutJob } from './jobs.ts'
import { listJobs } from './list.ts'
import { jobNotFound, jobOf, nativeJobOf } from './owned-job.ts'
import { passOn } from './pass-on.ts'
import { type Submit, submit } from './submit.ts'
import type { Subject } from './subject.ts'

/** `log` receives one entry a request. */
export function createGateway(log: (entry: Record<string, unknown>) => void): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>()
  app.all('*', (c) => handle(c.req.raw, c.env, (work) => c.executionCtx.waitUntil(work), log))
  return app
}

async function handle(
  request: Request,
  env: Env,
  waitUntil: (work: Promise<unknown>) => void,
  write: (entry: Record<string, unknown>) => void,
): Promise<Response> {
  const requestId = requestIdOf(request.headers)
  const url = new URL(request.url)
  const began = now()
  const log: Record<string, unknown> = { request_id: requestId, method: request.method, path: url.pathname }
  let response: Response
  try {
    const isolate = isolateOf(env)
    const x: Exchange = { request, url, requestId, isolate, waitUntil, log }
    response = await route(x)
    for (const lane of isolate.lanes) lane.telemetry.schedule(waitUntil)
  } catch (error) {
    response = errorResponse(error, requestId, log)
  }
  write({ ...log, status: response.status, ms: now() - began })
  return response
}

async function route(x: Exchange): Promise<Response> {
  if (x.request.method === 'TRACE') throw new SluiceError('method_not_allowed', 'TRACE is not served')
  const lanes = x.isolate.lanes.filter(({ release }) => pathMatches(release.match.paths, x.url.pathname))
  if (lanes.length === 0) throw new SluiceError('not_found', 'no release serves this path')
  const lane = lanes.find(({ release }) => release.match.models === null) ?? lanes[0]!
  const way = lane.protocol.route(x.request.method, x.url.pathname)
  if (way.body === 'submission') return routeSubmission(x, lanes, way)
  const subject = await identify(x)
  if (way.operation === 'list')
    return withSnapshot(x, lane, way, subject, (snapshot) => listJobs(x, lanes, snapshot, subject))
  if (way.job !== null) return routeJob(x, laneOfJob(x, lanes, lane, way.job), way, way.job, subject)
  return withSnapshot(x, lane, way, subject, (snapshot) => passOn(x, lane, snapshot, way, subject))
}

/** A submit is read once; which release takes it depends on the model that it names. */
async function routeSubmission(x: Exchange, lanes: readonly Lane[], way: Route): Promise<Response> {
  const bytes = await bodyOf(x)
  let lane: Lane | null = null
  let submission: Submission | null = null
  for (const candidate of lanes) {
    submission = candidate.protocol.readSubmission(bytes, x.request.headers.get('content-type'), way)
    const { models } = candidate.release.match
    if (models === null || (submission.model !== null && models.includes(submission.model))) {
      lane = candidate
      break
    }
  }
  if (!lane || !submission)
    throw new SluiceError('not_found', `no release serves the model ${JSON.stringify(submission?.model ?? null)}`)
  const named = [...(way.job === null ? [] : [way.job]), ...submission.jobs][0]
  const owner = named === undefined ? lane : laneOfJob(x, lanes, lane, named)
  const read = submission
  const subject = await identify(x)
  return withSnapshot(x, owner, way, subject, (snapshot) => {
    const s: Submit = { route: way, submission: read, subject, owner: ownersOf(x, subject)[0]! }
    return once(x, owner, s, {
      first: () => submit(x, owner, snapshot, s),
      again: (clientId) =>
        aboutJob({ ...x, request: asPoll(x) }, owner, snapshot, pollRoute(owner), jobOf(x, owner, clientId, subject)),
    })
  })
}

async function routeJob(x: Exchange, lane: Lane, way: Route, clientId: string, subject: Subject): Promise<Response> {
  return withSnapshot(x, lane, way, subject, async (snapshot) => {
    if (lane.release.idMode === 'tagged' || isTagged(clientId)) {
      return aboutJob(x, lane, snapshot, way, jobOf(x, lane, clientId, subject))
    }
    const known = await nativeJobOf(x, lane, clientId, subject)
    if (known) return aboutJob(x, lane, snapshot, way, known)
    return probe(x, lane, snapshot, way, clientId, subject)
  })
}

/** An id that nobody knows: control first, then the candidate, and that only for reading. */
async function probe(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  way: Route,
  upstreamId: string,
  subject: Subject,
): Promise<Response> {
  const control = jobOf(x, lane, upstreamId, subject)
  try {
    return await aboutJob(x, lane, snapshot, way, control)
  } catch (error) {
    const gone = error instanceof SluiceError && error.code === 'job_not_found'
    if (!gone || !['GET', 'HEAD'].includes(x.request.method)) throw error
    const candidate = jobOf(x, lane, upstreamId, subject, 'candidate')
    return aboutJob(x, lane, snapshot, way, candidate)
  }
}

async function withSnapshot(
  x: Exchange,
  lane: Lane,
  way: Route,
  subject: Subject,
  serve: (snapshot: Snapshot | null) => Promise<Response>,
): Promise<Response> {
  Object.assign(x.log, { operation: way.operation, release: lane.release.name })
  await x.isolate.rateLimiter.admit(way.operation, subject.key, x.isolate.env, now())
  return serve(await lane.snapshots.forRouting(now, x.waitUntil))
}

async function bodyOf(x: Exchange): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBodyBytes } = x.isolate.config
  const told = Number(x.request.headers.get('content-length') ?? 0)
  const bytes = told > maxBodyBytes || !x.request.body ? null : await readCapped(x.request.body, maxBodyBytes)
  if (bytes) return bytes
  if (!x.request.body) return new Uint8Array()
  throw new SluiceError('body_too_large', `a body may have ${maxBodyBytes} bytes`)
}

/** The release that an id names; an id of none of these is nobody's job. */
function laneOfJob(x: Exchange, lanes: readonly Lane[], otherwise: Lane, clientId: string): Lane {
  if (!isTagged(clientId)) return otherwise
  const tag = openJobId(clientId, x.isolate.keys)
  const lane = tag ? lanes.find(({ hash }) => hash === tag.release) : undefined
  if (!lane) throw jobNotFound()
  return lane
}

function pathMatches(paths: readonly string[] | null, path: string): boolean {
  return (
    paths === null ||
    paths.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))
  )
}

function pollRoute(lane: Lane): Route {
  return {
    operation: 'poll',
    job: '',
    body: 'none',
    answer: 'job',
    upstreamPath: (id) => lane.protocol.pollCall(id!).path,
  }
}

function asPoll(x: Exchange): Request {
  const headers = new Headers(x.request.headers)
  for (const name of ['content-type', 'content-length', 'idempotency-key']) headers.delete(name)
  return new Request(x.request.url, { method: 'GET', headers })
}

function errorResponse(error: unknown, requestId: string, log: Record<string, unknown>): Response {
  const known =
    error instanceof SluiceError ? error : new SluiceError('internal', 'an error inside the gateway', { cause: error })
  log['code'] = known.code
  if (known.code === 'internal')
    log['error'] = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error)
  const headers = {
    'content-type': 'application/json',
    'x-request-id': requestId,
    'cache-control': 'no-store',
    ...known.headers,
  }
  return new Response(JSON.stringify(known.body(requestId)), { status: known.status, headers })
}
