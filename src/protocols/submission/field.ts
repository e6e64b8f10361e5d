/** One field of a body: the keys that its name is, its text, and a change of that, whichever encoding holds it. */
import type { Edit } from '../body/edit.ts'
import type { Field, FormBody } from '../body/form-body.ts'

/** The keys down to a form field's value: `video[id]` is `video`, `id`. */
export function pathOf(name: string): string[] {
  return name.split(/[[\]]+/).filter((key, i) => i === 0 || key !== '')
}

/** The field's text, or the source of the JSON that it holds; null for files and for numbers and the like. */
export function textOf(body: FormBody, field: Field): string | null {
  return typeof field.value === 'string' ? field.value : body.jsonOf(field)
}

export function editText(body: FormBody, field: Field, change: (text: string) => string): Edit[] {
  const text = textOf(body, field)
  const changed = text === null ? null : change(text)
  if (changed === null || changed === text) return []
  return typeof field.value === 'string' ? body.setText(field, changed) : body.setJson(field, changed)
}
