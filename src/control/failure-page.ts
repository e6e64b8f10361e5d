/**
 * A failure as a page for people: a browser that opens a page or sends a form must not be shown JSON. Programs and the
 * API keep the error's own body; what failed and with which status is decided before this.
 */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { SluiceError } from '../core/errors.ts'
import { LANGUAGES, languageOf } from '../dashboard/language.ts'
import { hereOf, PAGE_HEADERS } from '../dashboard/pages/layout.tsx'
import { problemPage } from '../dashboard/pages/problem.tsx'
import { toLogin } from './login.ts'
import type { ControlEnv } from './pipeline.ts'

/** Whether this request comes from somebody who looks at pages. */
export function wantsPage(c: Context): boolean {
  return (c.req.header('accept') ?? '').includes('text/html') && !c.req.path.startsWith('/_sluice/api/')
}

/** Strangers are sent to the log-in, and from there back to where they were. */
export function failurePage(c: Context<ControlEnv>, error: SluiceError): Response | Promise<Response> {
  if (error.code === 'unauthenticated') return toLogin(c)
  const language = languageOf(c)
  const t = LANGUAGES[language]
  // A request may fail before its caller, or even the configuration, is known.
  const { caller, config, requestId, service } = c.var as Partial<ControlEnv['Variables']>
  const release = c.req.param('name') ?? null
  const known = service?.lastKnown().filter((each) => release === null || each.release === release) ?? []
  const frame = {
    t,
    language,
    here: hereOf(c),
    title: t.problem.other,
    tab: null,
    release,
    caller: caller && config ? { who: caller.who, role: caller.role, environment: config.environment } : null,
  }
  const page = problemPage(frame, error, { known, requestId })
  return c.html(page, error.status as ContentfulStatusCode, { ...error.headers, ...PAGE_HEADERS })
}
