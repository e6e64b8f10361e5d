/** Which language a page is written in: `?lang=`, else the cookie of an earlier choice, else what the browser asks for. */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { en, zh } from './text/index.ts'

export const LANGUAGES = { en, zh } as const
export type Language = keyof typeof LANGUAGES
const COOKIE = 'sluice_lang'

/** Remembers a choice made by `?lang=`. */
export function languageOf(c: Context): Language {
  const asked = known(c.req.query('lang'))
  if (asked) {
    setCookie(c, COOKIE, asked, { path: '/_sluice', sameSite: 'Lax', httpOnly: true, maxAge: 31_536_000 })
    return asked
  }
  return known(getCookie(c, COOKIE)) ?? preferred(c.req.header('accept-language') ?? '')
}

function known(value: string | undefined): Language | null {
  return value === 'en' || value === 'zh' ? value : null
}

/** The first of the header's languages, by its weights, that is spoken here. */
function preferred(header: string): Language {
  const wishes = header
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().toLowerCase().split(';')
      const weight = parameters.find((p) => p.trim().startsWith('q='))
      return { language: known(tag.split('-')[0]), weight: weight ? Number(weight.trim().slice(2)) : 1 }
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
  return wishes.find(({ language }) => language !== null)?.language ?? 'en'
}
