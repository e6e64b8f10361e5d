/** JSON as text: whether it is any, told cheaply where it is not; and changed where it stands, every other character as it was written. */

const BACKSLASH = 0x5c

/** Begins like an object or array. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[{[]/.test(text)
}

/** Builds all of its values for a moment: only for texts whose size in members is known. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Just past the closing quote of the string that opens at `start`: the first that no odd run of backslashes escapes.
 * The text's end where it never closes.
 */
export function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return text.length
}

/** `path`: the keys down to the place. It is one array that changes from call to call, since a copy would cost its length each time. */
export interface JsonEditor {
  /** What stands for the key that ends `path`; null takes its member out. */
  key(path: string[]): string | null
  /** What stands for a string; null takes it out, with its member or as an element. `levels`: brackets around it. */
  text(text: string, path: string[], levels: number): string | null
}

interface Edit {
  start: number
  end: number
  text: string
}

/** An array or object that is open, and where its items stand. */
interface Level {
  isObject: boolean
  /** Of the keys down to it. */
  depth: number
  /** The current item: where it starts, how many edits there were before it, and what is known of it. */
  start: number
  mark: number
  isOpen: boolean
  hasKey: boolean
  isGone: boolean
  /** Where the item before ended, and whether any before stays. */
  before: number
  hasKept: boolean
  /** Start of items that are taken out before any stays; -1 for none. */
  cutFrom: number
}

const SCALAR = /[^\s,\]}]+/y

/**
 * `source` must be JSON that `JSON.parse` reads, however deep. Without a change the very same text comes back.
 * `path`: the keys down to it, where it stands as text in other JSON; given back as it was.
 */
export function editJson(source: string, editor: JsonEditor, path: string[] = []): string {
  const above = path.length
  const edits: Edit[] = []
  const levels: Level[] = [levelOf(false, above)]
  let i = 0
  while (i < source.length) {
    const char = source[i] as string
    const level = levels.at(-1) as Level
    if (char === '}' || char === ']') {
      if (level.cutFrom >= 0) edits.push({ start: level.cutFrom, end: level.before, text: '' })
      levels.pop()
      endItem(levels.at(-1) as Level, ++i, edits)
    } else if (char === ',' || char === ':' || isSpace(char)) {
      i++
    } else {
      if (!level.isOpen) beginItem(level, i, edits)
      path.length = level.depth + (level.hasKey ? 1 : 0)
      i = char === '"' ? editString(source, i, { levels, path, edits, editor }) : enter(source, i, level, levels, edits)
    }
  }
  path.length = above
  return applied(source, edits)
}

/** The same with its keys as they are. */
export function editTexts(source: string, text: JsonEditor['text'], path?: string[]): string {
  return editJson(source, { key: (at) => at.at(-1)!, text }, path)
}

/** Opens an array or object at `i`, or passes a number, `true`, `false` or `null`. Returns where to go on. */
function enter(source: string, i: number, level: Level, levels: Level[], edits: Edit[]): number {
  const char = source[i]
  if (char === '{' || char === '[') {
    levels.push(levelOf(char === '{', level.depth + (level.hasKey ? 1 : 0)))
    return i + 1
  }
  SCALAR.lastIndex = i
  SCALAR.test(source)
  endItem(level, SCALAR.lastIndex, edits)
  return SCALAR.lastIndex
}

interface Place {
  levels: Level[]
  path: string[]
  edits: Edit[]
  editor: JsonEditor
}

function editString(source: string, start: number, { levels, path, edits, editor }: Place): number {
  const level = levels.at(-1) as Level
  const end = stringEnd(source, start)
  const raw = source.slice(start + 1, end - 1)
  const text = raw.includes('\\') ? (JSON.parse(source.slice(start, end)) as string) : raw
  const isKey = level.isObject && !level.hasKey
  if (isKey) path.push(text)
  const shown = isKey ? editor.key(path) : editor.text(text, path, levels.length - 1)
  if (shown === null) level.isGone = true
  else if (shown !== text) edits.push({ start, end, text: JSON.stringify(shown) })
  if (isKey) level.hasKey = true
  else endItem(level, end, edits)
  return end
}

function levelOf(isObject: boolean, depth: number): Level {
  const item = { start: 0, mark: 0, isOpen: false, hasKey: false, isGone: false }
  return { isObject, depth, ...item, before: 0, hasKept: false, cutFrom: -1 }
}

function beginItem(level: Level, start: number, edits: Edit[]): void {
  if (level.cutFrom >= 0) edits.push({ start: level.cutFrom, end: start, text: '' })
  level.start = start
  level.mark = edits.length
  level.isOpen = true
  level.isGone = false
  level.cutFrom = -1
}

/** An item that goes takes the comma before it along, or, where nothing before stays, the one after. */
function endItem(level: Level, end: number, edits: Edit[]): void {
  if (level.isGone) {
    edits.length = level.mark
    if (level.hasKept) edits.push({ start: level.before, end, text: '' })
    else level.cutFrom = level.start
  } else level.hasKept = true
  level.before = end
  level.isOpen = false
  level.hasKey = false
}

function applied(source: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return source
  let result = ''
  let read = 0
  for (const { start, end, text } of edits) {
    result += source.slice(read, start) + text
    read = end
  }
  return result + source.slice(read)
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t'
}
