/**
 * What is wrong with the secrets that operators write by hand, where the rest of them works: told by `readyz` and by
 * `config check`, and never a reason to refuse all. No secret is quoted.
 */
import type { ErrorDetail } from '../core/errors.ts'
import { MIN_KEY_CHARS } from '../config/signing-key.ts'
import { readEventKeys } from './event-keys.ts'
import { isBrokenList, signingKeys, webhookKeyBytes } from './keys.ts'
import { readTokens } from './tokens.ts'

/** The secrets as text; those that are not set have no slips. */
export interface HandWritten {
  tokens: string | undefined
  eventKeys: string | undefined
  cookieKey: string | undefined
  webhookKey: string | undefined
}

export function secretSlips({ tokens, eventKeys, cookieKey, webhookKey }: HandWritten): ErrorDetail[] {
  const short = `has fewer than ${MIN_KEY_CHARS} characters: a key that short can be guessed`
  return [
    ...readTokens(tokens).issues,
    ...readEventKeys(eventKeys).issues,
    ...keySlips('SLUICE_COOKIE_KEY', cookieKey, (key) => (key.length < MIN_KEY_CHARS ? short : null)),
    ...keySlips('SLUICE_WEBHOOK_KEY', webhookKey, (key) =>
      webhookKeyBytes(key) ? null : 'left out: what follows whsec_ is not base64',
    ),
  ]
}

function keySlips(name: string, secret: string | undefined, wrongWith: (key: string) => string | null): ErrorDetail[] {
  if (!secret) return []
  const broken = isBrokenList(secret)
    ? [{ path: name, message: 'not a JSON list of texts: read as far as it goes' }]
    : []
  const slips = signingKeys(secret).flatMap((key, at) => {
    const message = wrongWith(key)
    return message === null ? [] : [{ path: `${name}.${at}`, message }]
  })
  return [...broken, ...slips]
}
