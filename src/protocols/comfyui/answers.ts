/**
 * ComfyUI's answers and messages for a client: ids in its own spelling, files under names that lead back to the arm that
 * made them, since what asks for a file names no job.
 */
import { answerJson, isObject } from '../answer-json.ts'
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import type { Translation, WireWords } from '../translate-string.ts'
import { translateAnswer, withOneId } from '../translate.ts'
import { endingOf, routeComfy, viewPath } from './routes.ts'
import { withoutCaller } from './socket.ts'
import { inputIn } from './submit.ts'

/** Members that hold what nodes have made: on top, in a message's data or in a job's entry, never deeper. */
const OUTPUTS = new Set(['outputs', 'output', 'preview_output'])
/** An input was its client's to begin with. */
const MADE = new Set(['output', 'temp'])
const MAX_DEPTH = 12
/** More files of one answer keep the names that their server gave them, which lead nowhere. */
const MAX_FILES = 500

export function translateComfy(text: string, translation: Translation): string {
  // A job that goes on is `{}`.
  if (text.length <= 2) return text
  return withOneId(text, translation, NEEDS_READING) ?? translateAnswer(text, translation, wordsOf(translation, text))
}

/** What makes more of an answer or a message than its id matter. */
const NEEDS_READING = /"(?:filename|prompt|client_id|sid|input)"|"\/|[\\%]|\/\/|url|_path|file:/i

export const readPath = (path: string) => routeComfy('GET', path)

function wordsOf(translation: Translation, text: string): WireWords {
  const { ids, fileUrl, isError } = translation
  const sealed = fileUrl && !isError && text.includes('"filename"') ? sealedNames(text, translation) : null
  const input = text.includes('"input"') ? inputIn(answerJson(text)) : null
  const inputId = input === null ? undefined : ids.get(input)
  return {
    readPath,
    holdsFile: () => false,
    // The submit as it came: a list with the backend's id, and else the client's own words.
    keeps: (path) => path[1] === 'prompt' && path.length > 2 && path.at(-1) !== 'client_id',
    ownText: (string, path) => {
      const name = path.at(-1)
      if (inputId !== undefined && path.length === 1 && name === 'name') return inputId
      if (inputId !== undefined && path.length === 1 && name === 'subfolder') return ''
      if (name === 'client_id' || name === 'sid') return withoutCaller(string)
      const other = name === 'filename' ? sealed?.get(placeOf(path))?.pop() : undefined
      if (other !== undefined) return other
      return path[1] === 'prompt' ? (ids.get(string) ?? string) : null
    },
  }
}

/** What each file name becomes, by its place; of several at one place the first is the last in the list. */
function sealedNames(text: string, { ids, prefix, fileUrl }: Translation): Map<string, string[]> {
  const names = new Map<string, string[]>()
  const job = jobOf(ids)
  let left = MAX_FILES
  const walk = (value: unknown, path: string[], isMade: boolean): void => {
    if (left <= 0 || path.length > MAX_DEPTH) return
    if (Array.isArray(value)) for (const item of value) walk(item, path, isMade)
    if (!isObject(value)) return
    const { filename, subfolder = '', type } = value
    const at = isMade && typeof filename === 'string' ? placeOf([...path, 'filename']) : ''
    if (at !== '' && typeof filename === 'string') {
      left--
      const isFile = typeof subfolder === 'string' && typeof type === 'string' && MADE.has(type) && filename !== ''
      const own = isFile
        ? // The first piece of the gateway's path says which file it is.
          fileUrl!(viewPath(prefix, { filename, subfolder, type }) + job).split('/')[1] + endingOf(filename)
        : filename
      const list = names.get(at) ?? []
      list.unshift(own)
      names.set(at, list)
    }
    for (const [name, inner] of Object.entries(value))
      walk(inner, [...path, name], isMade || (path.length < 2 && OUTPUTS.has(name)))
  }
  walk(answerJson(text), [], false)
  return names
}

/** One text for a place; '' for what is deeper, or longer, than any place of a file. */
function placeOf(path: readonly string[]): string {
  const isShort = path.length <= MAX_DEPTH + 1 && path.every(({ length }) => length <= MAX_NAME_CHARS)
  return isShort ? path.join('\n') : ''
}

/** Whose files they are, as a fragment: an answer and a message are about one job; '' where it is not known. */
function jobOf(ids: ReadonlyMap<string, string>): string {
  const [id, ...others] = ids.keys()
  return id === undefined || others.length > 0 ? '' : `#${encodeURIComponent(id)}`
}
