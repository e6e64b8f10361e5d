/**
 * Programs of the examples against a running gateway and the demo's backends. The typed client is generated from the
 * server's own document, type-checked, and driven through the life of one release by itself; the evaluator measures the
 * pairs of the next, and is skipped where ffmpeg is not installed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCandidate, positionOf } from '../../src/core/assignment.ts'
import type { ReportView } from '../../src/api/experiment.ts'
import type { PairView } from '../../src/api/index.ts'
import { ControlClient, eventually, standsStill } from '../support/control-client.ts'
import { type HttpServer, serveHttp } from '../support/control-server.ts'
import { pollToEnd, submit } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, tokenOf, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))
const hasFfmpeg = ['ffmpeg', 'ffprobe'].every((name) => spawnSync(name, ['-version']).error === undefined)
if (!hasFfmpeg) console.log('ffmpeg is not installed (apt-get install ffmpeg): the evaluator is skipped')

let backends: Backends
let gateway: Gateway
/** Some other server. */
let stranger: HttpServer

beforeAll(async () => {
  backends = await startBackends(0.2)
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends), { bake: '1s' }) } })
  await gateway.start()
  stranger = await serveHttp(() => new Response('not here', { status: 404 }))
})

afterAll(async () => {
  await gateway?.remove()
  await stranger?.stop()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

const npmRun = (script: string) => printedBy('api-client', 'admin', 'npm', ['run', '--silent', script])

/** What a program prints that runs in the folder of an example; rejects with it if the program fails. */
async function printedBy(example: string, role: string, command: string, args: string[]): Promise<string> {
  const { code, printed } = await ended(example, command, args, { SLUICE_TOKEN: tokenOf(role) })
  if (code !== 0) throw new Error(`${args.join(' ')}: ${printed}`)
  return printed
}

/** How a program ends that runs in the folder of an example, and what it prints. */
function ended(example: string, command: string, args: string[], env: Record<string, string>) {
  const child = spawn(command, args, {
    cwd: EXAMPLES + example,
    env: { ...process.env, SLUICE_URL: gateway.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  return new Promise<{ code: number | null; printed: string }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, printed }))
  })
}

const PROGRAMS = {
  generator: ['api-client', 'generate.ts'],
  life: ['api-client', 'src/release-life.ts'],
  evaluator: ['evaluator', 'evaluate.ts'],
} as const

const told = (program: keyof typeof PROGRAMS, name: string, env: Record<string, string>) => {
  const [example, script] = PROGRAMS[program]
  return ended(example, process.execPath, [script, name], env)
}

it.each(['generator', 'life', 'evaluator'] as const)(
  'the %s says in one line that its token is wrong, that nobody answers, or that it is no Sluice',
  async (program) => {
    expect(await told(program, RELEASE, { SLUICE_TOKEN: 'wrong' })).toEqual({
      code: 1,
      printed: expect.stringMatching(/^unauthenticated \(401\): .+\n$/),
    })
    expect(await told(program, RELEASE, { SLUICE_URL: 'http://127.0.0.1:1' })).toEqual({
      code: 1,
      printed: expect.stringMatching(/^no answer of Sluice from http:\/\/127\.0\.0\.1:1: .+\n$/),
    })
    expect(await told(program, RELEASE, { SLUICE_URL: stranger.url })).toEqual({
      code: 1,
      printed: expect.stringMatching(/^http:\/\/\S+ answers 404, and not as Sluice does\n$/),
    })
  },
)

it.each(['life', 'evaluator'] as const)('the %s says in one line that there is no such release', async (program) => {
  expect(await told(program, 'no_such', { SLUICE_TOKEN: tokenOf('admin') })).toEqual({
    code: 1,
    printed: expect.stringMatching(/^release_not_found \(404\): .+\n$/),
  })
})

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

describe.runIf(hasFfmpeg)('the evaluator', () => {
  const evaluate = async (newest: number) =>
    (await printedBy('evaluator', 'operator', process.execPath, ['evaluate.ts', RELEASE, '--pairs', `${newest}`]))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  it('measures both videos of each shadow pair and posts them, once', async () => {
    const control = new ControlClient(gateway, RELEASE)
    const startedAt = Date.now()
    await control.act('start')
    const isFinished = (pair: PairView) => [pair.control, pair.candidate].every(({ status }) => status === 'succeeded')
    const listed = async () =>
      ((await control.call('GET', '/pairs?limit=100')).body as { items: PairView[] }).items.filter(
        ({ at }) => Date.parse(at) > startedAt,
      )
    await eventually(
      'there are pairs',
      async () => {
        const { id } = await submit(gateway, 'user-1')
        await pollToEnd(gateway, id, 'user-1')
        return listed()
      },
      (its) => its.length > 1,
    )
    await eventually('their videos are there', listed, (its) => its.every(isFinished))
    const pairs = await standsStill('the list of pairs', listed)
    const n = pairs.length
    const [first, ...more] = await evaluate(n)
    // The demo's two clips: 48 frames of 320×192, blue and green.
    expect(first).toMatchObject({
      job_id: pairs[0]!.job_id,
      likeness: { ssim: expect.closeTo(0.962, 2), psnr: expect.closeTo(24.3, 0) },
      steadiness: { control: { ssim: expect.closeTo(0.9986, 3) }, candidate: { ssim: expect.closeTo(0.9988, 3) } },
    })
    expect(more.at(-1)).toEqual({ accepted: 6 * n, repeated: 0, refused: 0, failed: 0 })
    expect((await evaluate(1)).at(-1)).toMatchObject({ accepted: 0, repeated: 6, refused: 0 })

    const { signals } = (await control.call('GET', '/report')).body as ReportView
    const likeness = signals.filter(({ metric }) => metric === 'ssim')
    expect(likeness).toEqual([expect.objectContaining({ arm: 'candidate', mean: expect.closeTo(0.962, 2) })])
    const steadiness = signals.filter(({ metric }) => metric === 'temporal_psnr')
    expect(steadiness.map(({ arm, n: its }) => [arm, its])).toEqual([
      ['candidate', likeness[0]!.n],
      ['control', likeness[0]!.n],
    ])
    expect((await control.view()).shadow.funnel.scored).toBe(n)
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
