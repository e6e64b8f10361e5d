/** `sluice cost`: what it prints and refuses. The figures are test/core/capacity.test.ts's. */
import { describe, expect, it } from 'vitest'
import { run } from './run.ts'

describe('cost', () => {
  it('shows the bill, the objects and what is to be done', async () => {
    const { code, out } = await run(['cost', '--submits', '100', '--isolates', '200', '--shadow', '10%'])
    expect(code).toBe(0)
    expect(out).toMatch(/Worker requests +[\d,.]+ M +\$[\d,]+\.\d\d/)
    expect(out).toMatch(/together +\$[\d,]+\.\d\d/)
    expect(out).toMatch(/1 × ledger +[\d,]+ calls\/s of 1,000 +[\d.]+ of 10 GB/)
    expect(out).toMatch(/! set ledger_shards = \d+/)
  })

  it('has nothing to advise where the objects are bored', async () => {
    const { out } = await run(['cost', '--submits', '0.1', '--idle'])
    expect(out).not.toContain('!')
    expect(out).not.toContain('controller')
  })

  it('tells programs the load and all figures', async () => {
    const { code, out } = await run(['cost', '--submits', '1', '--job', '60', '--poll', '5', '--json'])
    expect(code).toBe(0)
    const cost = JSON.parse(out)
    expect(cost).toMatchObject({ load: { submitsPerSecond: 1, jobSeconds: 60 }, advice: [] })
    expect(cost.month.workerRequests).toBe(14 * 30 * 86_400)
    expect(cost.bill.total).toBeCloseTo(5 + Object.values<number>(cost.bill.lines).reduce((a, b) => a + b, 0), 6)
  })

  it('warns of clients that poll less often than the ledger waits', async () => {
    const { out } = await run(['cost', '--submits', '1', '--poll', '300'])
    expect(out).toContain('the ledger polls their jobs, too')
  })

  it.each([
    [['--submits', '0'], 'above 0'],
    [['--submits', '1', '--ledger-shards', '257'], '256 at most'],
    [['--submits', '1', '--isolates', '2', '--spread', '3'], 'more isolates than there are'],
    [['--submits', '1', '--shadow', '2'], 'share'],
  ])('refuses %j', async (flags, message) => {
    const { code, err } = await run(['cost', ...flags])
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})
