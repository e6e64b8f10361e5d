/** Every word of the dashboard in Simplified Chinese. */
import type { Text } from './en.ts'
import { zhChanges } from './zh-changes.ts'
import { zhFailures } from './zh-failures.ts'
import { zhPages } from './zh-pages.ts'
import { zhReport } from './zh-report.ts'
import { zhSentences } from './zh-sentences.ts'
import { zhWords } from './zh-words.ts'

export const zh: Text = { ...zhWords, ...zhSentences, ...zhPages, ...zhChanges, ...zhFailures, ...zhReport }
