/** The commands that change a release against the control plane. */
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actionAnswerSchema } from '../../src/api/index.ts'
import { run } from './run.ts'
import { blocker, canaryRelease } from './samples.ts'
import { type Control, ripen, startControl, TOKEN } from './control.ts'

let control: Control
const sluice = (...args: string[]) => run(args, { SLUICE_URL: control.url, SLUICE_TOKEN: TOKEN })
const lastBody = () => control.requests.at(-1)!.body

beforeEach(async () => {
  control = await startControl()
})
afterEach(() => control.stop())

describe('the commands that change a release', () => {
  it('drive it from start to promote, each naming the next one', async () => {
    const seen: string[] = []
    let next = 'sluice start'
    for (let step = 0; step < 10 && next !== ''; step++) {
      const words = next.split(' ').slice(1)
      if (words[0] !== 'start') ripen(control)
      const { code, out, err } = await sluice(...words, '--reason', 'as planned')
      expect({ code, err }).toEqual({ code: 0, err: '' })
      seen.push(`${words[0]}: ${/ is at (\S+)/.exec(out)?.[1]?.replace(',', '')}`)
      next = /^Next: (sluice \w+)/m.exec(out)?.[1] ?? ''
    }
    expect(seen).toEqual([
      'start: shadow',
      'advance: canary-1',
      'advance: canary-5',
      'advance: canary-20',
      'advance: canary-50',
      'advance: canary-100',
      'promote: completed',
    ])
    expect(new Set(control.controller.entries.map((entry) => entry.reason))).toEqual(new Set(['as planned']))
  })

  it('start at a stage, roll back and reset', async () => {
    expect((await sluice('start', '--stage', 'canary-50')).out).toContain('is at canary-50 (50 %)')
    const rolledBack = await sluice('rollback', '-m', 'users complain')
    expect(rolledBack.code).toBe(0)
    expect(rolledBack.out).toContain('is at rolled_back')
    expect((await sluice('reset')).out).toContain('is at idle')
    expect(control.controller.entries.map((entry) => entry.action)).toEqual(['reset', 'rollback', 'start'])
  })

  it('send exactly what the API takes', async () => {
    control.show(canaryRelease('wan22_t2v_abtest'))
    await sluice('set-percent', '12.5%', '--reason', 'slowly')
    expect(lastBody()).toEqual({ action: 'set_percent', percent: 12.5, reason: 'slowly' })
    await sluice('set-shadow', '50%', '--during-canary')
    expect(lastBody()).toEqual({ action: 'set_shadow', sample: 0.5, during_canary: true })
    await sluice('set-shadow', '0', '--no-during-canary')
    expect(lastBody()).toEqual({ action: 'set_shadow', sample: 0, during_canary: false })
    await sluice('pause')
    expect(lastBody()).toEqual({ action: 'pause' })
    await sluice('resume')
    expect(lastBody()).toEqual({ action: 'resume' })
    await sluice('approve')
    expect(lastBody()).toEqual({ action: 'approve' })
    await sluice('advance', '--force')
    expect(lastBody()).toEqual({ action: 'advance', force: true, to: 'canary-20' })
  })

  it('change nothing on a dry run, and say so', async () => {
    const { code, out } = await sluice('start', '--dry-run')
    expect(code).toBe(0)
    expect(out).toContain('nothing was changed')
    expect(out).toContain('would be at shadow')
    expect(control.controller.state.state).toBe('idle')
  })

  it('foretell with a dry run that something blocks, or that it is not possible, and end with 0', async () => {
    const blocked_by = [blocker('bake', 'bake: 12 min of 30 min left'), blocker('min_jobs', '19 more candidate jobs')]
    control.show(canaryRelease('wan22_t2v_abtest', { blocked_by }))
    const blocked = await sluice('advance', '--dry-run')
    expect([blocked.code, blocked.err]).toEqual([0, ''])
    expect(blocked.out).toMatch(
      /^Dry run: advance would be refused\.\n {2}nothing was changed: it waits for 2 things \(blocked\)\n {2}bake: /,
    )
    const json = await sluice('advance', '--dry-run', '--json')
    expect([json.code, JSON.parse(json.out).error.code]).toEqual([0, 'blocked'])
    const illegal = await sluice('promote', '--dry-run')
    expect([illegal.code, illegal.out]).toEqual([0, expect.stringContaining('  promote is not possible in canary-5')])
    const stale = await sluice('pause', '--dry-run', '--if-match', '3')
    expect([stale.code, stale.out]).toEqual([0, expect.stringContaining('the release is at version 7, not 3')])
    expect(control.controller.entries).toEqual([])
  })

  it('fail with a dry run that can not be made', async () => {
    const unknown = await sluice('start', '--dry-run', '--release', 'nothing')
    expect([unknown.code, unknown.out]).toEqual([1, ''])
    const stage = await sluice('start', '--dry-run', '--stage', 'canary-7')
    expect([stage.code, stage.out]).toEqual([1, ''])
  })

  it('print with --json what the API answered', async () => {
    const { out } = await sluice('start', '--dry-run', '--json')
    const answer = v.parse(actionAnswerSchema, JSON.parse(out))
    expect([answer.stage, answer.dry_run]).toEqual(['shadow', true])
  })

  it('are refused when the version is stale, with the way on', async () => {
    control.show(canaryRelease('wan22_t2v_abtest'))
    const { code, out, err } = await sluice('advance', '--if-match', '3')
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('the release is at version 7, not 3')
    expect(err).toContain('repeat it, with the new --if-match where you gave one')
    expect((await sluice('advance', '--if-match', '7')).code).toBe(0)
  })

  it('take one step where two are given at once, and let nothing hold up a rollback', async () => {
    const name = 'wan22_t2v_abtest'
    control.show(canaryRelease(name))
    let posts = 0
    control.intercept = ({ method }) => {
      // The other command's step arrives first.
      if (method === 'POST' && posts++ === 0)
        control.show(canaryRelease(name, { stage: 'canary-20', percent: 20, version: 8 }))
      return false
    }
    const { code, err } = await sluice('advance', '--force', '--release', name)
    expect(code).toBe(1)
    expect(err).toContain('already at canary-20: this step was made')
    expect(control.controller.state.stage).toBe('canary-20')
    expect(control.controller.entries).toEqual([])
    expect((await sluice('rollback')).code).toBe(0)
    expect(control.requests.at(-1)!.headers['if-match']).toBeUndefined()
  })

  it('say where to go on, by which the second of two is refused', async () => {
    const name = 'wan22_t2v_abtest'
    control.show(canaryRelease(name))
    const { out } = await sluice('advance', '--force', '--dry-run')
    expect(out).toContain('would be at canary-20')
    const step = ['advance', '--to', 'canary-20', '--force', '-m', 'fine']
    expect((await sluice(...step)).out).toContain('Next: sluice advance --to canary-50')
    const second = await sluice(...step)
    expect([second.code, second.out]).toEqual([1, ''])
    expect(second.err).toContain('already at canary-20: this step was made')
    expect(control.controller.state.stage).toBe('canary-20')
  })

  it('are refused with every detail when something blocks', async () => {
    const blocked_by = [blocker('bake', 'bake: 12 min of 30 min left'), blocker('min_jobs', '19 more candidate jobs')]
    control.show(canaryRelease('wan22_t2v_abtest', { blocked_by }))
    const { code, err } = await sluice('advance')
    expect(code).toBe(1)
    expect(err).toMatch(/^sluice: nothing was changed: it waits for 2 things \(blocked\)\n {2}bake/)
    expect(err.match(/12 min of 30 min left/g)).toHaveLength(1)
    expect(err).toMatch(/\n {2}bake: 12 min of 30 min left \(ends in 1[12] min[^,]*, at \S+ \S+Z\)\n/)
    expect(err).toContain('\n  19 more candidate jobs')
  })

  it('are refused without a line for what the sentence says already', async () => {
    control.show(canaryRelease('wan22_t2v_abtest'))
    const { code, err } = await sluice('reset')
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^sluice: reset is not possible in canary-5; legal now: .*\n$/),
    ])
    const stage = await sluice('start', '--stage', 'canary-7')
    expect(stage.err.trimEnd().split('\n')).toHaveLength(1)
  })

  it('print the refusal itself with --json, and the sentence on stderr', async () => {
    control.show(canaryRelease('wan22_t2v_abtest'))
    const { code, out, err } = await sluice('start', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'illegal_transition' } })
    expect(err).toContain('start is not possible in canary-5')
  })

  it.each([
    ['set-percent', '101'],
    ['set-percent', 'five'],
    ['set-percent', ''],
    ['set-percent', '0x10'],
    ['set-shadow', '50'],
    ['set-percent'],
    ['advance', '--wait', '--force'],
    ['advance', '--if-match', 'x'],
    ['advance', 'twice'],
    ['forward'],
  ])('end with code 2 on wrong usage: %s %s', async (...args) => {
    const { code, out, err } = await sluice(...args.filter((arg) => arg !== undefined))
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('error: ')
    expect(control.requests).toEqual([])
  })
})
