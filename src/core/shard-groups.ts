/** How many counter shards are asked: by groups, of which the first is asked and asks the others in the same way. */

/** Each object makes so many calls at most: 256 shards are asked in four steps, the controller's call to the first being one. */
const MOST_ASKED = 8

/** `shards` by their numbers. Few of them are groups of one. */
export function groupsOf(shards: readonly number[]): number[][] {
  const size = Math.max(1, Math.ceil(shards.length / MOST_ASKED))
  return Array.from({ length: Math.ceil(shards.length / size) }, (_, group) =>
    shards.slice(group * size, (group + 1) * size),
  )
}

/** As the controller asks `n` shards: a few by themselves, more by one call to the first, so that its own part stays small. */
export function groupsFromTop(n: number): number[][] {
  const shards = Array.from({ length: n }, (_, i) => i)
  return n > MOST_ASKED ? [shards] : groupsOf(shards)
}
