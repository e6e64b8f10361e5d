/**
 * The client in examples/api-client: generated from the document of a running server, type-checked, and driven
 * through the life of one release by itself.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCandidate, positionOf } from '../../src/core/assignment.ts'
import { ControlClient } from '../support/control-client.ts'
import { pollToEnd, submit } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, tokenOf, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const FOLDER = fileURLToPath(new URL('../../examples/api-client', import.meta.url))

let backends: Backends
let gateway: Gateway

beforeAll(async () => {
  backends = await startBackends(0.2)
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends), { bake: '1s' }) } })
  await gateway.start()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

/** An npm script of the example; rejects with what it printed if it fails. */
function npmRun(script: string): Promise<string> {
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: FOLDER,
    env: { ...process.env, SLUICE_URL: gateway.url, SLUICE_TOKEN: tokenOf('admin') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(printed) : reject(new Error(`${script}: ${printed}`))))
  })
}

describe('a client generated from the running server', () => {
  it('compiles', async () => {
    expect(await npmRun('generate')).toContain('control-plane.d.ts')
    expect(await npmRun('types')).toBe('')
  })

  it('drives one release through its life', async () => {
    const users = await withTraffic(() => npmRun('start').then((printed) => (out = printed)))
    const steps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { step: string } & Record<string, unknown>)
    expect(steps).toMatchObject([
      { step: 'before', stage: 'idle' },
      { step: 'config patched', bake: '2s', source: 'live' },
      { step: 'config cleared', source: 'file' },
      { step: 'start', stage: 'shadow', percent: 0, sample: 1 },
      { step: 'pairs' },
      { step: 'advance', stage: 'canary-1', percent: 1 },
      { step: 'set_percent', percent: 50 },
      { step: 'set_shadow', percent: 50, sample: 0.5 },
      { step: 'pause', paused: true },
      { step: 'resume', paused: false },
      { step: 'stale', status: 412, code: 'version_mismatch' },
      { step: 'assign', subject: 'user-1', reason: 'hash', position: positionOf(RELEASE, 'user-1') },
      { step: 'jobs', arms: ['candidate'], seconds: expect.any(Number) },
      { step: 'counters', submits: expect.any(Number) },
      { step: 'rollback', stage: 'rolled_back', percent: 0 },
      { step: 'reset', stage: 'idle' },
      { step: 'history', who: 'token:admin' },
    ])
    const told = Object.fromEntries(steps.map((step) => [step.step, step]))
    expect(told['assign']!['arm']).toBe(isCandidate(positionOf(RELEASE, 'user-1'), 50) ? 'candidate' : 'control')
    expect(told['counters']!['submits']).toBeGreaterThan(0)
    expect(told['counters']!['submits']).toBeLessThanOrEqual(users)
    for (const arm of ['control', 'candidate'] as const) {
      expect(told['pairs']![arm]).toEqual(expect.stringContaining(backends[arm].url))
    }
    const audited = (await new ControlClient(gateway, RELEASE).history()).map(({ action }) => action).toReversed()
    expect(told['history']!['actions']).toEqual(audited)
    expect(audited.filter((action) => !action.includes('config'))).toEqual([
      'start',
      'advance',
      'set_percent',
      'set_shadow',
      'pause',
      'resume',
      'rollback',
      'reset',
    ])
  })
})

let out = ''

/** Users who submit and poll, one after the other, until `work` is done; says how many submits there were. */
async function withTraffic(work: () => Promise<unknown>): Promise<number> {
  let submits = 0
  let isDone = false
  const user = async (subject: string) => {
    while (!isDone) {
      submits++
      const { id } = await submit(gateway, subject)
      await pollToEnd(gateway, id, subject)
    }
  }
  const users = Promise.all(['user-1', 'user-2', 'user-3', 'user-4', 'user-5', 'user-6'].map(user))
  await work().finally(() => (isDone = true))
  await users
  return submits
}
