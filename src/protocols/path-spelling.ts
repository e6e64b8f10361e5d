/** Spellings of paths that servers take for the same, so that no other one leads around a wire's routes. */

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

/** A segment's characters, or the segment as it is where it does not decode. */
export function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
