/** The table of docs/errors.md: each code with its HTTP status and its `type`. */
import { ERROR_CODES, SluiceError } from '../../src/core/errors.ts'
import { code, markdownTable } from './markdown.ts'

export function errorTable(): string {
  const rows = ERROR_CODES.map((each) => {
    const error = new SluiceError(each, '')
    return [String(error.status), `[${code(each)}](#${each})`, code(error.body('').error.type)]
  })
  return markdownTable(['status', 'code', 'type'], rows)
}
