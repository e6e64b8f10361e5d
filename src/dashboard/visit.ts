/** One visit to a page: the port of this request, the language, and how an answer leaves. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { LANGUAGES, languageOf } from './language.ts'
import { type Frame, hereOf, PAGE_HEADERS, type Rendered, type Tab } from './pages/layout.tsx'
import type { DashboardPort } from './port.ts'
import type { Text } from './text/index.ts'

export interface Visit {
  port: DashboardPort
  t: Text
  frame(title: string, tab: Tab, release: string | null): Frame
}

export function visitOf(c: Context, port: DashboardPort): Visit {
  const language = languageOf(c)
  const t = LANGUAGES[language]
  const caller = { ...port.actor, environment: port.environment }
  return {
    port,
    t,
    frame: (title, tab, release) => ({ t, language, here: hereOf(c), title, tab, release, caller }),
  }
}

export async function answer(c: Context, page: Rendered, status = 200): Promise<Response> {
  return c.html(page, status as ContentfulStatusCode, { ...PAGE_HEADERS })
}

/** Fields of a form, from the body of a post or else from the query. How large a body may be is the mount's to say. */
export async function fieldsOf(c: Context): Promise<URLSearchParams> {
  if (c.req.method !== 'POST') return new URL(c.req.url).searchParams
  // Read as bytes: workerd warns where text() is asked of a form.
  return new URLSearchParams(new TextDecoder().decode(await c.req.arrayBuffer()))
}

/** The version that a form was made from, so that a change by somebody else isn't overwritten; null where it names none. */
export function versionOf(fields: URLSearchParams): number | null {
  const text = fields.get('version') ?? ''
  return /^\d+$/.test(text) ? Number(text) : null
}

/** As `BreaksGlass` in `pages/parts.tsx` sends it. */
export function breaksGlass(fields: URLSearchParams): boolean {
  return fields.get('break_glass') === '1'
}
