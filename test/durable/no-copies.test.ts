/** Commands that make sense only where something is copied. */
import { expect, it } from 'vitest'
import { needsCopies } from '../../src/durable/controller/no-copies.ts'

const ladder = [0.5, 100].map((percent) => ({
  percent,
  bakeMs: 0,
  gate: 'guardrails' as const,
  approval: 'none' as const,
}))
const HTTP = { protocol: 'http', ladder }
const VIDEOS = { protocol: 'openai-videos', ladder }

it('a release without jobs can not start in shadow, and is told where it can', () => {
  for (const stage of [{}, { stage: 'shadow' }]) {
    const vain = needsCopies(HTTP, { action: 'start', ...stage })
    expect(vain?.path).toBe('stage')
    expect(vain?.message).toContain('{"action":"start","stage":"canary-0.5"}')
  }
  expect(needsCopies(HTTP, { action: 'start', stage: 'canary-0.5' })).toBeNull()
})

it('a release without jobs has no share of copies to set', () => {
  expect(needsCopies(HTTP, { action: 'set_shadow' })?.path).toBe('sample')
})

it('every other command, and every command of a release with jobs, makes sense', () => {
  for (const action of [
    'advance',
    'promote',
    'pause',
    'resume',
    'rollback',
    'reset',
    'approve',
    'set_percent',
  ] as const)
    expect(needsCopies(HTTP, { action })).toBeNull()
  for (const action of ['start', 'set_shadow'] as const) expect(needsCopies(VIDEOS, { action })).toBeNull()
})
