/** Which ids can be told from other words, and where they stand inside a text as whole tokens. */

/**
 * A counter of few digits, or a word without any (`completed`, `in_progress`, `fox`): both stand in sizes, states,
 * durations and sentences too, so that such an id is one only where something else says so.
 */
const PLAIN = /^(\d{1,5}|[A-Z]?[a-z]+([._ -][a-z]+)*|[A-Z]+)$/

export function isPlain(id: string): boolean {
  return PLAIN.test(id)
}

/** Beyond it an id is found as a whole value only: each of these may cost a step at each piece of a text. */
const MAX_PIECES = 32

/** A tree of the pieces that spellings consist of, and what stands for the spelling that ends here. */
interface Step {
  next: Map<string, Step>
  own: string | null
}

/**
 * Replaces each known id that stands as a whole token and is not plain: as it is in words, percent-encoded inside a
 * URL. One walk over the text, however many ids there are; of two that begin alike the longer one is found.
 */
export function tokensOf(ids: ReadonlyMap<string, string>): {
  inText: (text: string) => string
  inWord: (text: string) => string
} {
  const texts: Step = { next: new Map(), own: null }
  const words: Step = { next: new Map(), own: null }
  for (const [id, own] of ids) {
    if (id === '' || isPlain(id) || !id.isWellFormed()) continue
    const encoded = encodeURIComponent(own)
    for (const spelling of [encodeURIComponent(id), id]) {
      add(texts, spelling, spelling === id ? own : encoded)
      add(words, spelling, encoded)
    }
  }
  if (texts.next.size === 0) return { inText: (text) => text, inWord: (text) => text }
  return { inText: (text) => replaced(text, texts), inWord: (text) => replaced(text, words) }
}

function add(root: Step, spelling: string, own: string): void {
  const pieces: string[] = []
  for (let at = 0; at < spelling.length; at += pieces.at(-1)!.length)
    pieces.push(spelling.slice(at, pieceEnd(spelling, at)))
  if (pieces.length > MAX_PIECES) return
  let step = root
  for (const piece of pieces) {
    const next = step.next.get(piece) ?? { next: new Map(), own: null }
    step.next.set(piece, next)
    step = next
  }
  step.own = own
}

function replaced(text: string, root: Step): string {
  let result = ''
  let read = 0
  for (let at = 0; at < text.length;) {
    const end = pieceEnd(text, at)
    // What a percent sign encodes bounds a token too.
    const inner = text[at - 1] === '%' && /^[\dA-Fa-f]{2}[\w-]/.test(text.slice(at, at + 3)) ? at + 2 : at
    const match = matchAt(text, at, root) ?? (inner > at ? matchAt(text, inner, root) : null)
    if (match) {
      result += text.slice(read, match.start) + match.own
      read = match.end
    }
    at = match ? match.end : end
  }
  return read === 0 ? text : result + text.slice(read)
}

function matchAt(text: string, start: number, root: Step): { start: number; end: number; own: string } | null {
  let found: { start: number; end: number; own: string } | null = null
  let step: Step | undefined = root
  for (let at = start; at < text.length;) {
    const end = pieceEnd(text, at)
    step = step.next.get(text.slice(at, end))
    if (!step) break
    // After a sign, which ends where it stands, a letter would go on with the word.
    if (step.own !== null && !isWord(text.charCodeAt(end))) found = { start, end, own: step.own }
    at = end
  }
  return found
}

/** The end of the run of letters, digits, `_` and `-` that stands at `at`, or of the one other character there. */
function pieceEnd(text: string, at: number): number {
  let end = at
  while (end < text.length && isWord(text.charCodeAt(end))) end++
  return Math.max(end, at + 1)
}

function isWord(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 45
  )
}
