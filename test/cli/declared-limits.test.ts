/** What `config check` tells of a declared wire's table that leaves something out. */
import { describe, expect, it } from 'vitest'
import { declaredLimits } from '../../src/cli/wire-limits.ts'
import { readConfig } from '../../src/config/load.ts'

const ARMS = { control: { url: 'https://a.example', model: 'm' }, candidate: { url: 'https://b.example' } }
const WHOLE = {
  submit: '/v1/jobs',
  poll: '/v1/jobs/{id}',
  statuses: { succeeded: 'done', failed: 'ERR' },
  failures: { refused: 'policy' },
  model: 'model',
  prompt: 'prompt',
  frames: 'frames',
}
const RULES = [
  { when: { prompt_chars: { max: 9 } }, arm: 'control' },
  { when: { duration_seconds: { min: 9 } }, arm: 'control' },
]

function told(wire: Record<string, unknown>): string[] {
  const kept = Object.fromEntries(Object.entries(wire).filter(([, value]) => value !== undefined))
  const release = { name: 'a', protocol: 'jobs', arms: ARMS, match: { models: ['m'] }, rules: RULES, wire: kept }
  const read = readConfig({ RELEASE_A: release }, ['jobs'])
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  return declaredLimits(read.config.releases[0]!).map(({ path, message }) => `${path}: ${message}`)
}

describe('a table', () => {
  it('that is whole is told nothing of', () => {
    expect(told(WHOLE)).toEqual([])
    expect(told({ ...WHOLE, submit: '/v1/{model}', poll: '/v1/{model}/{id}', model: undefined })).toEqual([])
  })

  it.each<[missing: Record<string, unknown>, paths: string[]]>([
    [{ statuses: { succeeded: 'done' } }, ['wire.statuses']],
    [{ failures: undefined }, ['wire.failures']],
    [{ model: undefined }, ['arms.control.model', 'match.models']],
    [{ prompt: undefined }, ['rules.0.when.prompt_chars']],
    [{ frames: undefined }, ['rules.1.when.duration_seconds']],
  ])('without %j is told what follows', (missing, paths) => {
    expect(told({ ...WHOLE, ...missing }).map((line) => line.split(':')[0])).toEqual(paths)
  })
})
