/**
 * Secrets that sign, such as SLUICE_COOKIE_KEY: one key or two, the new one first; and what says who sent a webhook, as
 * Standard Webhooks (standardwebhooks.com) has it: HMAC-SHA256 over `id.timestamp.body`.
 */

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

export interface SignedWebhook {
  /** Tells a repetition. */
  id: string
  /** Unix ms. */
  at: number
  body: string
}

/** The three headers; without a key that can be read the signature is left out. `secret`: one key, or two. */
export async function webhookHeaders(
  secret: string | undefined,
  { id, at, body }: SignedWebhook,
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(at / 1000))
  // A key that can't be read is reported elsewhere: the others still sign.
  const keys = signingKeys(secret).flatMap((key) => webhookKeyBytes(key) ?? [])
  const signatures = await Promise.all(keys.map((key) => sign(key, `${id}.${timestamp}.${body}`)))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...(signatures.length > 0 ? { 'webhook-signature': signatures.join(' ') } : {}),
  }
}

async function sign(secret: Uint8Array<ArrayBuffer>, content: string): Promise<string> {
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(content)))
  return `v1,${btoa(String.fromCharCode(...mac))}`
}
