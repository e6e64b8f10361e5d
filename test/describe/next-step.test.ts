/** Who takes the next step: one truth, which the pages and the command line say alike. */
import { describe, expect, test } from 'vitest'
import type { BlockerView, ReleaseView } from '../../src/api/index.ts'
import { nextSteps } from '../../src/cli/next-steps.ts'
import { nextStep } from '../../src/describe/next-step.ts'
import { plain } from '../../src/dashboard/format.ts'
import { headline } from '../../src/dashboard/headline.ts'
import { en } from '../../src/dashboard/text/index.ts'
import { canaryRelease } from '../cli/samples.ts'

const blocker = (code: BlockerView['code']): BlockerView => ({ code, message: code, until: null })
const at100 = { stage: 'canary-100', percent: 100, next: { stage: 'completed', percent: 100 } }
const ladderEnds = { stage: 'canary-50', percent: 50, next: null }

/** Situation, what the release shows, the step and who acts, what a page and what the command line say of it. */
type Case = [string, Partial<ReleaseView>, ReturnType<typeof nextStep>['step'], string, string, string]
const CASES: Case[] = [
  ['waits for an operator', { advance: 'manual' }, 'advance', 'operator', 'Needs an operator.', 'Next: sluice advance'],
  ['advances', { advance: 'auto' }, 'advance', 'gateway', 'Advances automatically.', 'canary-20 (20 %), automatically'],
  [
    'promotes',
    { ...at100, advance: 'auto' },
    'promote',
    'gateway',
    'Promotes automatically.',
    'completed, automatically',
  ],
  ['is promoted', { ...at100, advance: 'manual' }, 'promote', 'operator', 'Needs an operator.', 'Next: sluice promote'],
  [
    'has a ladder that ends below 100 %',
    { ...ladderEnds, advance: 'auto' },
    'none',
    'nobody',
    'There is no next step: the ladder ends at 50 %',
    'Next: nothing. The ladder ends below 100 %',
  ],
  [
    'is paused, though it advances automatically',
    { advance: 'auto', paused: true, blocked_by: [blocker('paused')] },
    'resume',
    'operator',
    'Needs an operator to resume it.',
    'Next: sluice resume',
  ],
  [
    'advances automatically, but asks for an approval',
    { advance: 'auto', blocked_by: [blocker('bake'), blocker('approval')] },
    'approve',
    'operator',
    'Advances automatically once an operator has approved it.',
    'Next: sluice approve',
  ],
]

describe('a release that', () => {
  test.each(CASES)('%s says so on its page and on the command line', (_, shown, step, by, onPage, onLine) => {
    const view = canaryRelease('wan22', { blocked_by: [], next_check_at: null, ...shown })
    expect(nextStep(view)).toMatchObject({ step, by })
    const { sentence } = headline(view, null, Date.parse(view.since), en)
    expect(plain(sentence).replaceAll('\u00a0', ' ')).toContain(onPage)
    expect(nextSteps(view).join('\n')).toContain(onLine)
  })

  test('is not started or was rolled back needs an operator', () => {
    const idle = canaryRelease('wan22', { state: 'idle', stage: 'idle', percent: 0, next: null })
    expect([nextStep(idle), nextSteps(idle)]).toMatchObject([{ step: 'start', by: 'operator' }, ['Next: sluice start']])
    const back = canaryRelease('wan22', { state: 'rolled_back', stage: 'rolled_back', percent: 0, next: null })
    expect(nextStep(back)).toMatchObject({ step: 'reset', by: 'operator' })
    expect(nextSteps(back).join()).toContain('Next: sluice reset')
  })
})
