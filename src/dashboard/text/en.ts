/** Every word of the dashboard in English. zh.ts has the same keys: its type is this object's. */
import { enChanges } from './en-changes.ts'
import { enFailures } from './en-failures.ts'
import { enPages } from './en-pages.ts'
import { enReport } from './en-report.ts'
import { enSentences } from './en-sentences.ts'
import { enWords } from './en-words.ts'

export const en = { ...enWords, ...enSentences, ...enPages, ...enChanges, ...enFailures, ...enReport }

export type Text = typeof en
