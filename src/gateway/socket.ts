/**
 * A client's WebSocket, on which backends tell how its jobs go on. A client opens it before it submits, and keeps it while
 * stages change, so that its jobs may come to be at any backend: all of them are listened to, and one, of the arm that the
 * caller is assigned to, is the socket's own: it must take part, tells what is of no job, and ends the socket by its end.
 */
import { pickReplica } from '../config/replica.ts'
import { callDeadline, within } from '../durable/deadline.ts'
import type { Route } from '../protocols/protocol.ts'
import { answer, mark } from './answer.ts'
import { ReceivedHeaders } from './asked.ts'
import { callerOf } from './attempt.ts'
import { OTHER_SOCKETS_MS } from './deadlines.ts'
import { decideArm } from './decide.ts'
import { type Decided, settle, type Exchange, headersFor, recordEnd } from './exchange.ts'
import { outcomeOfStatus, type PlainHeaders, upstreamError } from './forward.ts'
import type { JobRuntime, JobRuntimes } from './isolate.ts'
import type { Choice } from './select-release.ts'
import { type Frame, MAX_FRAME_BYTES, SocketFeed } from './socket-feed.ts'
import type { Subject } from './subject.ts'
import { translationOfNothing } from './translation.ts'

/** The platform lets a request wait for six answers at a time. */
const MAX_BACKENDS = 6

type Asked = Extract<Choice, { kind: 'socket' }>

interface Place {
  runtime: JobRuntime
  arm: 'control' | 'candidate'
  url: string
}

type Opened = Response | 'timeout' | 'unreachable'

const socketOf = (opened: Opened) => (typeof opened === 'string' ? null : opened.webSocket)

export function isUpgrade({ headers }: Pick<Exchange, 'headers'>): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket'
}

/** Answers 101, or as the backend does that refuses. */
export async function proxySocket(ctx: Exchange, asked: Asked, subject: Subject): Promise<Response> {
  const { runtime, route, runtimes } = asked
  const served = settle(ctx, runtime, decideArm(ctx, runtime, subject, null))
  const { arm } = served.routed
  const main = pickReplica(runtime.release.arms[arm], ctx.isolate.deps.random())
  const others = placesOf(runtimes).filter(({ url }) => url !== main)
  const began = ctx.isolate.deps.now()
  const opening = others.slice(0, MAX_BACKENDS - 1).map((place) => open(ctx, place, route, subject).then(socketOf))
  const opened = await open(ctx, { runtime, arm, url: main }, route, subject)
  const latency = (ctx.isolate.deps.now() - began) / 1000
  const backend = socketOf(opened)
  if (!backend) {
    for (const each of opening) void each.then((socket) => socket && turnAway(socket))
    return refused(ctx, served, route, main, opened, latency)
  }
  recordEnd(served, route.operation, 'ok', latency)
  const { 0: theirs, 1: client } = new WebSocketPair()
  const listen = listenerOf(ctx, asked, subject, client)
  listen(main, backend, true)
  for (const [i, each] of opening.entries())
    ctx.waitUntil(each.then((socket) => socket && listen(others[i]!.url, socket, false)))
  // A job that is made at once is told of at once.
  await within(OTHER_SOCKETS_MS, Promise.all(opening)).catch(() => null)
  const headers: PlainHeaders = subject.cookie === null ? {} : { 'set-cookie': subject.cookie }
  mark(ctx, served, headers)
  return new Response(null, { status: 101, headers, webSocket: theirs })
}

/** Each backend once, whatever releases and arms it serves; control's first. */
function placesOf(runtimes: JobRuntimes): Place[] {
  const places = new Map<string, Place>()
  for (const arm of ['control', 'candidate'] as const)
    for (const runtime of runtimes)
      for (const url of runtime.release.arms[arm].urls) if (!places.has(url)) places.set(url, { runtime, arm, url })
  return [...places.values()]
}

/** What the backend answers, or why there is none. */
async function open(ctx: Exchange, { runtime, arm, url }: Place, route: Route, subject: Subject): Promise<Opened> {
  const headers = headersFor(ctx, runtime, arm)
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
  if (typeof opened === 'string' || opened.status < 400) {
    const failure = typeof opened === 'string' ? opened : 'bad_output'
    if (typeof opened !== 'string') await opened.body?.cancel()
    recordEnd(decided, route.operation, failure, latency)
    throw upstreamError(failure, decided.routed.arm, false)
  }
  const { status, body } = opened
  const headers = new ReceivedHeaders(opened.headers)
  recordEnd(decided, route.operation, outcomeOfStatus(status), latency)
  const translation = translationOfNothing(ctx, url, route.prefix)
  return answer(ctx, decided, { status, headers, body, translation })
}

const GOING_AWAY = 1001
const BROKEN = 1011
const TOO_BIG = 1009
/** Nobody may send these; they say that there was no code. */
const NO_CODE: ReadonlySet<number> = new Set([1004, 1005, 1006, 1015])

/** A client's end and the backends' that it listens to: what each sends goes to the other side, and an end to all of them. */
function listenerOf(ctx: Exchange, { runtimes, route }: Asked, subject: Subject, client: WebSocket) {
  const backends = new Set<WebSocket>()
  let isOver = false
  const end = (code: number, reason: string) => {
    if (isOver) return
    isOver = true
    close(client, code, reason)
    for (const backend of backends) close(backend, code, reason)
    backends.clear()
  }
  accept(client)
  client.addEventListener('message', ({ data }) => {
    const frame = frameOf(data)
    if (frame.length > MAX_FRAME_BYTES) return end(TOO_BIG, 'a frame is too large')
    for (const backend of backends) send(backend, frame)
  })
  client.addEventListener('close', ({ code, reason }) => end(code, reason))
  client.addEventListener('error', () => end(BROKEN, ''))

  return (url: string, backend: WebSocket, isMain: boolean): void => {
    if (isOver) return turnAway(backend)
    const { socket } = runtimes[0]!.protocol
    const pass = (frame: Frame) => send(client, frame)
    const feed = new SocketFeed({ ctx, prefix: route.prefix, runtimes, socket: socket!, subject, url, isMain, pass })
    const leave = (code: number, reason: string) => {
      backends.delete(backend)
      close(backend, code, reason)
      // What it has told before is passed on first.
      if (isMain) ctx.waitUntil(feed.drained().then(() => end(code, reason)))
    }
    accept(backend)
    backends.add(backend)
    backend.addEventListener('message', ({ data }) => {
      if (!feed.take(frameOf(data))) leave(TOO_BIG, 'too much at a time')
    })
    backend.addEventListener('close', ({ code, reason }) => leave(code, reason))
    backend.addEventListener('error', () => leave(BROKEN, 'the connection to the backend broke'))
  }
}

function frameOf(data: unknown): Frame {
  return typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)
}

/** Bytes come as they are, and not as a blob that would have to be waited for. */
function accept(socket: WebSocket): void {
  socket.binaryType = 'arraybuffer'
  socket.accept()
}

function send(socket: WebSocket, frame: Frame): void {
  try {
    socket.send(frame)
  } catch {
    // It has closed, which its own event says.
  }
}

function close(socket: WebSocket, code: number, reason: string): void {
  try {
    if (NO_CODE.has(code)) socket.close(code === 1005 ? 1000 : BROKEN, reason)
    else socket.close(code, reason)
  } catch {
    // It has closed already.
  }
}

/** A socket that came too late for its client. */
function turnAway(socket: WebSocket): void {
  accept(socket)
  close(socket, GOING_AWAY, '')
}
