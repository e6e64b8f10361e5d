/** Whether a path that a backend names can be a finished file's, and leads nowhere else however a server reads it. */

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
