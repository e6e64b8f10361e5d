/**
 * An answer with the backend's ids and URLs turned into what the client must use. Works on any
 * JSON; says nothing of who knows which id.
 */
import type { Translation } from './protocol.ts'

/** Words of people, in which an id would be a coincidence. */
const FREE_TEXT = new Set(['prompt', 'negative_prompt', 'message'])
/** Paths in the backend's own file system. */
const SERVER_PATHS = new Set(['file_path', 'file_paths', 'output_path', 'output_paths'])
/** Longer strings are videos in base64, deeper values no answer of any video API: both stay as they are. */
const MAX_CHARS = 8192
const MAX_DEPTH = 100

/** A new value; the input is left alone. `__proto__` keys are left out. */
export function translateAnswer(value: unknown, translation: Translation, depth = 0): unknown {
  if (typeof value === 'string') return translateString(value, translation)
  if (value === null || typeof value !== 'object' || depth >= MAX_DEPTH) return value
  if (Array.isArray(value)) return value.map((item) => translateAnswer(item, translation, depth + 1))
  const result: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__' || SERVER_PATHS.has(key) || isFileUrl(member)) continue
    result[key] =
      FREE_TEXT.has(key) && typeof member === 'string' ? member : translateAnswer(member, translation, depth + 1)
  }
  return result
}

function translateString(text: string, { clientId, upstreamOrigin, gatewayOrigin }: Translation): string {
  if (text.length > MAX_CHARS) return text
  const ownId = clientId(text)
  if (ownId !== null) return ownId
  const rest = text.startsWith(upstreamOrigin) ? text.slice(upstreamOrigin.length) : null
  if (rest !== null && /^([/?#]|$)/.test(rest)) return gatewayOrigin + translatePath(rest, clientId)
  return text.startsWith('/') ? translatePath(text, clientId) : text
}

/** Each segment and each query value that is an id by itself. */
function translatePath(path: string, clientId: Translation['clientId']): string {
  return path.replaceAll(/[^/?#&=]+/g, (piece) => {
    const id = clientId(decoded(piece))
    return id === null ? piece : encodeURIComponent(id)
  })
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece)
  } catch {
    return piece
  }
}

/** Dynamo may answer `file:///…`, which only its own machine can open. */
function isFileUrl(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('file:')
}
