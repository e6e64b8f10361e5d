/** Spellings of paths that servers take for the same, so that no other one leads around a wire's routes. */
import type { Route } from './protocol.ts'
import { type Kind, passed, type Unprefixed } from './route-kinds.ts'

/** A percent-encoded letter, digit, `-`, `.`, `_` or `~`; not where decoding it would complete another code. */
const UNRESERVED = /(?<!%[\da-f]?)%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi

/** One spelling for what servers take for the same: unreserved characters decoded (RFC 3986, 6.2.2.2), slashes merged. */
export function plainSpelling(path: string): string {
  return path.replaceAll(UNRESERVED, (code) => decodeURIComponent(code)).replaceAll(/\/{2,}/g, '/')
}

/** Some servers decode slashes, and then `..`, before they route: what hides behind one is of this wire too. */
export function asServersRead(path: string): string {
  return new URL(`http://localhost${plainSpelling(`/${path.replaceAll(/%(2f|5c)/gi, '/')}`)}`).pathname
}

/** Segments as they stand below something: each with its slash; '' for none. */
export function rooted(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment}`).join('')
}

/** A segment's characters, or the segment as it is where it does not decode. */
export function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Whether segments below a job's id could lead a server out of it again. */
export function leadsOut(below: readonly string[]): boolean {
  return below.some((segment) => /%(2f|5c|00)/i.test(segment))
}

/** The id, decoded, that the first of these segments is, and those below it. Where those lead out of it, all are one id that is none. */
export function jobAt(segments: readonly string[]): { job: string; below: readonly string[] } {
  const [first = '', ...below] = segments
  return leadsOut(below)
    ? { job: decodedSegment(segments.join('/')), below: [] }
    : { job: decodedSegment(first), below }
}

/** Where the shortest prefix that ends in `api` (lower case, as `/v1/videos`), in whatever case, ends; 0 where there is none. */
export function apiEnd(path: string, api: string): number {
  if (!path.startsWith('/')) return 0
  for (let at = 0; at >= 0; at = path.indexOf('/', at + 1)) {
    const end = at + api.length
    const isEnd = end === path.length || path[end] === '/'
    if (isEnd && path.slice(at, end).toLowerCase() === api) return end
  }
  return 0
}

/** A request about the job that the first of these segments names; `kindOf` is given those below it. */
export function aboutJob(
  base: string,
  segments: readonly string[],
  kindOf: (below: readonly string[]) => Kind,
): Unprefixed {
  const { job, below } = jobAt(segments)
  const upstreamPath = (own: string | null) => [base, encodeURIComponent(own ?? job), ...below].join('/')
  return { ...kindOf(below), job, upstreamPath }
}

/**
 * The route of a wire whose paths all stand below `api`, as `/v1/videos`, after whatever prefix it is mounted under. Some
 * servers route without regard to case, so that what is spelled otherwise is of the wire as well. Other paths pass.
 */
export function routeBelow(
  api: string,
  method: string,
  given: string,
  route: (base: string, below: string) => Unprefixed,
): Route {
  const plain = plainSpelling(given)
  const path = apiEnd(plain, api) > 0 ? plain : asServersRead(plain)
  const end = apiEnd(path, api)
  if (end === 0) return { ...passed(method, plain), prefix: '' }
  const prefix = path.slice(0, end - api.length)
  return { ...route(prefix + api, path.slice(end)), prefix }
}
