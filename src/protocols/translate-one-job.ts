/**
 * The strings of an answer about one job, at the cost of a look-up. It names the job's own addresses again and again, and
 * what these become depends on the job no further than that its id stands in them.
 */
import { rememberedBy } from '../core/remembered.ts'
import { PROMPTS, VALUES } from './member-names.ts'
import { type Translation, translatorOf, type WireWords } from './translate-string.ts'

/** Ids that are no word of a path, a sentence or a wire. */
const LONG_ID = /^[\w-]{16,128}$/
const MAX_ADDRESS_CHARS = 1024
/** Stand for a job's two ids where an address is worked out once for all jobs. */
const ANY = 'any-job-0000000000-'
const ANY_ID = `${ANY}at-its-backend`
const ANY_OWN = `${ANY}of-its-client`

/** The same as `Translate`, but null for each string that is to be read in full. */
export type TranslateOfOneJob = (text: string, name: string, isFile?: boolean, isOwn?: boolean) => string | null

export function translatorOfOneJob(translation: Translation, words: WireWords): TranslateOfOneJob {
  const { ids, upstreamOrigin, gatewayOrigin, webhookOf } = translation
  const [first] = ids
  if (ids.size !== 1 || !first) return () => null
  const [id, own] = first
  if (!LONG_ID.test(id) || !/\d/.test(id) || !LONG_ID.test(own)) return () => null
  const places = `${upstreamOrigin}\n${gatewayOrigin}\n`

  return (text, name, isFile = false, isOwn = false) => {
    if (PROMPTS.has(name)) return text
    if (VALUES.has(name) && !words.idNames?.has(name)) return text.includes('//') ? null : text
    const at = text.indexOf(id)
    if (at < 0) return /[/%]/.test(text) ? null : text
    if (isFile) return null
    if (at === 0 && text.length === id.length) return own
    const path = pathOf(text)
    if (path < 0 || at <= path || text.includes(id, at + 1) || text.length > MAX_ADDRESS_CHARS) return null
    if (/[\s%]/.test(text) || text.includes(ANY) || text.includes('//', path) || (webhookOf?.(text) ?? null) !== null)
      return null
    const shape = text.slice(0, at) + ANY_ID + text.slice(at + id.length)
    const shown = addressOfAny(words, `${isOwn ? 1 : 0}\n${places}${shape}`)
    return shown.replace(ANY_OWN, () => own).replace(ANY_ID, () => id)
  }
}

/** Where the path of a URL, or of a rooted path, begins; -1 for what is neither. */
function pathOf(text: string): number {
  if (text.startsWith('/')) return 0
  return text.startsWith('http://') || text.startsWith('https://') ? text.indexOf('/', 8) : -1
}

const addressOfAny = rememberedBy({ entries: 500, chars: 2 * MAX_ADDRESS_CHARS }, (words: WireWords, key) => {
  const [isOwn, upstreamOrigin = '', gatewayOrigin = '', url = ''] = key.split('\n')
  const translation = { ids: new Map([[ANY_ID, ANY_OWN]]), upstreamOrigin, gatewayOrigin, prefix: '' }
  return translatorOf(translation, words)(url, '', false, isOwn === '1')
})
