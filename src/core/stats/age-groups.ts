/** What came window by window, in groups that grow with their age: few of them, however many windows there were. */

/**
 * Oldest first, the newest being one window's. At most two groups are of a size: of three, the older two become one, with
 * what `merged` makes of them. The list itself is changed.
 */
export function inAgeGroups<G extends { size: number }>(
  groups: G[],
  merged: (older: G, younger: G) => Omit<G, 'size'>,
): G[] {
  for (let end = groups.length; end >= 3 && groups[end - 3]!.size === groups[end - 1]!.size; end -= 2) {
    const [older, younger] = [groups[end - 3]!, groups[end - 2]!]
    groups.splice(end - 3, 2, { ...merged(older, younger), size: older.size + younger.size } as G)
  }
  return groups
}
