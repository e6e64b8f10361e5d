/**
 * The data plane: what one request goes through, in order. Everything outside /_sluice/ comes here;
 * each step is a file beside this one.
 */
import type { Env } from '../config/env.ts'
import { SluiceError } from '../core/errors.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { POLL } from '../protocols/route-kinds.ts'
import { errorAnswer } from './answer.ts'
import { type Address, ReceivedHeaders } from './asked.ts'
import type { Submit } from './attempt.ts'
import { isPreflight, METHODS, ownAnswer, preflight, withCors } from './browsers.ts'
import { deliver, hookOf } from './client-webhooks.ts'
import type { GatewayDeps, WaitUntil } from './deps.ts'
import type { Exchange } from './exchange.ts'
import { requestIdOf } from './headers.ts'
import { withIdempotency } from './idempotency.ts'
import { hasJobs, type Isolate, Isolates, type JobRuntime } from './isolate.ts'
import { proxyJob } from './jobs.ts'
import { listJobs } from './list.ts'
import { aboutNamed } from './named-jobs.ts'
import { type OwnedJob, placesOf, resolveJob } from './owned-job.ts'
import { passThrough } from './pass-through.ts'
import { afterBody } from './request-body.ts'
import { selectRelease, type Choice } from './select-release.ts'
import { proxySocket } from './socket.ts'
import { identify, type Subject } from './subject.ts'
import { sendSubmit } from './submit.ts'

/** After these a job that may be elsewhere is looked for there. */
const NOT_HERE: ReadonlySet<string> = new Set(['job_not_found', 'upstream_unreachable', 'upstream_timeout'])

export interface Gateway {
  /** Answers whatever is asked; never rejects. */
  fetch: (request: Request, env: Env, context: { waitUntil: WaitUntil }, url: Address) => Promise<Response>
  /** The snapshot that this isolate routes by, with its age; null where it has none. */
  lastSnapshot: (env: Env, release: string) => { snapshot: Snapshot; ageSeconds: number } | null
}

export function createGateway(deps: GatewayDeps): Gateway {
  const isolates = new Isolates(deps)
  return {
    fetch: (request, env, context, url) => handle(request, url, () => isolates.of(env), context, deps),
    lastSnapshot: (env, release) => isolates.lastSnapshot(env, release),
  }
}

async function handle(
  request: Request,
  url: Address,
  isolateOf: () => Isolate,
  context: { waitUntil: WaitUntil },
  { now, newId, log: write }: GatewayDeps,
): Promise<Response> {
  const { method } = request
  const headers = new ReceivedHeaders(request.headers)
  const requestId = requestIdOf(headers, newId)
  const waitUntil: WaitUntil = (work) => context.waitUntil(work)
  const began = now()
  const log: Record<string, unknown> = { request_id: requestId, method, path: url.pathname }
  const { promise: answered, resolve: leave } = Promise.withResolvers<void>()
  let ctx: Exchange | null = null
  let response: Response
  try {
    const isolate = isolateOf()
    ctx = {
      ...{ request, method, headers, url, requestId, isolate, waitUntil, answered, log },
      ...{ ownCredential: false, forced: null, snapshot: null, decided: null },
      ...{ isBodyRead: false, streamed: null, submitSent: false },
    }
    response = await route(ctx)
  } catch (error) {
    response = errorAnswer(error, { headers, requestId, log }, ctx)
  }
  leave()
  const answeredAt = now()
  for (const runtime of ctx?.isolate.runtimes ?? []) runtime.telemetry.schedule(waitUntil, answeredAt)
  const cors = ctx?.isolate.config.cors
  if (cors) response = withCors({ method, headers }, response, cors)
  // A backend that has refused wants no more of the body; the client sends it all the same.
  const { status } = response
  if (status >= 400) await ctx?.streamed?.giveUp()
  log['status'] = status
  log['ms'] = answeredAt - began
  write(log)
  // To ask a request for its body makes a stream of it.
  return ctx?.isBodyRead ? response : afterBody(request, response)
}

async function route(ctx: Exchange): Promise<Response> {
  if (ctx.url.plane !== 'data') throw new SluiceError('not_found', 'nothing is served at this path')
  if (ctx.method === 'TRACE')
    throw new SluiceError('method_not_allowed', 'TRACE is not served', { headers: { allow: METHODS } })
  const hook = hookOf(ctx)
  if (hook) return deliver(ctx, hook)
  if (isPreflight(ctx)) return preflight(ctx)
  const subject = await identify(ctx)
  const choice = await selectRelease(ctx, subject)
  const { runtime, route } = choice
  Object.assign(ctx.log, { operation: route.operation, release: runtime.release.name })
  const known = runtime.snapshots.forRouting(ctx.isolate.deps.now, ctx.waitUntil)
  ctx.snapshot = known instanceof Promise ? await known : known
  switch (choice.kind) {
    case 'submit':
      return submitOnce(ctx, choice, subject)
    case 'job':
      return proxyOwnJob(ctx, route, choice.job)
    case 'socket':
      return proxySocket(ctx, choice, subject)
    case 'jobs':
      return aboutNamed(ctx, choice, subject, proxyOwnJob)
    case 'list':
      return listJobs(ctx, choice, subject)
    case 'other':
      return passThrough(ctx, choice, subject)
  }
}

/** A client that goes away does not end what is under way: a job that a backend has taken must become known. */
function submitOnce(
  ctx: Exchange,
  { runtime, route, submission, referred }: Extract<Choice, { kind: 'submit' }>,
  subject: Subject,
): Promise<Response> {
  const submit: Submit = { route, submission, subject, referred }
  const answered = withIdempotency(ctx, submit, {
    first: () => sendSubmit(ctx, runtime, submit),
    again: async (clientId) => {
      // The key may have been used for another release than the one that this body leads to.
      const withJobs = ctx.isolate.runtimes.filter(hasJobs)
      const job = await resolveJob(ctx, withJobs, clientId, subject)
      const known = job.runtime.protocol.submitted?.(clientId)
      const routed = { arm: job.arm, reason: 'job' } as const
      // On a wire whose polls don't name their job: in the words of the first one's answer.
      if (known !== undefined) return ownAnswer(ctx, { runtime: job.runtime, snapshot: ctx.snapshot, routed }, known)
      return proxyOwnJob(asPoll(ctx), pollRoute(job.runtime, route.prefix), job)
    },
  })
  ctx.waitUntil(answered.catch(() => undefined))
  return answered
}

/**
 * An id that nobody has recorded is looked for wherever it may be, one backend after the other; while one of them can't be
 * reached nobody knows that there is no such job.
 */
async function proxyOwnJob(ctx: Exchange, route: Route, job: OwnedJob): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(ctx.method)
  const elsewhere = job.holder === null && route.body === 'none' ? placesOf(job, isRead) : []
  let trouble: SluiceError | null = null
  for (const [i, place] of [job, ...elsewhere].entries()) {
    try {
      return await proxyJob(ctx, route, place, i === elsewhere.length)
    } catch (error) {
      if (!(error instanceof SluiceError) || !NOT_HERE.has(error.code)) throw error
      if (trouble === null || trouble.code === 'job_not_found') trouble = error
    }
  }
  throw trouble!
}

/** `prefix` is the repeated submit's: its path is part of what makes two submits the same. */
function pollRoute(runtime: JobRuntime, prefix: string): Route {
  const upstreamPath: Route['upstreamPath'] = (id, model = null) =>
    runtime.protocol.pollCall({ upstreamId: id!, prefix, model }).path
  return { ...POLL, prefix, job: '', upstreamPath }
}

function asPoll(ctx: Exchange): Exchange {
  const headers = ctx.headers.without('content-type', 'content-length', 'idempotency-key')
  return { ...ctx, method: 'GET', headers }
}
