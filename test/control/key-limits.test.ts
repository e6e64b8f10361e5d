/** What the holder of a key in a page may post in a minute. */
import { describe, expect, it } from 'vitest'
import { KeyLimits } from '../../src/control/key-limits.ts'

const T0 = 1_900_000_000_000

/** How many of `tries` are let through before the first refusal. */
function admitted(take: (i: number) => void, tries = 40_000): number {
  for (let i = 0; i < tries; i++) {
    try {
      take(i)
    } catch {
      return i
    }
  }
  return tries
}

describe('a key in a page', () => {
  it('posts 120 batches and 3,000 rows a minute from one address, and then again', () => {
    const limits = new KeyLimits()
    expect(admitted(() => limits.takeBatch('k', 'a', T0))).toBe(120)
    expect(admitted(() => limits.takeRows('k', 'b', 1000, T0))).toBe(3)
    expect(admitted(() => limits.takeBatch('k', 'a', T0 + 60_000))).toBe(120)
  })

  it('posts 6,000 batches and 30,000 rows a minute from all addresses', () => {
    expect(admitted((i) => limitsA.takeBatch('k', `a${i}`, T0))).toBe(6000)
    expect(admitted((i) => limitsB.takeRows('k', `a${i}`, 1000, T0))).toBe(30)
    expect(admitted(() => limitsB.takeRows('other', 'a0', 1000, T0))).toBe(3)
  })

  it('is told when to come again, also after a clock that was set back', () => {
    const limits = new KeyLimits()
    admitted(() => limits.takeBatch('k', 'a', T0))
    expect(() => limits.takeBatch('k', 'a', T0 + 45_000)).toThrow(
      expect.objectContaining({ code: 'rate_limited', headers: { 'retry-after': '15' } }),
    )
    expect(admitted(() => limits.takeBatch('k', 'a', T0 - 3_600_000))).toBe(120)
  })
})

const limitsA = new KeyLimits()
const limitsB = new KeyLimits()
