/** Secrets that sign, such as SLUICE_COOKIE_KEY: one key or two, the new one first. */

/**
 * `"new,old"` or `["new","old"]` → the keys; none where the secret is not set. A list with a slip in it (a bracket or a
 * quote that is missing) is read as far as it goes: to sign by its text as a whole would make all old ids strangers'.
 */
export function signingKeys(secret: string | undefined): string[] {
  if (!secret) return []
  const listed = secret.trim().startsWith('[')
    ? (jsonList(secret) ?? secret.split(',').map(withoutMarks))
    : secret.split(',')
  return listed.map((key) => key.trim()).filter((key) => key.length > 0)
}

/** Whether the secret means to be a JSON list of texts and is none. */
export function isBrokenList(secret: string): boolean {
  return secret.trim().startsWith('[') && jsonList(secret) === null
}

function jsonList(secret: string): string[] | null {
  try {
    const parsed: unknown = JSON.parse(secret)
    return Array.isArray(parsed) && parsed.every((key) => typeof key === 'string') ? parsed : null
  } catch {
    return null
  }
}

/** Without the blanks, quotes and brackets around it. */
function withoutMarks(key: string): string {
  const isMark = (at: number) => ' \t\r\n[]"\''.includes(key[at]!)
  let [from, to] = [0, key.length]
  while (from < to && isMark(from)) from++
  while (to > from && isMark(to - 1)) to--
  return key.slice(from, to)
}

/** `whsec_` keys are base64, as Standard Webhooks has it; any other text is taken as it is. Null where it is no base64. */
export function webhookKeyBytes(key: string): Uint8Array<ArrayBuffer> | null {
  if (!key.startsWith('whsec_')) return new Uint8Array(new TextEncoder().encode(key))
  try {
    const bytes = Uint8Array.from(atob(key.slice('whsec_'.length)), (char) => char.charCodeAt(0))
    return bytes.length > 0 ? bytes : null
  } catch {
    return null
  }
}
