/** Whose lack of data is passed over, and whose holds the release up. */
import { describe, expect, it } from 'vitest'
import { waivedGuardrails } from '../../../src/core/guardrails/waive.ts'
import { guardrail, p99 } from './fixtures.ts'
import { verdict } from '../release-fixtures.ts'

describe('a relative guardrail', () => {
  const rule = p99()
  const few = verdict({ guardrail: rule.id, status: 'inconclusive', value: null, n: 5000, baselineN: 12 })

  it('is waived at 100 %, where control has too few requests to compare with and gets no more', () => {
    expect(waivedGuardrails([rule], [few], 100)).toEqual([rule.id])
    expect(waivedGuardrails([rule], [few], 99)).toEqual([])
  })

  it('is not waived once it has been judged, nor for want of the candidate’s requests, nor when it could not be measured', () => {
    expect(waivedGuardrails([rule], [{ ...few, value: 3 }], 100)).toEqual([])
    expect(waivedGuardrails([rule], [{ ...few, n: 3, baselineN: 5000 }], 100)).toEqual([])
    expect(waivedGuardrails([rule], [{ ...few, status: 'error' }], 100)).toEqual([])
  })

  it('of a signal is waived like any other', () => {
    const relative = { id: 'fvd', metric: 'signal:fvd', max: null, maxOverControl: 0.1 }
    const fvd = guardrail(relative)
    const rare = verdict({ guardrail: 'fvd', status: 'inconclusive', value: 120, n: 500, baselineN: 199 })
    expect(waivedGuardrails([fvd], [rare], 100)).toEqual(['fvd'])
    expect(waivedGuardrails([fvd], [rare], 50)).toEqual([])
    expect(waivedGuardrails([fvd], [{ ...rare, n: 3, baselineN: 200 }], 100)).toEqual([])
    expect(waivedGuardrails([guardrail({ ...relative, max: 150 })], [rare], 100)).toEqual([])
  })

  it('with an absolute limit beside it is held to that one', () => {
    const both = p99({ maxSeconds: 60 })
    expect(waivedGuardrails([both], [few], 100)).toEqual([])
    const rate = guardrail({ max: 0.01, maxOverControl: 0.5 })
    expect(waivedGuardrails([rate], [{ ...few, guardrail: rate.id }], 100)).toEqual([])
  })
})
