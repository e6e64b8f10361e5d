import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  grown,
  type LedgerCount,
  ledgerIndex,
  ledgerOfJob,
  ledgersSince,
  mostLedgers,
} from '../../src/core/ledger-growth.ts'
import { isSplit } from '../../src/core/release.ts'
import { after, canary, plan, state } from './release-fixtures.ts'

const owners = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => `${n.toString(16).padStart(8, '0')}abcd`)
/** Raises, each some epochs and milliseconds after the one before. */
const raises = fc.array(fc.record({ epochs: fc.integer({ min: 1, max: 5 }), more: fc.integer({ min: 1, max: 9 }) }), {
  maxLength: 6,
})

function history(steps: readonly { epochs: number; more: number }[]): readonly LedgerCount[] {
  let counts = grown([], 0, 2, 0)
  let [epoch, shards] = [0, 2]
  for (const { epochs, more } of steps) {
    epoch += epochs
    shards += more
    counts = grown(counts, epoch, shards, epoch * 1000)
  }
  return counts
}

describe('ledgers that have become more', () => {
  it('keep what was put into one of them, whatever comes later', () => {
    fc.assert(
      fc.property(owners, raises, raises, (owner, early, late) => {
        const before = history(early)
        const later = history([...early, ...late])
        const last = before.at(-1)!.fromEpoch
        for (let epoch = 0; epoch <= last; epoch++)
          expect(ledgerOfJob({ owner, epoch }, later, 99)).toBe(ledgerOfJob({ owner, epoch }, before, 2))
      }),
    )
  })

  it('are all asked for what may be in them, the earliest first, and each once', () => {
    fc.assert(
      fc.property(owners, raises, fc.integer({ min: 0, max: 40 }), (owner, steps, epoch) => {
        const counts = history(steps)
        const asked = ledgersSince(owner, counts, mostLedgers(counts, 0), epoch * 1000)
        expect(asked).toContain(ledgerOfJob({ owner, epoch }, counts, 0))
        expect(new Set(asked).size).toBe(asked.length)
        expect(ledgersSince(owner, counts, 0, Infinity)).toEqual([ledgerIndex(owner, counts.at(-1)!.shards)])
      }),
    )
  })

  it('never become fewer', () => {
    const counts = history([{ epochs: 3, more: 2 }])
    expect(grown(counts, 9, 1, 9)).toBe(counts)
    expect(grown(counts, 9, 4, 9)).toBe(counts)
    expect(mostLedgers(counts, 1)).toBe(4)
  })

  it('are one place of a subject after another only until what was in the first is forgotten', () => {
    const counts = history([{ epochs: 3, more: 2 }])
    const owner = '00000002abcd'
    expect(ledgersSince(owner, counts, 4, 3000)).toEqual([0, 2])
    expect(ledgersSince(owner, counts, 4, 3001)).toEqual([2])
  })
})

describe('more ledgers in the configuration', () => {
  const counts = grown([], 0, 1, 0)
  const raised = { plan: plan({ ledgerShards: 4 }) }

  it('are used with the next epoch, but not before the split of an experiment changes', () => {
    const on = canary(5, { ledgers: counts })
    expect(isSplit(on)).toBe(true)
    expect(after(on, { action: 'pause' }, raised).ledgers).toEqual(counts)
    expect(after(on, { action: 'reconfigure', judged: true }, raised).ledgers).toEqual(counts)
    expect(after(on, { action: 'set_percent', percent: 5 }, raised).ledgers).toEqual(counts)
    for (const command of [{ action: 'set_percent', percent: 6 }, { action: 'rollback' }] as const) {
      const { ledgers, epoch } = after(on, command, raised)
      expect(ledgers.slice(1)).toMatchObject([{ fromEpoch: epoch, shards: 4 }])
    }
  })

  it('are used with any new epoch where nobody is exposed to one arm of two', () => {
    for (const at of [state({ ledgers: counts }), canary(100, { ledgers: counts })])
      expect(after(at, { action: 'reconfigure', judged: true }, raised).ledgers.at(-1)!.shards).toBe(4)
  })

  it('are the first count of a release that an earlier build has left without any', () => {
    const { ledgers } = after(canary(5), { action: 'reconfigure', judged: false }, raised)
    expect(ledgers).toEqual([{ fromEpoch: 0, shards: 4, sinceMs: 0 }])
  })
})
