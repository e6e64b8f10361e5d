/** Log-in and log-out of browsers. The page is the dashboard's, the session's form is session.ts'; roles are not asked. */
import type { Context } from 'hono'
import { findToken } from '../auth/tokens.ts'
import { SluiceError } from '../core/errors.ts'
import { PAGE_HEADERS } from '../dashboard/pages/layout.tsx'
import { languageOf } from '../dashboard/language.ts'
import { LOGIN_REASONS, loginPage, type LoginReason } from '../dashboard/pages/login.tsx'
import { requireOwnOrigin } from './identity.ts'
import type { ControlEnv } from './pipeline.ts'
import { readText, wrongKey } from './read-request.ts'
import { mayHoldSession, sealSession, sessionCookie } from './session.ts'

const HOME = '/_sluice/'
export const LOGIN_PATH = '/_sluice/login'

export function showLogin(c: Context<ControlEnv>): Response | Promise<Response> {
  const why = LOGIN_REASONS.find((known) => known === c.req.query('why')) ?? null
  return loginAnswer(c, nextOf(c.req.query('next')), why)
}

export async function takeLogin(c: Context<ControlEnv>, nowMs: number): Promise<Response> {
  requireOwnOrigin(c.req.raw)
  const url = new URL(c.req.url)
  const [key] = c.var.identity.cookieKeys
  if (key === undefined) throw new SluiceError('auth_not_configured', 'set the secret SLUICE_COOKIE_KEY to log in here')
  if (!mayHoldSession(url))
    throw wrongKey('session', 'needs_https', 'needs https', 'a session needs https, except on the machine itself')
  const form = new URLSearchParams(await readText(c.req.raw.body))
  const next = nextOf(form.get('next') ?? undefined)
  const token = findToken(c.var.identity.tokens, form.get('token')?.trim() ?? '')
  if (!token) return loginAnswer(c, next, 'wrong')
  c.header('set-cookie', sessionCookie(url, await sealSession(token, key, nowMs)), { append: true })
  return c.redirect(next, 303)
}

export function takeLogout(c: Context<ControlEnv>): Response {
  requireOwnOrigin(c.req.raw)
  c.header('set-cookie', sessionCookie(new URL(c.req.url), ''), { append: true })
  return c.redirect(LOGIN_PATH, 303)
}

/** Where a browser without a session is sent: to the log-in and from there back. What it sent is told to be undone. */
export function toLogin(c: Context): Response {
  const { pathname, search } = new URL(c.req.url)
  const why: LoginReason | null = c.req.method === 'POST' ? 'unsent' : null
  return c.redirect(`${LOGIN_PATH}?next=${encodeURIComponent(pathname + search)}${why ? `&why=${why}` : ''}`, 303)
}

function loginAnswer(c: Context, next: string, why: LoginReason | 'wrong' | null): Response | Promise<Response> {
  const status = why === 'wrong' ? 401 : 200
  return c.html(loginPage({ why, next, lang: languageOf(c) }), status, { ...PAGE_HEADERS })
}

/** Only pages of the control plane itself: a log-in must not send anybody elsewhere. */
function nextOf(given: string | undefined): string {
  if (!given?.startsWith(HOME)) return HOME
  const base = 'https://sluice.invalid'
  const url = URL.canParse(given, base) ? new URL(given, base) : null
  const own = url?.origin === base && url.pathname.startsWith(HOME) && url.pathname !== LOGIN_PATH
  return own ? url.pathname + url.search : HOME
}
