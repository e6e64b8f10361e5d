/**
 * Which URLs are a backend's, however it spells them (letter case, default ports, no scheme, credentials), and whether a
 * path that it names can be a finished file's, and leads nowhere else however a server reads it.
 */

/** Scheme (may be missing), credentials, host and port, up to where the path begins. */
const START = /^(https?:)?\/\/(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:@]*)(?::(\d*))?(?=[/?#]|$)/i

export interface UrlPlace {
  /** Host and port in one spelling. */
  at: string
  /** From the path on, as it is written. */
  rest: string
  /** `//host/…`, which takes the scheme of whoever asks. */
  isBare: boolean
}

/** Null for what does not begin like an HTTP URL. `scheme` is that of URLs without one, `http:` or `https:`. */
export function placeOf(url: string, scheme: string): UrlPlace | null {
  const match = START.exec(url)
  if (!match) return null
  const [start, ownScheme, host = '', port] = match
  const defaultPort = (ownScheme ?? scheme).toLowerCase() === 'https:' ? '443' : '80'
  const at = `${host.toLowerCase().replace(/\.$/, '')}:${port ? Number(port) : defaultPort}`
  return { at, rest: url.slice(start.length), isBare: ownScheme === undefined }
}

/** What of `path` stands below `base`, itself a path without a slash at its end; null where it is another's. */
export function below(base: string, path: string): string | null {
  const rest = path.startsWith(base) ? path.slice(base.length) : null
  return rest === '' || (rest !== null && /^[/?#]/.test(rest)) ? rest : null
}

/** The path, and the query and fragment behind it. */
export function splitPath(url: string): [path: string, query: string] {
  const end = url.search(/[?#]/)
  return end < 0 ? [url, ''] : [url.slice(0, end), url.slice(end)]
}

const MEDIA = /[^/]\.(mp4|webm|mov|mkv|avi|m3u8|ts|gif|png|jpe?g|webp|zip)$/i
/** What some server takes for a separator, for the path's end or, being a percent sign, for another encoded character. */
const ODD = /[\\;?#%\p{Cc}]/u
const DOTS = /^[.\s]+$/

/** Longer paths are no file's, and plain characters may make eighteen times as many. */
const MAX_PATH_CHARS = 2048

/** `path`: rooted, as it is written, without its query. */
export function isMediaPath(path: string): boolean {
  const plain = path.length <= MAX_PATH_CHARS && path.startsWith('/') && !/%2f/i.test(path) ? decoded(path) : null
  return plain !== null && MEDIA.test(plain) && !ODD.test(plain) && !plain.split('/').some((piece) => DOTS.test(piece))
}

/** With wide and other lookalike dots and slashes as plain ones; null for what doesn't decode. */
function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path).normalize('NFKC')
  } catch {
    return null
  }
}
