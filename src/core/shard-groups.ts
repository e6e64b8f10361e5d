/** How many counter shards are asked: by groups, of which the first is asked and asks the others in the same way. */

/** Each object makes so many calls at most, the controller too: 256 are asked in three steps, up to 72 in two. */
export const MOST_ASKED = 8

/** `shards` by their numbers. Few of them are groups of one. */
export function groupsOf(shards: readonly number[]): number[][] {
  const size = Math.max(1, Math.ceil(shards.length / MOST_ASKED))
  return Array.from({ length: Math.ceil(shards.length / size) }, (_, group) =>
    shards.slice(group * size, (group + 1) * size),
  )
}
