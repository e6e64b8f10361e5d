/** Whose lack of data is passed over, and whose holds the release up. */
import { describe, expect, it } from 'vitest'
import { excusedGuardrails } from '../../../src/core/guardrails/excuse.ts'
import { guardrail, p99 } from './fixtures.ts'
import { verdict } from '../release-fixtures.ts'

describe('a relative guardrail', () => {
  const rule = p99()
  const few = verdict({ guardrail: rule.id, status: 'inconclusive', value: null, n: 5000, baselineN: 12 })

  it('is excused at 100 %, where control has too few requests to compare with and gets no more', () => {
    expect(excusedGuardrails([rule], [few], 100)).toEqual([rule.id])
    expect(excusedGuardrails([rule], [few], 99)).toEqual([])
  })

  it('is not excused once it has been judged, nor for want of the candidate’s requests, nor when it could not be measured', () => {
    expect(excusedGuardrails([rule], [{ ...few, value: 3 }], 100)).toEqual([])
    expect(excusedGuardrails([rule], [{ ...few, n: 3, baselineN: 5000 }], 100)).toEqual([])
    expect(excusedGuardrails([rule], [{ ...few, status: 'error' }], 100)).toEqual([])
  })

  it('of a signal is excused like any other', () => {
    const relative = { id: 'fvd', metric: 'signal:fvd', max: null, maxOverControl: 0.1 }
    const fvd = guardrail(relative)
    const rare = verdict({ guardrail: 'fvd', status: 'inconclusive', value: 120, n: 500, baselineN: 199 })
    expect(excusedGuardrails([fvd], [rare], 100)).toEqual(['fvd'])
    expect(excusedGuardrails([fvd], [rare], 50)).toEqual([])
    expect(excusedGuardrails([fvd], [{ ...rare, n: 3, baselineN: 200 }], 100)).toEqual([])
    expect(excusedGuardrails([guardrail({ ...relative, max: 150 })], [rare], 100)).toEqual([])
  })

  it('with an absolute limit beside it is held to that one', () => {
    const both = p99({ maxSeconds: 60 })
    expect(excusedGuardrails([both], [few], 100)).toEqual([])
    const rate = guardrail({ max: 0.01, maxOverControl: 0.5 })
    expect(excusedGuardrails([rate], [{ ...few, guardrail: rate.id }], 100)).toEqual([])
  })
})
