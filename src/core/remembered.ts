/** Answers that are worked out once and kept while they fit: for what the same clients ask with each request. */

interface Bounds {
  /** All are forgotten when there are so many. */
  entries: number
  /** Longer texts are worked out each time. */
  chars: number
}

/** `work` depends on nothing but what it is given. `by`: what the answers hold for, and are kept as long as. */
export function remembered<K extends object, T extends {}>(
  { entries, chars }: Bounds,
  work: (by: K, text: string) => T,
): (by: K, text: string) => T {
  const all = new WeakMap<K, Map<string, T>>()
  return (by, text) => {
    let known = all.get(by)
    if (!known) all.set(by, (known = new Map()))
    const before = known.get(text)
    if (before !== undefined) return before
    const answer = work(by, text)
    if (known.size >= entries) known.clear()
    if (text.length <= chars) known.set(text, answer)
    return answer
  }
}
