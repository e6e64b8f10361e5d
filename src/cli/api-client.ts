/**
 * Calls of the control plane's API. A refusal and an unreachable server become a `Failure` that says
 * what was tried and what to do; retrying is the callers' decision.
 */
import * as v from 'valibot'
import { withoutEndSlashes } from '../config/fields.ts'
import { issueWords } from '../config/issue-words.ts'
import { errorSchema } from '../api/index.ts'
import { EXIT, Failure } from './failure.ts'
import { printable } from './terminal.ts'
import { plural, withEnd } from './words.ts'

export interface Reply<T> {
  /** What this CLI knows of the answer, safe to print. */
  value: T
  /** The answer as it came. */
  raw: unknown
}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  ifMatch?: number | undefined
}

export interface ApiClient {
  /** `path` is under `/_sluice/api/v1`. */
  call<S extends v.GenericSchema>(path: string, schema: S, call?: Call): Promise<Reply<v.InferOutput<S>>>
  /** An answer that is text, by lines that are safe to print. */
  lines(path: string, query: Call['query']): Promise<string[]>
}

const TIMEOUT_MS = 30_000
const JSON_TYPE = 'application/json'

export function createApiClient(baseUrl: string, token: string | undefined): ApiClient {
  const base = withoutEndSlashes(baseUrl).replace(/\/_sluice$/, '')
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  const ask = async (path: string, { method = 'GET', query = {}, body, ifMatch }: Call, accept: string) => {
    const url = new URL(`${base}/_sluice/api/v1/${path}`)
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value))
    const headers: Record<string, string> = { accept, ...authorization }
    if (body !== undefined) headers['content-type'] = JSON_TYPE
    if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`
    const request: RequestInit = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) }
    if (body !== undefined) request.body = JSON.stringify(body)
    const { response, text } = await send(url, request)
    const [raw, tried] = [parsed(text), `${method} ${url.href}`]
    if (!response.ok || (raw === undefined && accept === JSON_TYPE)) throw refusal(tried, response, raw, Boolean(token))
    return { text, raw, tried }
  }
  return {
    async lines(path, query) {
      const { text } = await ask(path, query ? { query } : {}, '*/*')
      return text.trimEnd().split('\n').map(printable)
    },
    async call(path, schema, call = {}) {
      const { raw, tried } = await ask(path, call, JSON_TYPE)
      const known = v.safeParse(schema, raw)
      if (known.success) return { value: printable(known.output), raw }
      if (!known.issues.every(isNewWord)) throw misfit(tried, known.issues, raw)
      return { value: printable(raw as v.InferOutput<typeof schema>), raw }
    },
  }
}

async function send(url: URL, request: RequestInit): Promise<{ response: Response; text: string }> {
  try {
    const response = await fetch(url, request)
    return { response, text: await response.text() }
  } catch (cause) {
    const lines = [
      `tried: ${request.method} ${url.href}`,
      `got:   ${reasonOf(cause)}`,
      'Is the gateway running (`npm start`, `npm run dev`), and is --url or SLUICE_URL its address?',
    ]
    if (request.method !== 'GET')
      lines.push('Whether the change was made is not known: check with `sluice status` before you repeat it.')
    throw new Failure(EXIT.refused, `no answer from ${url.origin}`, { code: 'unreachable', lines, cause })
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} s`
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message || String((cause as NodeJS.ErrnoException).code ?? cause.name)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal(tried: string, response: Response, raw: unknown, withToken: boolean): Failure {
  const known = v.safeParse(errorSchema, raw)
  if (!known.success) {
    const type = response.headers.get('content-type') ?? 'no content type'
    const to = response.headers.get('location')
    return new Failure(EXIT.refused, `not an answer of Sluice: ${response.status} ${type}`, {
      code: 'not_sluice',
      lines: [
        `tried: ${tried}`,
        ...(to
          ? [`It points to ${printable(to)}: a login page in front of the gateway? Use a token that passes it.`]
          : []),
        'Is --url or SLUICE_URL the address of a Sluice gateway?',
      ],
      body: raw,
    })
  }
  const { code, message, details, request_id } = printable(known.output.error)
  // The sentence lists the legal actions; and that of a single fault is the fault's own.
  const more = details.filter((detail) => detail.code !== 'legal_action' && detail.message !== message)
  const lines = more.map(detailWords)
  const hint = hintOf(response, code, details[0]?.code, withToken)
  if (hint) lines.push(hint)
  if (response.status >= 500) lines.push(`request ${request_id}`)
  // What blocks stands below, with when it ends: once is enough.
  const said = code === 'blocked' ? `nothing was changed: it waits for ${plural(details.length, 'thing')}` : message
  return new Failure(EXIT.refused, `${said} (${code})`, {
    lines,
    body: raw,
    refusal: { code, status: response.status },
  })
}

/** What blocks has its code as its path, and a sentence that says what it is about. */
function detailWords({
  path,
  code,
  message,
  params: { until },
}: v.InferOutput<typeof errorSchema>['error']['details'][0]): string {
  if (path !== '' && path !== code) return `${path}: ${message}`
  return isMoment(until) ? withEnd(message, until, Date.now()) : message
}

function isMoment(value: string | number | undefined): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

/** By the code of a refusal's detail, which says more, or else by its own. */
const HINTS: Partial<Record<string, string>> = {
  token_expired: 'Get a new token from its issuer.',
  token_too_old: 'Get a new token from its issuer.',
  token_not_yet_valid: 'Wait until then; if that has passed, a clock is wrong: the issuer’s or the gateway’s.',
  auth_not_configured:
    'The gateway has no tokens yet: `wrangler secret put SLUICE_TOKENS`, or .dev.vars on your machine.',
  forbidden: 'This token’s role does not allow it.',
  version_mismatch:
    'Someone else changed it since: check it, then repeat it, with the new --if-match where you gave one.',
  review_required:
    'Make a change request with `sluice config propose` if there is none yet, and let somebody else review and publish it. In need an admin goes past it alone: `sluice config set … --break-glass --reason …`, or `config publish … --break-glass --message …`; the history and a webhook say so.',
  control_plane_unavailable:
    'The data plane goes on with the last split. If the candidate is bad and this stays: `echo 1 | npx wrangler secret put SLUICE_FORCE_CONTROL` sends every new submit to control.',
  change_stale: 'Put it on top of the version in effect with `sluice config rebase`, then check it again.',
}

function hintOf(response: Response, code: string, detail: string | undefined, withToken: boolean): string | undefined {
  const known = HINTS[detail ?? ''] ?? HINTS[code]
  if (known !== undefined) return known
  const after = response.headers.get('retry-after')
  if (code === 'rate_limited') return after ? `Try again in ${printable(after)} s.` : undefined
  if (code !== 'unauthenticated') return undefined
  return withToken
    ? 'The token was not accepted: is it one of this gateway’s SLUICE_TOKENS, or signed by the issuer that it trusts?'
    : 'No token was sent: give --token or set SLUICE_TOKEN (`npm start` prints one).'
}

/** A newer gateway may use a word that is not in a list here, such as a new state: no reason to fail at night. */
function isNewWord(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'picklist'
}

function misfit(tried: string, issues: readonly v.BaseIssue<unknown>[], body: unknown): Failure {
  return new Failure(EXIT.refused, 'the answer is not what this version of the command knows', {
    code: 'unknown_answer',
    lines: [
      `tried: ${tried}`,
      ...issues.slice(0, 5).map((issue) => printable(`${v.getDotPath(issue) ?? '(root)'}: ${issueWords(issue)}`)),
      ...(tried.startsWith('GET ') ? [] : ['The gateway did accept the change.']),
      'Is the gateway of another version? `--json` prints its answer as it came.',
    ],
    body,
  })
}
