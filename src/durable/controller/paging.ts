/** Pages over several ledgers, one ledger after the other: the cursor says in which to go on, and where. */
import type { Page } from '../../api/index.ts'
import { MOST_LEDGERS } from '../../core/ledger-growth.ts'
import { within } from '../deadline.ts'
import { CALL_DEADLINE_MS } from './gather.ts'

/** `INDEX~INNER`, the inner one being the ledger's own (`TIME|KEY`); empty at the beginning of a ledger. */
const CURSOR = /^(\d{1,4})~(\d{1,15}\|.+|)$/s

/** Whether pages over ledgers, of which a release may have more than its file says, can have given this cursor; null, for the first page, always. */
export function isPageCursor(cursor: string | null): boolean {
  return cursor === null || Number(CURSOR.exec(cursor)?.[1]) < MOST_LEDGERS
}

/** `cursor` is null or `isPageCursor`. */
export async function pageThrough<L, T>(
  ledgers: readonly L[],
  cursor: string | null,
  limit: number,
  read: (ledger: L, inner: string | null) => Promise<Page<T>>,
): Promise<Page<T>> {
  const [, index = 0, first = ''] = CURSOR.exec(cursor ?? '') ?? []
  const items: T[] = []
  let inner = first || null
  for (let i = Number(index); i < ledgers.length; i++) {
    const page = await within(CALL_DEADLINE_MS, read(ledgers[i]!, inner))
    items.push(...page.items)
    if (page.next !== null) return { items, next: `${i}~${page.next}` }
    if (items.length >= limit) return { items, next: i + 1 < ledgers.length ? `${i + 1}~` : null }
    inner = null
  }
  return { items, next: null }
}
