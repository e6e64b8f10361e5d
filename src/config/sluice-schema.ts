/** The table `[vars.SLUICE]`: what is global. */
import * as v from 'valibot'
import { across, list, positive, table, wholePositive } from './fields.ts'
import { fault } from './issue-words.ts'

const subjectSource = v.pipe(
  v.string(),
  v.regex(
    /^(jwt:[\w.:/-]+|header:[\w-]+|cookie|ip)$/,
    fault('not_subject_source', 'jwt:CLAIM, header:NAME, cookie or ip'),
  ),
  v.transform((text) => {
    const [kind, key = ''] = text.split(/:(.*)/s)
    if (kind === 'jwt') return { kind: 'jwt' as const, key }
    if (kind === 'header') return { kind: 'header' as const, key: key.toLowerCase() }
    return { kind: kind as 'cookie' | 'ip' }
  }),
)

const NOT_URL = fault('not_url', 'not a URL')

/** Issuer and audience have no default on purpose: a verifier without them would accept anybody's token. */
const verifierEntries = {
  jwks_url: v.pipe(v.string(), v.url(NOT_URL)),
  issuer: v.pipe(v.string(), v.minLength(1)),
  audience: v.pipe(v.string(), v.minLength(1)),
  algorithms: v.optional(v.pipe(v.array(v.picklist(['RS256', 'ES256', 'EdDSA', 'PS256'])), v.minLength(1)), [
    'RS256',
    'ES256',
  ]),
}

const rateLimit = table({
  limit: wholePositive,
  period: v.picklist([10, 60], fault('rate_period', 'the platform counts over 10 or 60 seconds')),
})

/** What a receiver subscribes to. */
export const WEBHOOK_EVENTS = [
  'stage_changed',
  'rolled_back',
  'guardrail_breached',
  'decision',
  'review_skipped',
] as const

const webhook = table({
  url: v.pipe(v.string(), v.url(NOT_URL)),
  events: v.optional(v.array(v.picklist(WEBHOOK_EVENTS)), [...WEBHOOK_EVENTS]),
})

/** As browsers send it, so that it can be compared letter by letter. */
const origin = v.pipe(
  v.string(),
  v.check(
    isOrigin,
    fault(
      'not_origin',
      'not an origin as browsers send it: "https://app.example", without path or final slash, or "*"',
    ),
  ),
)

function isOrigin(text: string): boolean {
  if (text === '*') return true
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/.test(text) || !URL.canParse(text)) return false
  const own = new URL(text).origin
  // Of other schemes (capacitor:, chrome-extension:) a URL tells no origin.
  return own === 'null' || own === text
}

const cors = v.pipe(
  table({ origins: list(origin, 1, 100), credentials: v.optional(v.boolean(), false) }),
  across(
    ({ origins, credentials }) => credentials !== true || !Array.isArray(origins) || !origins.includes('*'),
    fault('credentials_everywhere', 'credentials need origins by name: browsers refuse them with "*"'),
  ),
)

export const sluiceSchema = v.pipe(
  table({
    expose_headers: v.optional(v.boolean(), true),
    subject: v.optional(v.pipe(v.array(subjectSource), v.minLength(1)), [
      'jwt:sub',
      'header:x-user-id',
      'cookie',
      'ip',
    ]),
    max_body_bytes: v.optional(v.pipe(positive, v.integer(), v.maxValue(100 * 1024 * 1024)), 10_485_760),
    environment: v.optional(v.string(), ''),
    cors: v.optional(cors),
    auth: v.optional(
      table({
        users: v.optional(table(verifierEntries)),
        control_plane: v.optional(table({ ...verifierEntries, role_claim: v.optional(v.string(), 'role') })),
        rate_limits: v.optional(
          table(v.entriesFromList(['submit', 'poll', 'content', 'list', 'cancel', 'other'], v.optional(rateLimit))),
          {},
        ),
      }),
      {},
    ),
    webhooks: v.optional(list(webhook, 0, 20), []),
  }),
  v.transform((s) => ({
    exposeHeaders: s.expose_headers,
    subject: s.subject,
    maxBodyBytes: s.max_body_bytes,
    environment: s.environment,
    /** Which pages may call the data plane; null leaves that to the backends. */
    cors: s.cors ?? null,
    users: s.auth.users ? verifier(s.auth.users) : null,
    controlPlane: s.auth.control_plane
      ? { ...verifier(s.auth.control_plane), roleClaim: s.auth.control_plane.role_claim }
      : null,
    rateLimits: s.auth.rate_limits,
    webhooks: s.webhooks,
  })),
)

export type VerifierConfig = ReturnType<typeof verifier>

function verifier(given: { jwks_url: string; issuer: string; audience: string; algorithms: string[] }) {
  return { jwksUrl: given.jwks_url, issuer: given.issuer, audience: given.audience, algorithms: given.algorithms }
}

export type SluiceSettings = v.InferOutput<typeof sluiceSchema>
export type SubjectSource = SluiceSettings['subject'][number]
