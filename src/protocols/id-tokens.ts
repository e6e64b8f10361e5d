/** Which ids can be told from other words, and where they stand inside a text as whole tokens. */

/**
 * A counter of few digits, or a word without any (`completed`, `in_progress`, `fox`): both stand in sizes, states,
 * durations and sentences too, so that such an id is one only where something else says so.
 */
const PLAIN = /^(\d{1,5}|[A-Z]?[a-z]+([._ -][a-z]+)*|[A-Z]+)$/

export function isPlain(id: string): boolean {
  return PLAIN.test(id)
}

/** Replaces each known id that stands as a whole token and is not plain: as it is in words, percent-encoded inside a URL. */
export function tokensOf(ids: ReadonlyMap<string, string>): {
  inText: (text: string) => string
  inWord: (text: string) => string
} {
  const texts = new Map<string, string>()
  const words = new Map<string, string>()
  for (const [id, own] of ids) {
    if (id === '' || isPlain(id) || !id.isWellFormed()) continue
    const encoded = encodeURIComponent(own)
    for (const spelling of [encodeURIComponent(id), id]) {
      texts.set(spelling, spelling === id ? own : encoded)
      words.set(spelling, encoded)
    }
  }
  if (texts.size === 0) return { inText: (text) => text, inWord: (text) => text }
  // The longest first, as one id may begin like another; what a percent sign encodes bounds a token too.
  const spellings = [...texts.keys()].toSorted((a, b) => b.length - a.length).map(escaped)
  const pattern = new RegExp(`(?:(?<=%[0-9A-Fa-f]{2})|(?<![\\w-]))(?:${spellings.join('|')})(?![\\w-])`, 'g')
  const replace = (by: Map<string, string>) => (text: string) =>
    text.replace(pattern, (token) => by.get(token) ?? token)
  return { inText: replace(texts), inWord: replace(words) }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
