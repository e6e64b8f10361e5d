/** A client's WebSocket tied to those of backends: what each sends goes to the other side, and an end to all of them. */
import type { Route } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { JobRuntime } from './isolate.ts'
import { type Frame, MAX_FRAME_BYTES, SocketFeed } from './socket-feed.ts'
import type { Subject } from './subject.ts'

const GOING_AWAY = 1001
const BROKEN = 1011
const TOO_BIG = 1009
/** Nobody may send these; they say that there was no code. */
const NO_CODE: ReadonlySet<number> = new Set([1004, 1005, 1006, 1015])

/** One client's end, and the backends' that it is tied to. */
export class SocketTie {
  readonly #ctx: Exchange
  readonly #route: Route
  readonly #runtimes: readonly JobRuntime[]
  readonly #subject: Subject
  readonly #client: WebSocket
  readonly #backends = new Set<WebSocket>()
  #isOver = false

  constructor(ctx: Exchange, route: Route, runtimes: readonly JobRuntime[], subject: Subject, client: WebSocket) {
    this.#ctx = ctx
    this.#route = route
    this.#runtimes = runtimes
    this.#subject = subject
    this.#client = client
    accept(client)
    client.addEventListener('message', ({ data }) => this.#toBackends(data as string | ArrayBuffer))
    client.addEventListener('close', ({ code, reason }) => this.#end(code, reason))
    client.addEventListener('error', () => this.#end(BROKEN, ''))
  }

  listen(url: string, backend: WebSocket, isMain: boolean): void {
    if (this.#isOver) return turnAway(backend)
    const feed = new SocketFeed({
      ctx: this.#ctx,
      prefix: this.#route.prefix,
      runtimes: this.#runtimes,
      socket: this.#runtimes[0]!.protocol.socket!,
      subject: this.#subject,
      url,
      isMain,
      pass: (frame) => sent(this.#client, frame),
    })
    const leave = (code: number, reason: string) => {
      this.#backends.delete(backend)
      close(backend, code, reason)
      // What it has told before is passed on first.
      if (isMain) this.#ctx.waitUntil(feed.drained().then(() => this.#end(code, reason)))
    }
    accept(backend)
    this.#backends.add(backend)
    backend.addEventListener('message', ({ data }) => {
      const frame = typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)
      if (!feed.take(frame)) leave(TOO_BIG, 'too much at a time')
    })
    backend.addEventListener('close', ({ code, reason }) => leave(code, reason))
    backend.addEventListener('error', () => leave(BROKEN, 'the connection to the backend broke'))
  }

  #toBackends(data: string | ArrayBuffer): void {
    const frame = typeof data === 'string' ? data : new Uint8Array(data)
    if (frame.length > MAX_FRAME_BYTES) return this.#end(TOO_BIG, 'a frame is too large')
    for (const backend of this.#backends) sent(backend, frame)
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    close(this.#client, code, reason)
    for (const backend of this.#backends) close(backend, code, reason)
    this.#backends.clear()
  }
}

/** Bytes come as they are, and not as a blob that would have to be waited for. */
function accept(socket: WebSocket): void {
  socket.binaryType = 'arraybuffer'
  socket.accept()
}

function sent(socket: WebSocket, frame: Frame): void {
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
export function turnAway(socket: WebSocket): void {
  accept(socket)
  close(socket, GOING_AWAY, '')
}
