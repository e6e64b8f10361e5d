/**
 * An answer with the backend's ids and URLs turned into what the client must use. Works on any
 * JSON and on header values; says nothing of who knows which id.
 */
import type { Translation } from './protocol.ts'

/** The client's own words, in which an id would be a coincidence. */
const PROMPTS = new Set(['prompt', 'negative_prompt'])
/** Paths in the backend's own file system. */
const SERVER_PATHS = new Set(['file_path', 'file_paths', 'output_path', 'output_paths'])
/** No answer of any video API nests deeper. */
const MAX_DEPTH = 100
/** Longer strings without a blank or a dot are videos in base64, in which a short id may stand by chance. */
const MAX_WORD_CHARS = 8192
const BASE64 = /^[A-Za-z0-9+/=_\r\n-]+$/
/** An absolute URL inside a text, up to the next one. */
const URLS = /(https?:\/\/(?:(?!https?:\/\/)[^\s"'<>\\^`{|}])+)/i
/** A counter of so few digits stands in sizes, durations and versions too: it is an id only by itself. */
const COUNTER = /^\d{1,5}$/

/** A new value; the input is left alone. `__proto__` keys are left out. */
export function translateAnswer(value: unknown, translation: Translation): unknown {
  return translateValue(value, translatorOf(translation), 0)
}

/**
 * One string: an id, a URL or path, or words with any of them inside, such as the values of
 * Location, Content-Location and Content-Disposition. URLs of other hosts stay whole, since a
 * changed one, signed or not, leads nowhere.
 */
export function translateText(text: string, translation: Translation): string {
  return translatorOf(translation)(text)
}

type Translate = (text: string) => string

function translateValue(value: unknown, translate: Translate, depth: number): unknown {
  if (typeof value === 'string') return translate(value)
  if (value === null || typeof value !== 'object' || depth >= MAX_DEPTH) return value
  if (Array.isArray(value)) return value.map((item) => translateValue(item, translate, depth + 1))
  const result: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (SERVER_PATHS.has(key) || isFileUrl(member)) continue
    const name = translate(key)
    if (name === '__proto__') continue
    result[name] =
      PROMPTS.has(key) && typeof member === 'string' ? member : translateValue(member, translate, depth + 1)
  }
  return result
}

function translatorOf({ ids, clientId, upstreamOrigin, gatewayOrigin }: Translation): Translate {
  const base = upstreamOrigin.replace(/\/+$/, '')
  const origin = /^[a-z]+:\/\/[^/?#]*/i.exec(base)?.[0] ?? base
  const basePath = base.slice(origin.length)
  const known = (text: string) => ids?.get(text) ?? clientId(text)
  const { inText, inWord } = tokensOf(ids ?? new Map())

  const inPath: Translate = (path) =>
    path.replaceAll(/[^/?#&=]+/g, (piece) => {
      const id = known(decoded(piece))
      return id === null ? inWord(piece) : encodeURIComponent(id)
    })
  const inUrl: Translate = (url) => {
    const rest = below(base, url)
    if (rest !== null) return gatewayOrigin + inPath(rest)
    // A backend that trusts forwarded headers writes the gateway's own origin.
    const own = [origin, gatewayOrigin].find((start) => below(start, url) !== null)
    return own === undefined ? url : own + inPath(url.slice(own.length))
  }

  return (text) => {
    const id = known(text)
    if (id !== null) return id
    if (text.startsWith('data:') || (text.length > MAX_WORD_CHARS && BASE64.test(text))) return text
    const pieces = text.split(URLS)
    if (pieces.length > 1) return pieces.map((piece, i) => (i % 2 === 1 ? inUrl(piece) : inText(piece))).join('')
    if (/\s/.test(text) || !/[/?#]/.test(text)) return inText(text)
    return inPath((basePath !== '' && below(basePath, text)) || text)
  }
}

/** Replaces each known id that stands as a whole token: as it is in words, percent-encoded inside a URL. */
function tokensOf(ids: ReadonlyMap<string, string>): { inText: Translate; inWord: Translate } {
  const texts = new Map<string, string>()
  const words = new Map<string, string>()
  for (const [id, own] of ids) {
    if (id === '' || COUNTER.test(id)) continue
    const encoded = encodeURIComponent(own)
    for (const spelling of [encodeURIComponent(id), id]) {
      texts.set(spelling, spelling === id ? own : encoded)
      words.set(spelling, encoded)
    }
  }
  if (texts.size === 0) return { inText: (text) => text, inWord: (text) => text }
  // The longest first, as one id may begin like another; what a percent sign encodes bounds a token too.
  const spellings = [...texts.keys()].toSorted((a, b) => b.length - a.length).map(escaped)
  const pattern = new RegExp(`(?:(?<=%[0-9A-Fa-f]{2})|(?<![\\w-]))(?:${spellings.join('|')})(?![\\w-])`, 'g')
  const replace = (by: Map<string, string>) => (text: string) =>
    text.replace(pattern, (token) => by.get(token) ?? token)
  return { inText: replace(texts), inWord: replace(words) }
}

/** What follows `start` in a URL or path that is it or lies below it; a sentence may end behind it. */
function below(start: string, url: string): string | null {
  const rest = url.startsWith(start) ? url.slice(start.length) : null
  return rest !== null && /^([/?#]|[.,;:!)\]]*$)/.test(rest) ? rest : null
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
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
