import { describe, expect, it } from 'vitest'
import { isRepeat, rowKind } from '../../src/core/failure-runs.ts'

const counted = (kind: 'error' | 'refusal', most: number) =>
  Array.from({ length: most }, (_, before) => before + 1).filter((nth) => !isRepeat(kind, nth - 1))

describe('of a subject’s failures in a row', () => {
  it('the 1st, 9th, 17th … of the arm’s own count', () => {
    expect(counted('error', 30)).toEqual([1, 9, 17, 25])
  })

  it('the 1st, 8th, 64th … refusals count, so that one broken client never looks like many', () => {
    expect(counted('refusal', 1000)).toEqual([1, 8, 64, 512])
  })

  it('neither what is nobody’s fault nor a good end is one', () => {
    expect(['ok', 'cancelled', 'content_refused', 'not_observed'].map((each) => rowKind(each as 'ok'))).toEqual([
      null,
      null,
      null,
      null,
    ])
    expect([rowKind('job_failed'), rowKind('client_error')]).toEqual(['error', 'refusal'])
  })
})
