/** A form field's name as the keys down to its value: `video[id]` is `video`, `id`. */
export function pathOf(name: string): string[] {
  return name.split(/[[\]]+/).filter((key, i) => i === 0 || key !== '')
}
