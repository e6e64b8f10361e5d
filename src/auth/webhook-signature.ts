/** Who sent a webhook, as Standard Webhooks (standardwebhooks.com) has it: HMAC-SHA256 over `id.timestamp.body`. */
import { signingKeys, webhookKeyBytes } from './keys.ts'

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
