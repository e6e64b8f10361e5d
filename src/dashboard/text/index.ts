/** Every word of the dashboard, in English and in Simplified Chinese. */
import { actions } from './actions.ts'
import { changes } from './changes.ts'
import type { Choose } from './choose.ts'
import { failures } from './failures.ts'
import { pages } from './pages.ts'
import { report } from './report.ts'
import { sentences } from './sentences.ts'
import { words } from './words.ts'

const textIn = (pick: Choose) => ({
  ...words(pick),
  ...sentences(pick),
  ...actions(pick),
  ...pages(pick),
  ...changes(pick),
  ...failures(pick),
  ...report(pick),
})

export const en = textIn(<T>(text: T) => text)
export const zh: Text = textIn(<T>(_en: T, text: T) => text)

export type Text = ReturnType<typeof textIn>
