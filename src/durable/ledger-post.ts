/**
 * What isolates tell many ledgers by way of their counter shard. Letters of several isolates go to a ledger in one call,
 * so that ledgers are called as often as there are shards, not isolates. Keeps nothing: whoever has sent waits.
 */
import { POST_PAUSE_MS } from '../core/flush-rates.ts'
import { within } from './deadline.ts'
import type { FlushAnswer, JobLedgerRpc, LedgerBatch } from './rpc.ts'

/** For a letter's answer; shorter than isolates wait, so that a ledger that hangs costs them no other's answer. */
export const LETTER_MS = 2000
/** Delivery that has not gone on for so long was dropped by the platform. */
const DROPPED_MS = LETTER_MS + POST_PAUSE_MS + 1000
/** Jobs and updates in one call, of what several isolates have sent; far below what a call may carry (32 MiB). */
const MOST_ENTRIES = 5000

interface Letter {
  batch: LedgerBatch
  answer: (answered: FlushAnswer | null) => void
}

/** What waits for one ledger while a call to it is under way, or was a moment ago. */
interface Box {
  letters: Letter[]
  aliveAt: number
}

export class LedgerPost {
  readonly #ledger: (index: number) => Pick<JobLedgerRpc, 'flushAll'>
  readonly #boxes = new Map<number, Box>()

  constructor(ledger: (index: number) => Pick<JobLedgerRpc, 'flushAll'>) {
    this.#ledger = ledger
  }

  /** The ledger's answer; null where it has given none. */
  async send(index: number, batch: LedgerBatch): Promise<FlushAnswer | null> {
    const { promise, resolve: answer } = Promise.withResolvers<FlushAnswer | null>()
    const known = this.#boxes.get(index)
    if (known && Date.now() < known.aliveAt + DROPPED_MS) known.letters.push({ batch, answer })
    else {
      const box = { letters: [...(known?.letters.splice(0) ?? []), { batch, answer }], aliveAt: Date.now() }
      this.#boxes.set(index, box)
      void this.#deliver(index, box)
    }
    return within(LETTER_MS, promise).catch(() => null)
  }

  async #deliver(index: number, box: Box): Promise<void> {
    while (box.letters.length > 0) {
      const letters = box.letters.splice(0, fitting(box.letters))
      const call = this.#ledger(index).flushAll(letters.map(({ batch }) => batch))
      const answers = await within(LETTER_MS, call).catch((): null[] => [])
      for (const [i, { answer }] of letters.entries()) answer(answers[i] ?? null)
      await new Promise((resolve) => setTimeout(resolve, POST_PAUSE_MS))
      box.aliveAt = Date.now()
    }
    if (this.#boxes.get(index) === box) this.#boxes.delete(index)
  }
}

/** How many of them one call may carry, one at least. */
function fitting(letters: readonly Letter[]): number {
  let entries = 0
  const over = letters.findIndex(({ batch: { submitted, seen, exposed = [] } }, i) => {
    entries += submitted.length + seen.length + exposed.length
    return i > 0 && entries > MOST_ENTRIES
  })
  return over === -1 ? letters.length : over
}
