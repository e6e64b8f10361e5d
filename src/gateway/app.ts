/**
 * The data plane: what one request goes through, in order. Everything outside /_sluice/ comes here;
 * each step is a file beside this one.
 */
import type { Env } from '../config/env.ts'
import { SluiceError } from '../core/errors.ts'
import type { Plane } from '../core/plane.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { isPreflight, preflight, withCors } from './browsers.ts'
import { chooseLane, type Choice } from './choose-lane.ts'
import { errorAnswer } from './answer.ts'
import type { GatewayDeps } from './deps.ts'
import type { Exchange } from './exchange.ts'
import { requestIdOf } from './headers.ts'
import { identify } from './identify.ts'
import { once } from './idempotency.ts'
import { hasJobs, type Isolate, Isolates, type JobLane, type Lane } from './isolate.ts'
import { aboutJob } from './jobs.ts'
import { listJobs } from './list.ts'
import { type OwnedJob, placesOf, resolveJob } from './owned-job.ts'
import { passOn } from './pass-on.ts'
import type { Submit } from './attempt.ts'
import { submit } from './submit.ts'
import type { Subject } from './subject.ts'

const ALLOWED = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

type WaitUntil = (work: Promise<unknown>) => void

export interface Gateway {
  /** Answers whatever is asked; never rejects. */
  fetch: (request: Request, env: Env, context: { waitUntil: WaitUntil }, plane: Plane) => Promise<Response>
  /** The snapshot that this isolate routes by, with its age; null where it has none. */
  lastSnapshot: (env: Env, release: string) => { snapshot: Snapshot; ageSeconds: number } | null
}

export function createGateway(deps: GatewayDeps): Gateway {
  const isolates = new Isolates(deps)
  return {
    fetch: (request, env, context, plane) =>
      handle(
        request,
        plane,
        () => isolates.of(env),
        (work) => context.waitUntil(work),
        deps,
      ),
    lastSnapshot: (env, release) => isolates.lastSnapshot(env, release),
  }
}

async function handle(
  request: Request,
  plane: Plane,
  isolateOf: () => Isolate,
  waitUntil: WaitUntil,
  { now, newId, log: write }: GatewayDeps,
): Promise<Response> {
  const requestId = requestIdOf(request.headers, newId)
  const url = new URL(request.url)
  const began = now()
  const log: Record<string, unknown> = { request_id: requestId, method: request.method, path: url.pathname }
  const { promise: answered, resolve: leave } = Promise.withResolvers<void>()
  let x: Exchange | null = null
  let response: Response
  try {
    const isolate = isolateOf()
    x = {
      ...{ request, url, requestId, isolate, waitUntil, answered, log },
      ...{ ownCredential: false, forced: null, decided: null, streamed: null, submitSent: false },
    }
    response = await route(x, plane)
  } catch (error) {
    response = errorAnswer(error, { request, requestId, log }, x)
  } finally {
    leave()
    for (const lane of x?.isolate.lanes ?? []) lane.telemetry.schedule(waitUntil)
  }
  const cors = x?.isolate.config.cors
  if (cors) response = withCors(request, response, cors)
  // A backend that has refused wants no more of the body; the client sends it all the same.
  if (response.status >= 400) await x?.streamed?.giveUp()
  log['status'] = response.status
  log['ms'] = now() - began
  write(log)
  return response
}

async function route(x: Exchange, plane: Plane): Promise<Response> {
  if (plane !== 'data') throw new SluiceError('not_found', 'nothing is served at this path')
  if (x.request.method === 'TRACE')
    throw new SluiceError('method_not_allowed', 'TRACE is not served', { headers: { allow: ALLOWED } })
  if (isPreflight(x.request)) return preflight(x)
  const subject = await identify(x)
  const choice = await chooseLane(x, subject)
  const { lane, way } = choice
  switch (choice.kind) {
    case 'submit':
      return withSnapshot(x, lane, way, (snapshot) => submitOnce(x, choice, subject, snapshot))
    case 'job':
      return withSnapshot(x, lane, way, (snapshot) => aboutOwned(x, snapshot, way, choice.job))
    case 'list':
      return withSnapshot(x, lane, way, (snapshot) => listJobs(x, choice.lanes, choice.list, snapshot, subject))
    case 'other':
      return withSnapshot(x, lane, way, (snapshot) =>
        passOn(x, lane, snapshot, subject, { route: way, bytes: choice.bytes }),
      )
  }
}

/** A client that goes away does not end what is under way: a job that a backend has taken must become known. */
function submitOnce(
  x: Exchange,
  { lane, way, submission, referred }: Extract<Choice, { kind: 'submit' }>,
  subject: Subject,
  snapshot: Snapshot | null,
): Promise<Response> {
  const s: Submit = { route: way, submission, subject, referred }
  const answered = once(x, s, {
    first: () => submit(x, lane, snapshot, s),
    again: async (clientId) => {
      // The key may have been used for another release than the one that this body leads to.
      const withJobs = x.isolate.lanes.filter(hasJobs)
      const job = await resolveJob(x, withJobs, clientId, subject)
      return aboutOwned({ ...x, request: asPoll(x) }, snapshot, pollRoute(job.lane, way.prefix), job)
    },
  })
  x.waitUntil(answered.catch(() => undefined))
  return answered
}

/** An id that nobody has recorded is looked for wherever it may be, one backend after the other. */
async function aboutOwned(x: Exchange, snapshot: Snapshot | null, way: Route, job: OwnedJob): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(x.request.method)
  for (const elsewhere of job.foreign && way.body === 'none' ? placesOf(job, isRead) : []) {
    try {
      return await aboutJob(x, snapshot, way, job)
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'job_not_found') throw error
      job = elsewhere
    }
  }
  return aboutJob(x, snapshot, way, job)
}

async function withSnapshot(
  x: Exchange,
  lane: Lane,
  way: Route,
  serve: (snapshot: Snapshot | null) => Promise<Response>,
): Promise<Response> {
  Object.assign(x.log, { operation: way.operation, release: lane.release.name })
  return serve(await lane.snapshots.forRouting(x.isolate.deps.now, x.waitUntil))
}

/** `prefix` is the repeated submit's: its path is part of what makes two submits the same. */
function pollRoute(lane: JobLane, prefix: string): Route {
  return {
    operation: 'poll',
    prefix,
    job: '',
    body: 'none',
    answer: 'job',
    upstreamPath: (id, model = null) => lane.protocol.pollCall({ upstreamId: id!, prefix, model }).path,
  }
}

function asPoll(x: Exchange): Request {
  const headers = new Headers(x.request.headers)
  for (const name of ['content-type', 'content-length', 'idempotency-key']) headers.delete(name)
  return new Request(x.request.url, { method: 'GET', headers })
}
