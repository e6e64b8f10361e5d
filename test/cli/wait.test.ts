/** `--wait` and `status --watch`, followed while the release changes under them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { start, until } from './run.ts'
import { blocker, canaryRelease, verdict } from './samples.ts'
import { type Control, startControl, TOKEN } from './control.ts'

const NAME = 'wan22_t2v_abtest'
let control: Control
const begin = (...args: string[]) => start(args, { SLUICE_URL: control.url, SLUICE_TOKEN: TOKEN })
const looks = () => control.requests.filter((request) => request.method === 'GET' && request.url.endsWith(NAME)).length

beforeEach(async () => {
  control = await startControl()
})
afterEach(() => control.stop())

describe('advance --wait', () => {
  it('shows what it waits for, and advances once nothing is left', async () => {
    control.show(canaryRelease(NAME, { blocked_by: [blocker('min_jobs', '19 more candidate jobs')] }))
    const running = begin('advance', '--wait', '--reason', 'enough seen')
    await until(running, () => running.sofar().err.includes('waits for min_jobs'))
    expect(control.controller.entries).toEqual([])
    control.show(canaryRelease(NAME))
    const { code, out } = await running.ended
    expect(code).toBe(0)
    expect(out).toContain('is at canary-20 (20 %)')
    expect(control.controller.entries.map(({ action, reason }) => [action, reason])).toEqual([
      ['advance', 'enough seen'],
    ])
  })

  it('ends with code 3 and sends nothing when it is rolled back meanwhile', async () => {
    control.show(canaryRelease(NAME, { blocked_by: [blocker('bake', 'bake: 9 s of 10 s left')] }))
    const running = begin('advance', '--wait')
    await until(running, () => looks() > 1)
    control.show(canaryRelease(NAME, { state: 'rolled_back', stage: 'rolled_back', percent: 0, reason: 'error rate' }))
    const { code, out } = await running.ended
    expect(code).toBe(3)
    expect(out).toContain('rolled_back now without this command: error rate')
    expect(control.controller.entries).toEqual([])
  })

  it('does not advance twice when somebody else was faster', async () => {
    control.show(canaryRelease(NAME, { blocked_by: [blocker('bake', 'bake: 9 s of 10 s left')] }))
    const running = begin('advance', '--wait')
    await until(running, () => looks() > 1)
    control.show(canaryRelease(NAME, { stage: 'canary-20', percent: 20, version: 8, reason: 'by colleague' }))
    const { code, out } = await running.ended
    expect(code).toBe(0)
    expect(out).toContain('canary-20 (20 %) now without this command')
    expect(control.controller.entries).toEqual([])
  })

  it('looks again when the release changed between look and step', async () => {
    control.show(canaryRelease(NAME))
    let refused = 0
    control.intercept = (request, response) => {
      if (request.method !== 'POST' || refused > 0) return false
      refused++
      const error = {
        code: 'version_mismatch',
        message: 'at version 8',
        type: 'x',
        param: null,
        request_id: 'r',
        details: [],
      }
      response.writeHead(412, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
      return true
    }
    expect((await begin('advance', '--wait').ended).code).toBe(0)
    expect(refused).toBe(1)
    expect(control.controller.entries).toHaveLength(1)
    expect(control.requests.at(-1)!.headers['if-match']).toBe('"7"')
  })
})

describe('promote --wait', () => {
  it('does not wait where a step is refused however long it waits', async () => {
    control.show(canaryRelease(NAME, { blocked_by: [blocker('bake', 'bake: 9 s of 10 s left')] }))
    const { code, err } = await begin('promote', '--wait').ended
    expect(code).toBe(1)
    expect(err).toContain('promote is not possible in canary-5')
    expect(err).not.toContain('waits for')
  })
})

describe('status --watch', () => {
  it('prints a line per change and ends with code 3 when it is rolled back', async () => {
    control.show(canaryRelease(NAME))
    const running = begin('status', '--until-done', '--interval', '0.1')
    await until(running, () => looks() > 3)
    control.show(canaryRelease(NAME, { version: 8, verdicts: [verdict({ status: 'breach' })] }))
    await until(running, () => running.sofar().out.includes('breach'))
    control.show(
      canaryRelease(NAME, {
        version: 9,
        state: 'rolled_back',
        stage: 'rolled_back',
        percent: 0,
        reason: '30 % of jobs failed',
      }),
    )
    const { code, out } = await running.ended
    expect(code).toBe(3)
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\S+Z {2}/, ''))
    expect(lines).toEqual([
      `${NAME}  canary-5 (5 %)  version 7`,
      `${NAME}  canary-5 (5 %)  version 8  breach: error_rate:job`,
      `${NAME}  rolled_back  version 9  reason: 30 % of jobs failed`,
    ])
  })

  it('ends with code 0 when it is completed, printing one JSON document per change', async () => {
    control.show(canaryRelease(NAME))
    const running = begin('status', '--until-done', '--interval', '0.1', '--json')
    await until(running, () => looks() > 1)
    control.show(canaryRelease(NAME, { version: 8, state: 'completed', stage: 'completed', percent: 100, next: null }))
    const { code, out } = await running.ended
    expect(code).toBe(0)
    const states = out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { state: string }).state)
    expect(states).toEqual(['canary', 'completed'])
  })

  it('outlives a gateway that is away for a moment', async () => {
    control.show(canaryRelease(NAME))
    const running = begin('status', '--until-done', '--interval', '0.1')
    await until(running, () => looks() > 1)
    let dropped = 0
    control.intercept = (request) => {
      if (dropped++ >= 2) return false
      request.socket.destroy()
      return true
    }
    await until(running, () => running.sofar().err.includes('still trying'))
    control.show(canaryRelease(NAME, { state: 'completed', stage: 'completed', percent: 100, next: null }))
    expect((await running.ended).code).toBe(0)
  })
})
