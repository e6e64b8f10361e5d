/** How long a prompt is, in characters as people count them: an emoji is one, where UTF-16 has two. */

export function codePoints(text: string): number {
  let pairs = 0
  for (let i = 1; i < text.length; i++) {
    const isLow = (text.charCodeAt(i) & 0xfc00) === 0xdc00
    if (isLow && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) pairs++
  }
  return text.length - pairs
}
