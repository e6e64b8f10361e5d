/**
 * A client's WebSocket, on which backends tell how its jobs go on. A client opens it before it submits, and keeps it while
 * stages change, so that its jobs may come to be at any backend: all of them are listened to, and one, of the arm that the
 * caller is assigned to, is the socket's own: it must take part, tells what is of no job, and ends the socket by its end.
 */
import { pickReplica } from '../config/replica.ts'
import type { Snapshot } from '../core/release.ts'
import { callDeadline, within } from '../durable/deadline.ts'
import type { Route } from '../protocols/protocol.ts'
import { answer, mark } from './answer.ts'
import { callerOf } from './attempt.ts'
import { OTHER_SOCKETS_MS } from './deadlines.ts'
import { decideArm } from './decide.ts'
import { type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { armErrorOf, upstreamError } from './forward.ts'
import { toBackend } from './headers.ts'
import type { JobRuntime } from './isolate.ts'
import { SocketTie, turnAway } from './socket-tie.ts'
import type { Subject } from './subject.ts'

/** The platform lets a request wait for six answers at a time. */
const MAX_BACKENDS = 6

interface Asked {
  runtime: JobRuntime
  route: Route
  runtimes: readonly JobRuntime[]
}

interface Place {
  runtime: JobRuntime
  arm: 'control' | 'candidate'
  url: string
}

type Opened = Response | 'timeout' | 'unreachable'

function socketOf(opened: Opened): WebSocket | null {
  return typeof opened === 'string' ? null : opened.webSocket
}

export function isUpgrade({ headers }: Pick<Exchange, 'headers'>): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket'
}

/** Answers 101, or as the backend does that refuses. */
export async function proxySocket(
  ctx: Exchange,
  { runtime, route, runtimes }: Asked,
  snapshot: Snapshot | null,
  subject: Subject,
): Promise<Response> {
  const routed = decideArm(ctx, runtime, snapshot, subject, null)
  const decided: Decided<JobRuntime> = { runtime, snapshot, routed }
  ctx.decided = decided
  const main: Place = {
    runtime,
    arm: routed.arm,
    url: pickReplica(runtime.release.arms[routed.arm], ctx.isolate.deps.random()),
  }
  const others = placesOf(runtimes).filter(({ url }) => url !== main.url)
  const began = ctx.isolate.deps.now()
  const asked = others.slice(0, MAX_BACKENDS - 1).map((place) => open(ctx, place, route, subject).then(socketOf))
  const opened = await open(ctx, main, route, subject)
  const latency = (ctx.isolate.deps.now() - began) / 1000
  const backend = socketOf(opened)
  if (!backend) {
    for (const each of asked) void each.then((socket) => socket && turnAway(socket))
    return refused(ctx, decided, route, main.url, opened, latency)
  }
  recordEnd(decided, route.operation, 'ok', { latency })
  const { 0: theirs, 1: client } = new WebSocketPair()
  const tie = new SocketTie(ctx, route, runtimes, subject, client)
  tie.listen(main.url, backend, true)
  for (const [i, each] of asked.entries()) {
    ctx.waitUntil(each.then((socket) => socket && tie.listen(others[i]!.url, socket, false)))
  }
  // A job that is made at once is told of at once.
  await within(OTHER_SOCKETS_MS, Promise.all(asked)).catch(() => null)
  const headers = new Headers()
  mark(ctx, decided, headers)
  if (subject.cookie !== null) headers.append('set-cookie', subject.cookie)
  return new Response(null, { status: 101, headers, webSocket: theirs })
}

/** Each backend once, whatever releases and arms it serves; control's first. */
function placesOf(runtimes: readonly JobRuntime[]): Place[] {
  const places = new Map<string, Place>()
  for (const arm of ['control', 'candidate'] as const)
    for (const runtime of runtimes)
      for (const url of runtime.release.arms[arm].urls) if (!places.has(url)) places.set(url, { runtime, arm, url })
  return [...places.values()]
}

/** What the backend answers, or why there is none. */
async function open(ctx: Exchange, { runtime, arm, url }: Place, route: Route, subject: Subject): Promise<Opened> {
  const headers = toBackend(ctx.headers, runtime.protocol.requestHeaders, outgoing(ctx, runtime, arm))
  headers['upgrade'] = 'websocket'
  const { signal, end, isLate } = callDeadline(runtime.release.arms[arm].timeoutMs)
  try {
    const search = runtime.protocol.socket!.search(ctx.url.search, callerOf(subject))
    const init = { method: 'GET', headers, redirect: 'manual', signal } as const
    return await ctx.isolate.deps.fetch(url + route.upstreamPath(null) + search, init)
  } catch {
    return isLate() ? 'timeout' : 'unreachable'
  } finally {
    end()
  }
}

async function refused(
  ctx: Exchange,
  decided: Decided<JobRuntime>,
  route: Route,
  url: string,
  opened: Opened,
  latency: number,
) {
  const isAnswer = typeof opened !== 'string' && opened.status >= 400
  if (!isAnswer) {
    const failure = typeof opened === 'string' ? opened : 'bad_output'
    if (typeof opened !== 'string') await opened.body?.cancel()
    recordEnd(decided, route.operation, failure, { latency })
    throw upstreamError(failure, decided.routed.arm, false)
  }
  const { status, headers, body } = opened
  recordEnd(decided, route.operation, armErrorOf(status) ?? 'client_error', { latency })
  const translation = {
    ids: new Map<string, string>(),
    upstreamOrigin: url,
    gatewayOrigin: ctx.url.origin,
    prefix: route.prefix,
  }
  return answer(ctx, decided, { status, headers, body, translation })
}
