/** The frame around every page: headers, head, navigation, language link, and where scripts are named. */
import { actorOf } from '../../describe/names.ts'
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Child, FC } from 'hono/jsx'
import type { Role } from '../../api/index.ts'
import { assetPath } from '../assets.ts'
import { whoName } from '../format.ts'
import type { Language } from '../language.ts'
import type { Text } from '../text/index.ts'

/** Of every page. The policy allows nothing inline and nothing from elsewhere. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
}

export type Tab = 'releases' | 'overview' | 'experiment' | 'jobs' | 'config' | 'changes' | 'history' | null

export interface Frame {
  t: Text
  language: Language
  /** Path and query of this page as GET reads it; the language link is made of it. */
  here: string
  title: string
  tab: Tab
  release: string | null
  /** Null before log-in. */
  caller: { who: string; role: Role; environment: string } | null
}

/** What a page is rendered to: ready for `c.html`. */
export type Rendered = ReturnType<typeof html>

export function page(frame: Frame, body: Child, extra: { scripts?: boolean; refreshSeconds?: number } = {}): Rendered {
  const { t } = frame
  return html`<!doctype html>${(
      <html lang={frame.language === 'zh' ? 'zh-Hans' : 'en'}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${frame.title} · Sluice`}</title>
          <link rel="icon" href="data:," />
          <link rel="stylesheet" href={assetPath('style')} />
          {extra.refreshSeconds ? (
            <noscript>
              <meta http-equiv="refresh" content={String(extra.refreshSeconds)} />
            </noscript>
          ) : null}
          {extra.scripts ? (
            <>
              <script src={assetPath('uplot')} defer></script>
              <script src={assetPath('charts')} defer></script>
              <script src={assetPath('dialog')} defer></script>
              <script src={assetPath('page')} defer></script>
            </>
          ) : null}
        </head>
        <body>
          <a class="skip" href="#content">
            {t.nav.skip}
          </a>
          <Navigation frame={frame} />
          {body}
        </body>
      </html>
    )}`
}

const Navigation: FC<{ frame: Frame }> = ({ frame }) => {
  const { t, tab, release, caller } = frame
  const link = (to: Tab, href: string, words: string): Child => (
    <a href={href} aria-current={tab === to ? 'page' : undefined}>
      {words}
    </a>
  )
  return (
    <header class="bar">
      <nav aria-label={t.nav.main}>
        <a class="brand" href="/_sluice/">
          Sluice
        </a>
        {caller ? link('releases', '/_sluice/', t.releases.title) : null}
        {caller && release !== null ? (
          <>
            {link('overview', pathOf(release), t.nav.overview)}
            {link('experiment', `${pathOf(release)}/report`, t.report.title)}
            {link('jobs', `${pathOf(release)}/jobs`, t.jobs.title)}
            {link('config', `${pathOf(release)}/config`, t.config.title)}
            {link('changes', `${pathOf(release)}/changes`, t.changes.title)}
            {link('history', `${pathOf(release)}/history`, t.history.title)}
          </>
        ) : null}
      </nav>
      <div class="who">
        {caller ? (
          <>
            <span>{caller.environment}</span>
            <span title={caller.who}>{`${whoName(caller.who, t)} · ${t.roles[caller.role]}`}</span>
            {actorOf(caller.who).kind === 'token' ? (
              <form method="post" action="/_sluice/logout">
                <button class="link" type="submit">
                  {t.login.logout}
                </button>
              </form>
            ) : null}
          </>
        ) : null}
        <a href={withLanguage(frame.here, t.other.lang)} lang={t.other.lang} hreflang={t.other.lang}>
          {t.other.name}
        </a>
      </div>
    </header>
  )
}

/** Path of a release's page. Names come from configuration and are written as any text. */
export function pathOf(release: string): string {
  return `/_sluice/releases/${encodeURIComponent(release)}`
}

function withLanguage(here: string, language: string): string {
  const url = new URL(here, 'http://sluice.invalid')
  url.searchParams.set('lang', language)
  return url.pathname + url.search
}

/** Path and query of a request. */
export function hereOf(c: Context): string {
  const url = new URL(c.req.url)
  return url.pathname + url.search
}
