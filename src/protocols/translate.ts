/**
 * An answer with the backend's ids and URLs turned into what the client must use. Works on the text of any
 * JSON and on header values, and changes nothing else in them; says nothing of who knows which id.
 */
import { remembered } from '../core/remembered.ts'
import { withoutRepeats } from './answer-json.ts'
import { editJson } from './body/json-text.ts'
import { isPlain } from './id-tokens.ts'
import { ADDRESS_HEADERS, holdsFile, SERVER_PATHS } from './member-names.ts'
import type { JobProtocol } from './protocol.ts'
import { translatorOfOneJob } from './translate-one-job.ts'
import { type Translation, type Translate, translatorOf, type WireWords } from './translate-string.ts'

type Translators = Pick<JobProtocol, 'translate' | 'translateHeader'>

/** Of a wire with these words; `first` is made of an answer's text before. */
export function translatedBy(words: WireWords, first = (text: string) => text): Translators {
  return {
    translate: (text, translation) => translateAnswer(first(text), translation, words),
    translateHeader: (name, value, translation) => translateText(value, translation, name, words),
  }
}

/**
 * The same of a wire whose jobs stand below a model's or an app's own path: those of both arms
 * look like the client's own, which is where it asks. Its words below each prefix are kept, since what is worked out for
 * them once is kept by them.
 */
export function translatedBelow(route: JobProtocol['route'], words: WireWords): Translators {
  const readPath = (path: string) => route('GET', path)
  const below = remembered({ entries: 100, chars: 512 }, (prefix) => {
    const showPath = (path: string) => {
      const { job, prefix: own } = readPath(path)
      return job === null || prefix === '' || !path.startsWith(`${own}/`) ? path : prefix + path.slice(own.length)
    }
    return translatedBy({ readPath, showPath, ...words })
  })
  return {
    translate: (text, translation) => below(translation.prefix).translate(text, translation),
    translateHeader: (name, value, translation) => below(translation.prefix).translateHeader(name, value, translation),
  }
}

/**
 * Text in, text out: where nothing is to change the very same, byte for byte. In a good answer members that
 * hold server paths or `file:` URLs are cut; an error keeps them, being the backend's own words. Text that is
 * no JSON (a proxy's error page, an answer cut off), or holds more than an answer may, is read as words: an id in it
 * is of no use to the client there either.
 */
export function translateAnswer(text: string, translation: Translation, words: WireWords = {}): string {
  const exact = words.ownText ? null : withOneId(text, translation, NEEDS_READING)
  if (exact !== null) return exact
  const { holdsFile: isFileAt = holdsFile, holdsOwnUrl: isOwnAt = () => false } = words
  const { keeps = () => false, ownText = () => null } = words
  let inFull: Translate | null = null
  const shown = withoutRepeats(text)
  if (shown === null) return translateText(text, translation, '', words)
  const ofOneJob = translatorOfOneJob(translation, words)
  const translate: Translate = (...given) =>
    ofOneJob(...given) ?? (inFull ??= translatorOf(translation, words))(...given)
  const cuts = !translation.isError
  return editJson(shown, {
    key: (path) => {
      const name = path.at(-1)!
      if (keeps(path)) return name
      return cuts && SERVER_PATHS.has(name) ? null : translate(name, '')
    },
    text: (string, path) => {
      if (keeps(path)) return string
      const own = ownText(string, path)
      if (own !== null) return own
      // Dynamo may answer `file:///…`, which only its own machine can open.
      if (cuts && string.startsWith('file:')) return null
      return translate(string, path.at(-1) ?? '', isFileAt(path), isOwnAt(path))
    },
  })
}

const ID_NAME = /"([a-z]{1,16}_)?id"\s*:\s*$/
/** What makes more of an answer than its id matter: URLs, rooted paths, files, encoded and escaped text. */
const NEEDS_READING = /\/\/|"\/|[\\%]|url|_path|file:/i

/**
 * The usual answer to a submit or a poll, at the cost of a search: the one known id stands there once, as the value of
 * `id` or `task_id` and the like, and nothing else in it can need a change, which `needsReading` says. Null for every other.
 */
export function withOneId(text: string, { ids }: Translation, needsReading: RegExp): string | null {
  if (ids.size !== 1) return null
  const [id, own] = ids.entries().next().value!
  const at = text.indexOf(`"${id}"`)
  if (at < 0 || text.indexOf(id, at + 2) >= 0 || text.indexOf(id) !== at + 1) return null
  if (isPlain(id) || needsReading.test(text)) return null
  const [name] = ID_NAME.exec(text.slice(Math.max(0, at - 32), at)) ?? []
  // Under a name that stands there twice there may be another id.
  if (name === undefined || !isOnce(text, name.slice(0, name.lastIndexOf('"') + 1))) return null
  return text.slice(0, at + 1) + own + text.slice(at + 1 + id.length)
}

function isOnce(text: string, part: string): boolean {
  const at = text.indexOf(part)
  return at >= 0 && text.indexOf(part, at + 1) < 0
}

/**
 * One string: an id, a URL or path, or words with any of them inside, such as the values of
 * Location, Content-Location and Content-Disposition. URLs of other hosts stay whole, since a
 * changed one, signed or not, leads nowhere.
 *
 * `name` is that of its member or header. Under the wire's own values (`status`, `seconds`, `model` …) only URLs
 * are looked for. A plain id (a short counter or a word) is replaced only where a name says that an id stands
 * there, or as the job in a path.
 */
export function translateText(text: string, translation: Translation, name = '', words: WireWords = {}): string {
  if (!/[/%]/.test(text) && ![...translation.ids.keys()].some((id) => text.includes(id))) return text
  return translatorOf(translation, words)(text, name, ADDRESS_HEADERS.has(name))
}
