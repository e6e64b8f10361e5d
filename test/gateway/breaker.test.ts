/** The isolate's breaker: five failures in a row open it, one probe a pause, pauses that grow from 10 s to 5 min. */
import { describe, expect, it } from 'vitest'
import { Breaker } from '../../src/gateway/breaker.ts'

function broken(at: number): Breaker {
  const breaker = new Breaker()
  for (let i = 0; i < 5; i++) breaker.failed(at)
  return breaker
}

describe('the breaker', () => {
  it('lets everything pass until the fifth failure in a row', () => {
    const breaker = new Breaker()
    for (let i = 0; i < 4; i++) breaker.failed(0)
    expect(breaker.allows(0)).toBe(true)
    breaker.succeeded()
    for (let i = 0; i < 4; i++) breaker.failed(0)
    expect(breaker.allows(0)).toBe(true)
    breaker.failed(0)
    expect(breaker.allows(0)).toBe(false)
  })

  it('lets one probe pass after its pause, and no second one before the next', () => {
    const breaker = broken(0)
    expect(breaker.allows(9_999)).toBe(false)
    expect(breaker.allows(10_000)).toBe(true)
    expect(breaker.allows(10_000)).toBe(false)
    expect(breaker.allows(19_999)).toBe(false)
    expect(breaker.allows(20_000)).toBe(true)
  })

  it('doubles its pause with each probe that fails, up to five minutes', () => {
    const breaker = broken(0)
    const pauses: number[] = []
    let now = 0
    for (let i = 0; i < 8; i++) {
      const closedAt = now
      while (!breaker.allows(now)) now += 1000
      pauses.push((now - closedAt) / 1000)
      breaker.failed(now)
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 300, 300, 300])
  })

  it('is held open no longer by the failures of calls that were under way when it opened', () => {
    const breaker = broken(0)
    for (let i = 0; i < 20; i++) breaker.failed(500)
    expect(breaker.allows(10_000)).toBe(true)
    breaker.failed(10_100)
    for (let i = 0; i < 20; i++) breaker.failed(10_200)
    expect([breaker.allows(30_099), breaker.allows(30_100)]).toEqual([false, true])
  })

  it('closes with the first success', () => {
    const breaker = broken(0)
    expect(breaker.allows(10_000)).toBe(true)
    breaker.succeeded()
    expect([breaker.allows(10_001), breaker.allows(10_001)]).toEqual([true, true])
  })
})
