/** Answers that are worked out once and kept while they fit: for what the same clients ask with each request. */

interface Bounds {
  /** All are forgotten when there are so many. */
  entries: number
  /** Longer texts are worked out each time. */
  chars: number
}

/** `work` depends on nothing but what it is given. */
export function remembered<T extends {}>({ entries, chars }: Bounds, work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const answer = work(text)
    if (known.size >= entries) known.clear()
    if (text.length <= chars) known.set(text, answer)
    return answer
  }
}

/** `by`: what the answers hold for, and are kept as long as. */
export function rememberedBy<K extends object, T extends {}>(
  bounds: Bounds,
  work: (by: K, text: string) => T,
): (by: K, text: string) => T {
  const all = new WeakMap<K, (text: string) => T>()
  return (by, text) => {
    let known = all.get(by)
    if (!known) all.set(by, (known = remembered(bounds, (each) => work(by, each))))
    return known(text)
  }
}
