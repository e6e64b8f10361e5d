import { describe, expect, test } from 'vitest'
import { errorShare, logERateAbove, logERateVsControl } from '../../../src/core/stats/sequential.ts'
import vectors from '../../vectors/eprocess.json' with { type: 'json' }

interface Vector {
  id: string
  method: string
  inputs: Record<string, number>
  expected: Record<string, number>
}

/** Below −5 any value below −5 will do; else relative 1e-9 or absolute 1e-12. */
function near(got: number, want: number): boolean {
  if (want < -5) return got < -5
  return Math.abs(got - want) <= Math.max(1e-9 * Math.abs(want), 1e-12)
}

describe('e-processes agree with fifty-digit arithmetic', () => {
  test.each((vectors as Vector[]).map((vector) => [vector.id, vector] as const))(
    '%s',
    (_, { method, inputs, expected }) => {
      const at = (name: string): number => inputs[name]!
      if (method === 'eprocess_rate_above') {
        const got = logERateAbove(at('events'), at('trials'), at('p0'), at('prior_a'), at('prior_b'))
        expect(near(got, expected['log_e']!), `${got}`).toBe(true)
      } else {
        const [share, ratio] = [at('treatment_share'), at('tolerated_ratio')]
        const got = logERateVsControl(at('events_treatment'), at('events_total'), share, ratio)
        expect(near(errorShare(share, ratio), expected['theta0']!)).toBe(true)
        expect(near(got, expected['log_e']!), `${got}`).toBe(true)
      }
    },
  )
})
