/**
 * What is wrong with the secrets that operators write by hand, where the rest of them works: told by `readyz` and by
 * `config check`, and never a reason to refuse all. No secret is quoted.
 */
import { MIN_KEY_CHARS } from '../config/env.ts'
import { detail, type ErrorDetail } from '../core/errors.ts'
import { isBrokenList, signingKeys, webhookKeyBytes } from './keys.ts'
import { readEventKeys, readTokens } from './tokens.ts'

/** The secrets as text; those that are not set have no slips. */
export interface SecretTexts {
  /** SLUICE_TOKENS. */
  tokens: string | undefined
  /** SLUICE_EVENT_KEYS. */
  eventKeys: string | undefined
  /** SLUICE_COOKIE_KEY; without it nobody can log in with a browser. */
  cookieKey: string | undefined
  /** SLUICE_WEBHOOK_KEY. */
  webhookKey: string | undefined
}

export function secretSlips({ tokens, eventKeys, cookieKey, webhookKey }: SecretTexts): ErrorDetail[] {
  const short = (path: string) =>
    detail(path, 'secret_short', `has fewer than ${MIN_KEY_CHARS} characters: a key that short can be guessed`, {
      least: MIN_KEY_CHARS,
    })
  return [
    ...readTokens(tokens).issues,
    ...readEventKeys(eventKeys).issues,
    ...keySlips('SLUICE_COOKIE_KEY', cookieKey, (key, path) => (key.length < MIN_KEY_CHARS ? short(path) : null)),
    ...keySlips('SLUICE_WEBHOOK_KEY', webhookKey, (key, path) =>
      webhookKeyBytes(key) ? null : detail(path, 'not_base64', 'left out: what follows whsec_ is not base64'),
    ),
  ]
}

function keySlips(
  name: string,
  secret: string | undefined,
  wrongWith: (key: string, path: string) => ErrorDetail | null,
): ErrorDetail[] {
  if (!secret) return []
  const broken = isBrokenList(secret)
    ? [detail(name, 'not_json_list', 'not a JSON list of texts: read as far as it goes')]
    : []
  return [...broken, ...signingKeys(secret).flatMap((key, at) => wrongWith(key, `${name}.${at}`) ?? [])]
}
