/** The server's side of a WebSocket on a socket of Node's (RFC 6455), as far as the demo needs it: no extensions, no fragments. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const MAX_BYTES = 16 * 1024 * 1024

export interface WebSocketEnd {
  send: (message: string | Uint8Array) => void
  close: (code: number, reason: string) => void
}

/** Answers the handshake. `left` is called once, however the other side went. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  on: { message: (message: string | Uint8Array) => void; left: () => void },
): WebSocketEnd {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${MAGIC}`).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write(`${head.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  const write = (kind: number, payload: Uint8Array) => {
    if (socket.writable) socket.write(framed(kind, payload))
  }
  let held = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    for (let frame = read(held); frame; frame = read(held)) {
      held = held.subarray(frame.end)
      if (frame.kind === TEXT) on.message(frame.payload.toString())
      else if (frame.kind === BINARY) on.message(frame.payload)
      else if (frame.kind === PING) write(PONG, frame.payload)
      else if (frame.kind === CLOSE) {
        write(CLOSE, frame.payload)
        socket.end()
      }
    }
    if (held.length > MAX_BYTES) socket.destroy()
  })
  socket.on('error', () => undefined)
  socket.once('close', on.left)
  return {
    send: (message) => write(typeof message === 'string' ? TEXT : BINARY, Buffer.from(message as string)),
    close: (code, reason) => {
      const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)])
      payload.writeUInt16BE(code)
      write(CLOSE, payload)
    },
  }
}

function framed(kind: number, payload: Uint8Array): Buffer {
  const size = payload.length
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10)
  head[0] = 0x80 | kind
  head[1] = size < 126 ? size : size < 65_536 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(size, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2)
  return Buffer.concat([head, payload])
}

/** The frame that the bytes begin with; null until it is whole. */
function read(bytes: Buffer): { kind: number; payload: Buffer; end: number } | null {
  if (bytes.length < 2) return null
  const short = bytes[1]! & 0x7f
  const lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10
  const maskEnd = lengthEnd + 4
  if (bytes.length < maskEnd) return null
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const end = maskEnd + size
  if (bytes.length < end) return null
  const mask = bytes.subarray(lengthEnd, maskEnd)
  const payload = Buffer.from(bytes.subarray(maskEnd, end).map((byte, i) => byte ^ mask[i % 4]!))
  return { kind: bytes[0]! & 0x0f, payload, end }
}
