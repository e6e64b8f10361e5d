/** Whether a text is JSON, told cheaply where it is not. Reads no values. */

/** Begins like an object or array. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[{[]/.test(text)
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
