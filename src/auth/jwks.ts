/**
 * Issuers' public keys, fetched once for the whole isolate and outliving the issuer's outages. jose's own
 * remote set is not used: it forgets its keys after ten minutes of outage and, cold, fetches once a request.
 * Which tokens these keys may sign is jwt.ts' business.
 */
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose'

export interface JwksDeps {
  fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Unix ms. */
  now: () => number
}

/** `unavailable`: the issuer can't be asked, and what is known does not tell whether the key is good. */
export type KeysResult = { ok: true; keys: LocalJWKSet } | { ok: false; why: 'unavailable' | 'unknown_key' }

const FETCH_TIMEOUT_MS = 1500
const FRESH_MS = 10 * 60_000
const KEEP_MS = 24 * 3_600_000
/** Least time between two fetches: short while nothing is known, longer against floods of unknown key ids. */
const COLD_PAUSE_MS = 5000
const WARM_PAUSE_MS = 30_000
const MAX_KEYS = 100

interface Issuer {
  good: { keys: LocalJWKSet; kids: ReadonlySet<string>; atMs: number } | null
  triedAtMs: number
  failed: boolean
  flight: Promise<void> | null
}

const issuers = new Map<string, Issuer>()

/**
 * Keys of the issuer at `url`, among which is `kid`; null: the token names none, and any of the issuer's may be meant.
 * At most one fetch is under way for each url.
 */
export async function keysFor(url: string, kid: string | null, deps: JwksDeps): Promise<KeysResult> {
  let issuer = issuers.get(url)
  if (!issuer) issuers.set(url, (issuer = { good: null, triedAtMs: -Infinity, failed: false, flight: null }))
  if (!answers(issuer, kid, FRESH_MS, deps.now())) await refresh(issuer, url, kid, deps)
  if (answers(issuer, kid, KEEP_MS, deps.now())) return { ok: true, keys: issuer.good!.keys }
  return { ok: false, why: issuer.failed || !issuer.good ? 'unavailable' : 'unknown_key' }
}

function answers(issuer: Issuer, kid: string | null, maxAgeMs: number, nowMs: number): boolean {
  return issuer.good !== null && nowMs - issuer.good.atMs < maxAgeMs && (kid === null || issuer.good.kids.has(kid))
}

async function refresh(issuer: Issuer, url: string, kid: string | null, deps: JwksDeps): Promise<void> {
  const nowMs = deps.now()
  const pauseMs = issuer.good ? WARM_PAUSE_MS : COLD_PAUSE_MS
  if (issuer.flight && nowMs - issuer.triedAtMs <= 2 * FETCH_TIMEOUT_MS) {
    // Another request's fetch: who can do with the last good keys does not wait for it, and nobody waits for ever,
    // since the platform drops a fetch together with the request that began it.
    if (!answers(issuer, kid, KEEP_MS, nowMs)) {
      const pause = new Promise((resolve) => setTimeout(resolve, FETCH_TIMEOUT_MS))
      await Promise.race([issuer.flight, pause])
    }
    return
  }
  if (nowMs - issuer.triedAtMs < pauseMs) return
  issuer.triedAtMs = nowMs
  const flight = fetchKeys(url, deps).then(
    (good) => Object.assign(issuer, { good, failed: false }),
    () => Object.assign(issuer, { failed: true }),
  )
  issuer.flight = flight.then(() => void (issuer.flight = null))
  await issuer.flight
}

async function fetchKeys(url: string, deps: JwksDeps): Promise<NonNullable<Issuer['good']>> {
  const response = await deps.fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`JWKS answered ${response.status}`)
  }
  const set = (await response.json()) as JSONWebKeySet
  const keys = createLocalJWKSet(set)
  const kids = new Set(set.keys.flatMap((key) => (typeof key.kid === 'string' ? [key.kid] : [])))
  if (set.keys.length === 0 || set.keys.length > MAX_KEYS) throw new Error(`JWKS holds ${set.keys.length} keys`)
  return { keys, kids, atMs: deps.now() }
}
