/** Pages over several ledgers, one ledger after the other: the cursor says in which to go on, and where. */
import { within } from '../stubs.ts'

const CALL_DEADLINE_MS = 2000

export interface Page<T> {
  items: T[]
  next: string | null
}

/** `cursor` is `INDEX~INNER`, the inner one being the ledger's own. */
export async function pageThrough<L, T>(
  ledgers: readonly L[],
  cursor: string | null,
  limit: number,
  read: (ledger: L, inner: string | null) => Promise<Page<T>>,
): Promise<Page<T>> {
  const [index, first] = cursor?.split(/~(.*)/s) ?? []
  const items: T[] = []
  let inner = first || null
  for (let i = Number(index) || 0; i < ledgers.length; i++) {
    const page = await within(CALL_DEADLINE_MS, read(ledgers[i]!, inner))
    items.push(...page.items)
    if (page.next !== null) return { items, next: `${i}~${page.next}` }
    if (items.length >= limit) return { items, next: i + 1 < ledgers.length ? `${i + 1}~` : null }
    inner = null
  }
  return { items, next: null }
}
