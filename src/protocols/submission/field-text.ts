/** The text of one field, and its change, whichever encoding holds it. */
import type { Edit } from '../body/edit.ts'
import type { Field, FormBody } from '../body/form-body.ts'

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
