/** How long a prompt is, in characters as people count them: an emoji is one, where UTF-16 has two. */

export function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}
