/**
 * What each key of `[vars.SLUICE]` means, in the words of docs/configure.md, and what such an entry is made of.
 * `npm run docs` lays these words beside the types and defaults that the schemas have. The types ask for an entry for
 * each key of a schema.
 */
import type * as v from 'valibot'
import type { sluiceSchema } from '../../../src/config/sluice-schema.ts'

export interface KeyReference {
  /** One cell of Markdown, without a full stop. */
  meaning: string
  /** Where the schema's own type says too little. */
  type?: string
  /** What holds where the key is left out and the schema alone does not say it. */
  default?: string
}

/** One entry for each key of a table, whether or not it may be left out: mostly its meaning says enough. */
export type Reference<T> = { readonly [K in keyof Required<T>]: string | KeyReference }

export interface TableReference {
  /** The name by which docs/configure.md marks the table's place. */
  id: string
  /** Where its keys stand below the variable; `[]` is each item of a list. */
  paths: readonly string[]
  keys: Reference<Record<string, unknown>>
}

type Sluice = v.InferInput<typeof sluiceSchema>
type Auth = NonNullable<Sluice['auth']>

const SLUICE: Reference<Sluice> = {
  expose_headers: 'the `x-sluice-*` headers on answers: release, arm, stage, epoch, reason',
  subject: { meaning: 'who asks; [see below](#who-asks)', type: 'list of sources' },
  max_body_bytes: 'larger submits get 413 `body_too_large`',
  cors: 'which pages of other sites may call the data plane; [see below](#pages-of-other-sites)',
  environment: 'shown on the dashboard, such as `"production"`',
  auth: 'who may call, and how often; [see below](#auth)',
  webhooks: { meaning: 'what is told to whom; see [alerts](alerts.md#webhooks)', type: 'list of tables, up to 20' },
}

const AUTH: Reference<Auth> = {
  users: 'verifies the tokens of your users',
  control_plane: 'the same for operators',
  rate_limits: 'a table for each of `submit`, `poll`, `content`, `list`, `cancel`, `other`',
}

const VERIFIER: Reference<NonNullable<Auth['control_plane']>> = {
  jwks_url: { meaning: 'where the issuer publishes its keys', type: 'URL' },
  issuer: 'what the token must name as `iss`',
  audience: 'what the token must name as `aud`',
  algorithms: 'what a token may be signed with',
  role_claim:
    'only of `auth.control_plane`: the claim that names the role; may be a dotted path such as `"custom.role"`',
}

const RATE_LIMIT: Reference<NonNullable<NonNullable<Auth['rate_limits']>['submit']>> = {
  limit: 'so many requests of a subject in each `period`',
  period: 'seconds',
}

const WEBHOOK: Reference<NonNullable<Sluice['webhooks']>[number]> = {
  url: { meaning: 'where they are sent', type: 'URL' },
  events: 'which are sent',
}

const CORS: Reference<NonNullable<Sluice['cors']>> = {
  origins:
    'as browsers send them, letter by letter: scheme, host and port, without a final slash; or `"*"` for every page',
  credentials: 'cookies and HTTP credentials of the browser may go along; not with `"*"`',
}

export const SLUICE_TABLES: readonly TableReference[] = [
  { id: 'sluice', paths: [''], keys: SLUICE },
  { id: 'cors', paths: ['cors'], keys: CORS },
  { id: 'auth', paths: ['auth'], keys: AUTH },
  { id: 'verifier', paths: ['auth.control_plane', 'auth.users'], keys: VERIFIER },
  {
    id: 'rate-limit',
    paths: ['submit', 'poll', 'content', 'list', 'cancel', 'other'].map((each) => `auth.rate_limits.${each}`),
    keys: RATE_LIMIT,
  },
  { id: 'webhook', paths: ['webhooks.[]'], keys: WEBHOOK },
]
