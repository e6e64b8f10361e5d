import { describe, expect, it } from 'vitest'
import { type JudgeContext, openMonitor, type Verdict } from '../../../src/core/guardrails/index.ts'
import { guardrail, judgeAt, MINUTE } from './fixtures.ts'

const fvd = guardrail({ id: 'signal:fvd', metric: 'signal:fvd', max: null, maxOverControl: 0.1, action: 'pause' })

function signal(signals?: JudgeContext['signals'], over = {}): Verdict {
  return judgeAt({ ...fvd, ...over }, openMonitor(), { now: MINUTE, ...(signals ? { signals } : {}) })
}

describe('a signal', () => {
  it('is compared with control’s mean', () => {
    const control = { n: 900, mean: 120 }
    expect(signal({ candidate: { n: 200, mean: 131 }, control }).status).toBe('pass')
    expect(signal({ candidate: { n: 200, mean: 133 }, control })).toMatchObject({
      status: 'breach',
      action: 'pause',
      value: 133,
      baselineValue: 120,
      threshold: 132,
      message: 'fvd 133 > 132 (mean over 200 samples, control 120 over 900)',
    })
  })

  it('needs its samples, of both arms where the limit is relative', () => {
    const enough = { n: 200, mean: 200 }
    expect(signal({ candidate: { n: 199, mean: 500 }, control: enough }).status).toBe('inconclusive')
    expect(signal({ candidate: enough, control: { n: 199, mean: 10 } })).toMatchObject({
      status: 'inconclusive',
      note: null,
    })
    expect(signal({ candidate: enough, control: null })).toMatchObject({ status: 'inconclusive', note: 'no_control' })
    expect(signal({ candidate: enough, control: null }, { max: 150 }).status).toBe('breach')
  })

  it('is no_data while nobody has posted it, and error where it is not a number', () => {
    expect(signal()).toMatchObject({ status: 'no_data', n: 0 })
    expect(signal({ candidate: null, control: null }).status).toBe('no_data')
    expect(signal({ candidate: { n: 300, mean: Number.NaN }, control: null }).status).toBe('error')
  })
})
