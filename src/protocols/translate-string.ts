/** One string of a backend's answer as its client may read it: an id, an address, or words with either in them. */
import { withoutEndSlashes } from '../config/fields.ts'
import { below, placeOf, splitPath, isMediaPath } from './backend-url.ts'
import { isPlain, tokensOf } from './id-tokens.ts'
import { holdsId, PROMPTS, VALUES } from './member-names.ts'
import { decodedSegment } from './path-spelling.ts'
import type { Route } from './protocol.ts'

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
/** A file in a URL. The word alone may as well begin a line of events, or a sentence. */
const DATA_URL = /^data:(?:[\w.+-]{1,100}\/[\w.+-]{1,100}[;,]|;base64,)/i
/** A URL inside a text, with or without its scheme, up to the next one. */
const URLS = /((?:https?:|(?<![:/\w]))\/\/(?:(?!https?:\/\/)[^\s"'<>\\^`{|}])+)/i
/** The same percent-encoded, as it stands in a query. */
const ENCODED_URLS = /((?:https?%3a)?%2f%2f[\w.~%!*'()+-]+)/i
/** What ends a sentence and not its URL. */
const SENTENCE_END = '.,;:!)]'

/** `isFile`: the wire names a finished file here, so that a URL which is one may be signed; `isOwn`: see `holdsOwnUrl`. */
export type Translate = (text: string, name: string, isFile?: boolean, isOwn?: boolean) => string

export function translatorOf(translation: Translation, words: WireWords): Translate {
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
    const id = known(decodedSegment(piece), name)
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
      const url = decodedSegment(piece)
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
    const isValue = VALUES.has(name) && !idNames?.has(name)
    const id = isValue ? null : known(text, name)
    if (id !== null) return id
    if (DATA_URL.test(text) || (text.length > MAX_WORD_CHARS && BASE64.test(text))) return text
    const inWords = isValue ? (words: string) => words : (words: string) => aroundEncoded(words, tokens.inText)
    const pieces = text.includes('//') ? text.split(URLS) : [text]
    if (pieces.length === 3 && pieces[0] === '' && pieces[2] === '') return inUrl(text, isFile, isOwn)
    if (pieces.length > 1) return pieces.map((piece, i) => (i % 2 === 1 ? inSentence(piece) : inWords(piece))).join('')
    if (isValue || /\s/.test(text) || !/[/?#]/.test(text)) return inWords(text)
    const path = (basePath !== '' && below(basePath, text)) || text
    return (isFile ? fileAt(path) : null) ?? inPath(path)
  }
}

/** What an answer's ids and URLs are to become. */
export interface Translation {
  /** Backend id → the id that the client knows. Replaced wherever it stands as a whole token, in strings and keys; a plain one (`12`, `completed`) only where an id is meant. */
  ids: ReadonlyMap<string, string>
  /** Base URL of the backend, `http://host:port` or `http://host/base`: absolute URLs below it become the gateway's. */
  upstreamOrigin: string
  /** Where the client reached the gateway. */
  gatewayOrigin: string
  /** What stands before a job's paths where the client asked: URLs of jobs are shown below it. */
  prefix: string
  /** The answer is an error in the backend's own words: nothing is left out of it. */
  isError?: boolean
  /**
   * Gateway path (`/…`, sealed) for a file of the backend's that is at no path of a job. Asked only where the wire
   * names a finished file in a good answer, since the client may have written any other URL. Given is its path below
   * `upstreamOrigin`, as the URL spells it, without its query, which stays behind the result. Ids are replaced in
   * the result too, so only its first piece can tell which file is meant. Missing: such paths stay. A wire that finds
   * its files by their query (`Route.file`) may give it, and `#` with the backend's id of the job that made the file.
   */
  fileUrl?: (upstreamPath: string) => string
  /** What the client wrote where the submit had this URL, as `RebuildTarget.webhook` put it there; null for any other. */
  webhookOf?: (url: string) => string | null
}
