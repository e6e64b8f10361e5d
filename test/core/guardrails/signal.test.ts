import { describe, expect, it } from 'vitest'
import { type JudgeContext, lacking, openMonitor, type Verdict } from '../../../src/core/guardrails/index.ts'
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

  it('breaches where the mean is proven to be over its limit, not where it happens to be', () => {
    const arm = (n: number, mean: number, sd: number) => ({ n, mean, m2: (n - 1) * sd * sd })
    // CV 0.5: 133 against a limit of 132 is 1 over a standard error of 4.8.
    const close = signal({ candidate: arm(200, 133, 60), control: arm(900, 120, 60) })
    expect(close).toMatchObject({ status: 'inconclusive', alpha: 0.01, threshold: 132 })
    expect(close.message).toContain('may still be chance')
    expect(signal({ candidate: arm(200, 160, 60), control: arm(900, 120, 60) }).status).toBe('breach')
    expect(signal({ candidate: arm(200, 133, 60), control: arm(900, 120, 60) }, { literal: true }).status).toBe(
      'breach',
    )
    const few = { max: 50, maxOverControl: null, minSamples: 3 }
    expect(signal({ candidate: arm(19, 100, 5), control: null }, few).status).toBe('inconclusive')
    expect(signal({ candidate: arm(20, 100, 5), control: null }, few).status).toBe('breach')
  })

  it('that is better when larger breaches below control, by its name', () => {
    const clip = { metric: 'signal:clip_similarity' as const, maxOverControl: 0.05 }
    const arm = (mean: number) => ({ n: 500, mean, m2: 499 * 0.04 ** 2 })
    expect(signal({ candidate: arm(0.34), control: arm(0.3) }, clip).status).toBe('pass')
    expect(signal({ candidate: arm(0.26), control: arm(0.3) }, clip)).toMatchObject({
      status: 'breach',
      threshold: 0.285,
      message: 'clip_similarity 0.26 < 0.285 (mean over 500 samples, control 0.3 over 500)',
    })
    expect(lacking({ metric: 'signal:clip_similarity', max: 0.2, for_windows: 5 })).toMatchObject({
      code: 'more_is_better',
    })
  })

  it('is no_data while nobody has posted it, and error where it is not a number', () => {
    expect(signal()).toMatchObject({ status: 'no_data', n: 0 })
    expect(signal({ candidate: null, control: null }).status).toBe('no_data')
    expect(signal({ candidate: { n: 300, mean: Number.NaN }, control: null }).status).toBe('error')
  })
})
