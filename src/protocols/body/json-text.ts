/** Texts that may be JSON: whether they are, told cheaply where they are not, and where a string in them ends. Reads no values. */

const BACKSLASH = 0x5c

/** Begins like an object or array. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[{[]/.test(text)
}

/** Builds all of its values for a moment: only for texts whose size in members is known. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Just past the closing quote of the string that opens at `start`: the first that no odd run of backslashes escapes.
 * The text's end where it never closes.
 */
export function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return text.length
}
