/**
 * An answer with the backend's ids and URLs turned into what the client must use. Works on the text of any
 * JSON and on header values, and changes nothing else in them; says nothing of who knows which id.
 */
import { withoutEndSlashes } from '../config/fields.ts'
import { below, placeOf, splitPath } from './backend-url.ts'
import { ANSWER_BOUNDS, isWithin } from './body/bounds.ts'
import { editJson } from './body/json-edit.ts'
import { isJson } from './body/json-text.ts'
import { isPlain, tokensOf } from './id-tokens.ts'
import { isMediaPath } from './media-path.ts'
import { headerHoldsFile, holdsFile, holdsId, holdsValue, PROMPTS, SERVER_PATHS } from './member-names.ts'
import type { Route, Translation } from './protocol.ts'

/** What a wire says of its answers. */
export interface WireWords {
  /** How it reads a path that is fetched; without it no path is known to name a job or a file. */
  readPath?: (path: string) => Route
  /** A path of the backend's as the client knows it, ids apart. */
  showPath?: (path: string) => string
  /** Names of its own under which it has ids. */
  idNames?: ReadonlySet<string>
  /** Whether it names a finished file of its own at this place of an answer (see `holdsFile`). */
  holdsFile?: (path: readonly string[]) => boolean
  /** Whether a job's own address stands there, which is the gateway's then, whatever host it names. */
  holdsOwnUrl?: (path: readonly string[]) => boolean
  /** Whether the client's own words stand there, and nothing else: key and value stay. */
  keeps?: (path: readonly string[]) => boolean
  /** What a string becomes by the wire's own rules; null where the common ones hold. */
  ownText?: (text: string, path: readonly string[]) => string | null
}

/** Longer strings without a blank or a dot are videos in base64, in which a short id may stand by chance. */
const MAX_WORD_CHARS = 8192
const BASE64 = /^[A-Za-z0-9+/=_\r\n-]+$/
/** A URL inside a text, with or without its scheme, up to the next one. */
const URLS = /((?:https?:|(?<![:/\w]))\/\/(?:(?!https?:\/\/)[^\s"'<>\\^`{|}])+)/i
/** The same percent-encoded, as it stands in a query. */
const ENCODED_URLS = /((?:https?%3a)?%2f%2f[\w.~%!*'()+-]+)/i
/** What ends a sentence and not its URL. */
const SENTENCE_END = '.,;:!)]'

/**
 * Text in, text out: where nothing is to change the very same, byte for byte. In a good answer members that
 * hold server paths or `file:` URLs are cut; an error keeps them, being the backend's own words. Text that is
 * no JSON (a proxy's error page, an answer cut off), or holds more than an answer may, is read as words: an id in it
 * is of no use to the client there either.
 */
export function translateAnswer(text: string, translation: Translation, words: WireWords = {}): string {
  const exact = words.ownText ? null : withOneId(text, translation)
  if (exact !== null) return exact
  const translate = translatorOf(translation, words)
  const { holdsFile: isFileAt = holdsFile, holdsOwnUrl: isOwnAt = () => false } = words
  const { keeps = () => false, ownText = () => null } = words
  if (!isWithin(text, ANSWER_BOUNDS) || !isJson(text)) return translate(text, '')
  const cuts = !translation.isError
  return editJson(text, {
    key: (path) => {
      const name = nameOf(path)
      if (keeps(path)) return name
      return cuts && SERVER_PATHS.has(name) ? null : translate(name, '')
    },
    text: (string, path) => {
      if (keeps(path)) return string
      const own = ownText(string, path)
      if (own !== null) return own
      return cuts && isFileUrl(string) ? null : translate(string, nameOf(path), isFileAt(path), isOwnAt(path))
    },
  })
}

/** What makes more of an answer than its id matter: URLs, rooted paths, files, encoded and escaped text. */
const ID_NAME = /"([a-z]{1,16}_)?id"\s*:\s*$/
const NEEDS_READING = /\/\/|"\/|[\\%]|url|_path|file:/i

/**
 * The usual answer to a submit or a poll, at the cost of a search: the one known id stands there once, as the value of
 * `id` or `task_id` and the like, and nothing else in it can need a change. Null for every other.
 */
function withOneId(text: string, { ids }: Translation): string | null {
  if (ids.size !== 1) return null
  const [id, own] = ids.entries().next().value!
  const at = text.indexOf(`"${id}"`)
  if (at < 0 || text.indexOf(id, at + 2) >= 0 || text.indexOf(id) !== at + 1) return null
  if (isPlain(id) || NEEDS_READING.test(text) || !ID_NAME.test(text.slice(Math.max(0, at - 32), at))) return null
  return text.slice(0, at + 1) + own + text.slice(at + 1 + id.length)
}

/**
 * One string: an id, a URL or path, or words with any of them inside, such as the values of
 * Location, Content-Location and Content-Disposition. URLs of other hosts stay whole, since a
 * changed one, signed or not, leads nowhere.
 *
 * `name` is that of its member or header. Under the wire's own values (`status`, `seconds`, `model` …) only URLs
 * are looked for. A plain id (a short counter or a word) is replaced only where a name says that an id stands
 * there, or as the job in a path.
 */
export function translateText(text: string, translation: Translation, name = '', words: WireWords = {}): string {
  if (!/[/%]/.test(text) && ![...translation.ids.keys()].some((id) => text.includes(id))) return text
  return translatorOf(translation, words)(text, name, headerHoldsFile(name))
}

/** `isFile`: the wire names a finished file here, so that a URL which is one may be signed; `isOwn`: see `holdsOwnUrl`. */
type Translate = (text: string, name: string, isFile?: boolean, isOwn?: boolean) => string

function translatorOf(translation: Translation, words: WireWords): Translate {
  const { readPath, showPath = (path) => path, idNames } = words
  const { ids, gatewayOrigin } = translation
  // Errors repeat what the client sent, and a path of its choice must get no address of ours.
  const fileUrl = translation.isError ? undefined : translation.fileUrl
  const base = withoutEndSlashes(translation.upstreamOrigin)
  const scheme = /^https:/i.test(base) ? 'https:' : 'http:'
  const upstream = placeOf(base, scheme)
  const basePath = upstream?.rest ?? ''
  const gateway = placeOf(gatewayOrigin, scheme)
  const tokens = tokensOf(ids)

  const known = (text: string, name: string) => {
    const id = ids.get(text) ?? null
    return id !== null && isPlain(text) && !holdsId(name) && !idNames?.has(name) ? null : id
  }
  const inPiece = (piece: string, name = '') => {
    const id = known(decoded(piece), name)
    return id === null ? tokens.inWord(piece) : encodeURIComponent(id)
  }
  const inPieces = (path: string, name = '') => path.replaceAll(/[^/?#&=]+/g, (piece) => inPiece(piece, name))
  const inQuery = (query: string) =>
    query.replaceAll(/([^?#&=]*)=([^?#&=]+)|[^?#&=]+/g, (piece, name?: string, value?: string) =>
      name === undefined || value === undefined ? inPieces(piece) : `${inPieces(name)}=${inPieces(value, name)}`,
    )
  const readRooted = (path: string) => readPath?.(path.startsWith('/') ? path : `/${path}`)
  const inPath = (url: string) => {
    const [given, query] = splitPath(url)
    const path = showPath(given)
    const route = readRooted(path)
    const plainJob = route?.job && isPlain(route.job) ? known(route.job, 'id') : null
    const shown = plainJob === null ? aroundEncoded(path, inPieces) : route!.upstreamPath(plainJob)
    const isRooted = plainJob === null || path.startsWith('/')
    return (isRooted ? shown : shown.slice(1)) + aroundEncoded(query, inQuery)
  }
  /** Where the gateway shows a file of the backend's that is at no path of a job; null where there is none. */
  const fileAt = (url: string) => {
    const [path, query] = splitPath(url)
    const route = fileUrl && isMediaPath(path) ? readRooted(path) : undefined
    return route?.job === null && route.operation === 'other' ? inPieces(fileUrl!(path)) + query : null
  }
  /** Null for a URL of another host, and for what is none. */
  const inOwnUrl = (url: string, isFile = false): string | null => {
    const place = placeOf(url, scheme)
    const rest = place && upstream && place.at === upstream.at ? below(basePath, place.rest) : null
    if (rest !== null) return gatewayOrigin + ((isFile ? fileAt(rest) : null) ?? inPath(rest))
    // A backend that trusts forwarded headers writes the gateway's own origin.
    if (place && (place.at === upstream?.at || place.at === gateway?.at))
      return url.slice(0, url.length - place.rest.length) + inPath(place.rest)
    return null
  }
  const inUrl = (url: string, isFile = false, isOwn = false): string => {
    const own = translation.webhookOf?.(url) ?? inOwnUrl(url, isFile)
    if (own !== null) return own
    const place = placeOf(url, scheme)
    if (isOwn && place && (readPath?.(splitPath(place.rest)[0]).job ?? null) !== null)
      return gatewayOrigin + inPath(place.rest)
    // Two slashes before what is no host begin a path that was joined carelessly.
    if (place?.isBare && !/^[^:]*\.|^\[|^localhost:/.test(place.at)) return inPath(url)
    return aroundEncoded(url, (piece) => piece)
  }
  const aroundEncoded = (text: string, translate: (piece: string) => string) => {
    if (!text.includes('%')) return translate(text)
    const pieces = text.split(ENCODED_URLS).map((piece, i) => {
      const url = decoded(piece)
      const own = i % 2 === 0 ? url : (translation.webhookOf?.(url) ?? inOwnUrl(url) ?? url)
      return own === url ? translate(piece) : encodeURIComponent(own)
    })
    return pieces.join('')
  }
  const inSentence = (url: string) => {
    let end = url.length
    while (end > 0 && SENTENCE_END.includes(url[end - 1] as string)) end--
    return inUrl(url.slice(0, end)) + url.slice(end)
  }

  return (text, name, isFile = false, isOwn = false) => {
    if (PROMPTS.has(name)) return text
    const isValue = holdsValue(name) && !idNames?.has(name)
    const id = isValue ? null : known(text, name)
    if (id !== null) return id
    if (text.startsWith('data:') || (text.length > MAX_WORD_CHARS && BASE64.test(text))) return text
    const inWords = isValue ? (words: string) => words : (words: string) => aroundEncoded(words, tokens.inText)
    const pieces = text.includes('//') ? text.split(URLS) : [text]
    if (pieces.length === 3 && pieces[0] === '' && pieces[2] === '') return inUrl(text, isFile, isOwn)
    if (pieces.length > 1) return pieces.map((piece, i) => (i % 2 === 1 ? inSentence(piece) : inWords(piece))).join('')
    if (isValue || /\s/.test(text) || !/[/?#]/.test(text)) return inWords(text)
    const path = (basePath !== '' && below(basePath, text)) || text
    return (isFile ? fileAt(path) : null) ?? inPath(path)
  }
}

function nameOf(path: readonly string[]): string {
  return path.at(-1) ?? ''
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece)
  } catch {
    return piece
  }
}

/** Dynamo may answer `file:///…`, which only its own machine can open. */
function isFileUrl(text: string): boolean {
  return text.startsWith('file:')
}
