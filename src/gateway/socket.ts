/**
 * A client's WebSocket, on which backends tell how its jobs go on. A client opens it before it submits, and keeps it while
 * stages change, so that its jobs may come to be at any backend: all of them are listened to, and one, of the arm that the
 * caller is assigned to, is the socket's own: it must take part, tells what is of no job, and ends the socket by its end.
 */
import { pickReplica } from '../config/replica.ts'
import type { Snapshot } from '../core/release.ts'
import { startDeadline, within } from '../durable/deadline.ts'
import type { Route } from '../protocols/protocol.ts'
import { answer, mark } from './answer.ts'
import { callerOf } from './attempt.ts'
import { OTHER_SOCKETS_MS } from './deadlines.ts'
import { decideArm } from './decide.ts'
import { type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { armErrorOf, upstreamError } from './forward.ts'
import { toBackend } from './headers.ts'
import type { JobLane } from './isolate.ts'
import { SocketTie, turnAway } from './socket-tie.ts'
import type { Subject } from './subject.ts'

/** The platform lets a request wait for six answers at a time. */
const MAX_BACKENDS = 6

interface Asked {
  lane: JobLane
  way: Route
  lanes: readonly JobLane[]
}

interface Place {
  lane: JobLane
  arm: 'control' | 'candidate'
  url: string
}

type Opened = Response | 'timeout' | 'unreachable'

function socketOf(opened: Opened): WebSocket | null {
  return typeof opened === 'string' ? null : opened.webSocket
}

export function isUpgrade({ headers }: Request): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket'
}

/** Answers 101, or as the backend does that refuses. */
export async function proxySocket(
  x: Exchange,
  { lane, way, lanes }: Asked,
  snapshot: Snapshot | null,
  subject: Subject,
): Promise<Response> {
  const routed = decideArm(x, lane, snapshot, subject, null)
  const decided: Decided<JobLane> = { lane, snapshot, routed }
  x.decided = decided
  const main: Place = {
    lane,
    arm: routed.arm,
    url: pickReplica(lane.release.arms[routed.arm], x.isolate.deps.random()),
  }
  const others = placesOf(lanes).filter(({ url }) => url !== main.url)
  const began = x.isolate.deps.now()
  const asked = others.slice(0, MAX_BACKENDS - 1).map((place) => open(x, place, way, subject).then(socketOf))
  const opened = await open(x, main, way, subject)
  const latency = (x.isolate.deps.now() - began) / 1000
  const backend = socketOf(opened)
  if (!backend) {
    for (const each of asked) void each.then((socket) => socket && turnAway(socket))
    return refused(x, decided, way, main.url, opened, latency)
  }
  recordEnd(decided, way.operation, 'ok', { latency })
  const { 0: theirs, 1: client } = new WebSocketPair()
  const tie = new SocketTie(x, way, lanes, subject, client)
  tie.listen(main.url, backend, true)
  for (const [i, each] of asked.entries()) {
    x.waitUntil(each.then((socket) => socket && tie.listen(others[i]!.url, socket, false)))
  }
  // A job that is made at once is told of at once.
  await within(OTHER_SOCKETS_MS, Promise.all(asked)).catch(() => null)
  const headers = new Headers()
  mark(x, decided, headers)
  if (subject.cookie !== null) headers.append('set-cookie', subject.cookie)
  return new Response(null, { status: 101, headers, webSocket: theirs })
}

/** Each backend once, whatever releases and arms it serves; control's first. */
function placesOf(lanes: readonly JobLane[]): Place[] {
  const places = new Map<string, Place>()
  for (const arm of ['control', 'candidate'] as const)
    for (const lane of lanes)
      for (const url of lane.release.arms[arm].urls) if (!places.has(url)) places.set(url, { lane, arm, url })
  return [...places.values()]
}

/** What the backend answers, or why there is none. */
async function open(x: Exchange, { lane, arm, url }: Place, way: Route, subject: Subject): Promise<Opened> {
  const headers = toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, arm))
  headers.set('upgrade', 'websocket')
  const abort = new AbortController()
  let isLate = false
  const inTime = startDeadline(lane.release.arms[arm].timeoutMs, () => {
    isLate = true
    abort.abort()
  })
  try {
    const search = lane.protocol.socket!.search(x.url.search, callerOf(subject))
    const init = { method: 'GET', headers, redirect: 'manual', signal: abort.signal } as const
    return await x.isolate.deps.fetch(url + way.upstreamPath(null) + search, init)
  } catch {
    return isLate ? 'timeout' : 'unreachable'
  } finally {
    inTime()
  }
}

async function refused(
  x: Exchange,
  decided: Decided<JobLane>,
  way: Route,
  url: string,
  opened: Opened,
  latency: number,
) {
  const isAnswer = typeof opened !== 'string' && opened.status >= 400
  if (!isAnswer) {
    const failure = typeof opened === 'string' ? opened : 'bad_output'
    if (typeof opened !== 'string') await opened.body?.cancel()
    recordEnd(decided, way.operation, failure, { latency })
    throw upstreamError(failure, decided.routed.arm, false)
  }
  const { status, headers, body } = opened
  recordEnd(decided, way.operation, armErrorOf(status) ?? 'client_error', { latency })
  const translation = {
    ids: new Map<string, string>(),
    upstreamOrigin: url,
    gatewayOrigin: x.url.origin,
    prefix: way.prefix,
  }
  return answer(x, decided, { status, headers, body, translation })
}
