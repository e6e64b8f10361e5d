/** What other tools' usual rules would have done with the same windows, with the figures of their own documentation. */

export interface Counts {
  n: number
  x: number
  repeats: number
}

interface Memory {
  window: number
  failed: number
  n: number
  x: number
}

export type Other = 'argo' | 'flagger' | 'plain'

interface OtherRule {
  name: Other
  open: () => Memory
  /** Takes one window of the candidate in; whether the release is rolled back now. */
  look: (memory: Memory, counts: Counts) => boolean
}

const open = (): Memory => ({ window: 0, failed: 0, n: 0, x: 0 })

export const OTHERS: readonly OtherRule[] = [
  {
    // Argo Rollouts, Analysis: every 5 minutes, successCondition result[0] >= 0.95, failureLimit 3.
    name: 'argo',
    open,
    look: (memory, { n, x }) => {
      memory.n += n
      memory.x += x
      if (++memory.window % 5 !== 0) return false
      if (memory.x > 0.05 * memory.n) memory.failed++
      memory.n = memory.x = 0
      return memory.failed > 3
    },
  },
  {
    // Flagger: request-success-rate of at least 99 % a minute, threshold 5 failed checks.
    name: 'flagger',
    open,
    look: (memory, { n, x }) => {
      if (x > 0.01 * n) memory.failed++
      return memory.failed >= 5
    },
  },
  {
    // A plain threshold: the stage's rate above 1 %, from 50 jobs on.
    name: 'plain',
    open,
    look: (memory, { n, x }) => {
      memory.n += n
      memory.x += x
      return memory.n >= 50 && memory.x > 0.01 * memory.n
    },
  },
]
