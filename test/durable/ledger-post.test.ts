/** What a counter shard passes on to ledgers: several isolates' letters in one call, in order, and no answer that waits for another ledger. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { POST_PAUSE_MS } from '../../src/core/flush-rates.ts'
import { LETTER_MS, LedgerPost } from '../../src/durable/ledger-post.ts'
import type { FlushAnswer, LedgerBatch } from '../../src/durable/rpc.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_900_000_000_000 }))
afterEach(() => void vi.useRealTimers())

/** A batch that can be told from others; `entries` of it. */
function letter(name: string, entries = 0): LedgerBatch {
  return { submitted: Array.from({ length: entries }) as never[], seen: [], steps: { [name]: 1 } }
}

/** A post, and the names of the letters in each call of a ledger; `answer` says what comes back for one. */
function rig(answer: (index: number, name: string) => Promise<FlushAnswer | null>) {
  const calls: [ledger: number, names: string[]][] = []
  const post = new LedgerPost((index) => ({
    flushAll: (batches) => {
      const names = batches.map(({ steps }) => Object.keys(steps!)[0]!)
      calls.push([index, names])
      return Promise.all(names.map((name) => answer(index, name)))
    },
  }))
  return { post, calls }
}

const taken: FlushAnswer = { lease: null }

it('goes to a ledger four times a second at most, however many isolates send', async () => {
  const { post, calls } = rig(async () => taken)
  const answers: (FlushAnswer | null)[] = []
  let sent = 0
  for (let ms = 0; ms < 1000; ms += 10) {
    for (let isolate = 0; isolate < 5; isolate++)
      void post.send(7, letter(`${sent++}`)).then((answer) => answers.push(answer))
    await vi.advanceTimersByTimeAsync(10)
  }
  await vi.advanceTimersByTimeAsync(POST_PAUSE_MS)
  expect(calls.length).toBeLessThanOrEqual(6)
  expect(calls.flatMap(([, names]) => names).map(Number)).toEqual(Array.from({ length: sent }, (_, i) => i))
  expect(answers).toEqual(Array(sent).fill(taken))
})

it('answers a letter to a ledger that hangs with nothing in time, and the others as ever', async () => {
  const { post } = rig((index) => (index === 1 ? new Promise(() => undefined) : Promise.resolve(taken)))
  const hung = [post.send(1, letter('a')), post.send(1, letter('b'))]
  expect(await post.send(2, letter('c'))).toEqual(taken)
  await vi.advanceTimersByTimeAsync(LETTER_MS)
  expect(await Promise.all(hung)).toEqual([null, null])
})

it('tells each isolate of its own letter only, and goes on after a call that failed', async () => {
  let isDown = true
  const { post, calls } = rig(async (_, name) => {
    if (isDown) throw new Error('overloaded')
    return name === 'bad' ? null : taken
  })
  expect(await post.send(3, letter('first'))).toBeNull()
  isDown = false
  const answers = Promise.all(['good', 'bad', 'fine'].map((name) => post.send(3, letter(name))))
  await vi.advanceTimersByTimeAsync(POST_PAUSE_MS)
  expect(await answers).toEqual([taken, null, taken])
  expect(calls).toEqual([
    [3, ['first']],
    [3, ['good', 'bad', 'fine']],
  ])
})

it('carries no more in one call than it may', async () => {
  const { post, calls } = rig(async () => taken)
  const sizes = [1, 6000, 3000, 1500, 1500, 10]
  const answers = Promise.all(sizes.map((entries, i) => post.send(3, letter(`${i}`, entries))))
  await vi.advanceTimersByTimeAsync(5 * POST_PAUSE_MS)
  expect(await answers).toEqual(Array(6).fill(taken))
  expect(calls.map(([, names]) => names.join())).toEqual(['0', '1', '2,3', '4,5'])
})

it('keeps nothing of a ledger to which nobody writes any more, and begins anew where delivery was dropped', async () => {
  const { post, calls } = rig(async () => taken)
  await post.send(3, letter('a'))
  await vi.advanceTimersByTimeAsync(POST_PAUSE_MS)
  await post.send(3, letter('b'))
  expect(calls.map(([, names]) => names)).toEqual([['a'], ['b']])
  // The pause after it never ends.
  vi.clearAllTimers()
  const waiting = post.send(3, letter('c'))
  vi.setSystemTime(Date.now() + 60_000)
  expect(await post.send(3, letter('d'))).toEqual(taken)
  expect(await waiting).toEqual(taken)
  expect(calls.at(-1)).toEqual([3, ['c', 'd']])
})
