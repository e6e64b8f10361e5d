import { describe, expect, it } from 'vitest'
import { type FailureRow, lengthened, type RepeatOf, type RowKind, rowKind } from '../../src/core/failure-runs.ts'

/** Which of so many failures in a row count, by `of`; `perWindow` of them fall into each window. */
function counted(kind: RowKind, most: number, of: RepeatOf = 'row', perWindow = most): number[] {
  const nths: number[] = []
  let row: FailureRow | null = null
  for (let nth = 1; nth <= most; nth++) {
    const next = lengthened(kind, row, Math.floor((nth - 1) / perWindow))
    row = next.row
    if (!next.repeats.includes(of)) nths.push(nth)
  }
  return nths
}

describe('of a subject’s failures in a row', () => {
  it('the 1st, 9th, 17th … of the arm’s own count', () => {
    expect(counted('error', 30)).toEqual([1, 9, 17, 25])
  })

  it('the first of each window counts for whoever looks at windows in a row, and for nobody else', () => {
    expect(counted('error', 12, 'window', 3)).toEqual([1, 4, 7, 10])
    expect(counted('error', 12, 'row', 3)).toEqual([1, 9])
  })

  it('the 1st, 8th, 64th … refusals count, so that one broken client never looks like many', () => {
    expect(counted('refusal', 1000)).toEqual([1, 8, 64, 512])
  })

  it('neither what is nobody’s fault nor a good end is one', () => {
    for (const outcome of ['ok', 'cancelled', 'content_refused', 'not_observed'] as const)
      expect(rowKind(outcome)).toBeNull()
    expect([rowKind('job_failed'), rowKind('client_error')]).toEqual(['error', 'refusal'])
  })
})
