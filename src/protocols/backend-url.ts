/** Which URLs are a backend's, however it spells them: letter case, default ports, no scheme, credentials. */

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
