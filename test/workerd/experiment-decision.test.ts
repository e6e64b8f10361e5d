/** From exposures and events to a report, a decision, and what it does: through the Worker's entry point and its real objects. */
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import * as v from 'valibot'
import type { Env } from '../../src/config/env.ts'
import { type ReportView, reportSchema } from '../../src/api/experiment.ts'
import type { HistoryEntry, ReleaseView } from '../../src/api/index.ts'
import type { Arm } from '../../src/core/arm.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { ownerOf } from '../../src/core/job-id.ts'
import type { LedgerJob, JobUpdate } from '../../src/durable/job-shapes.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'

const RELEASE = 'measured'
const bindings = env as unknown as Env
const keys = idKeys([bindings.SLUICE_COOKIE_KEY!])
const SUBJECTS = 400

async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const worker = (exports as unknown as { default: Fetcher }).default
  const response = await worker.fetch(`http://127.0.0.1/_sluice/api/v1${path}`, {
    method,
    headers: { authorization: 'Bearer token-of-operator', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.json<T>()
  expect(response.status, JSON.stringify(answer)).toBe(200)
  return answer
}

const view = () => api<ReleaseView>('GET', `/releases/${RELEASE}`)
const act = (body: unknown) => api<ReleaseView>('POST', `/releases/${RELEASE}/actions`, body)
const report = () => api<ReportView>('GET', `/releases/${RELEASE}/report.json`)
async function saved(what: string): Promise<{ name: string | null; text: string }> {
  const worker = (exports as unknown as { default: Fetcher }).default
  const headers = { authorization: 'Bearer token-of-operator' }
  const response = await worker.fetch(`http://127.0.0.1/_sluice/api/v1/releases/${RELEASE}/${what}`, { headers })
  const text = new TextDecoder().decode(await response.arrayBuffer())
  return { name: response.headers.get('content-disposition'), text }
}
const armOf = (i: number): Arm => (i % 2 === 0 ? 'control' : 'candidate')

/** Half of the subjects on each arm, each with one job that ran `seconds`. */
async function exposeAll(epoch: number, seconds: Record<Arm, number>): Promise<void> {
  const at = Date.now()
  const traits = { region: 'CN', prompt: 'short', duration: null, visitor: 'known' }
  const subjects = Array.from({ length: SUBJECTS }, (_, i) => ({
    arm: armOf(i),
    owner: ownerOf(`header:s${i}`, keys)[0]!,
    id: `${epoch}-${i}`,
  }))
  const submitted = subjects.map(({ arm, owner, id }): LedgerJob => ({
    upstreamId: id,
    clientId: id,
    arm,
    owner,
    epoch,
    stage: 'canary-50',
    replica: 0,
    submittedAt: at - 1000 * seconds[arm],
    anonymous: false,
    prefix: '',
    work: null,
    rescue: null,
  }))
  const seen = submitted.map(({ work: _work, rescue: _rescue, ...job }): JobUpdate => ({
    job,
    outcome: 'ok',
    reported: { queueSeconds: null, runSeconds: seconds[job.arm], totalSeconds: null },
    at,
  }))
  const exposed = subjects.map(({ arm, owner }) => ({ arm, owner, epoch, percent: 50, at, traits }))
  await ledgerAt(bindings, RELEASE, 0).flush({ submitted, seen, exposed })
}

/** `plays(i)`: whether subject i plays its video to the end. */
async function play(plays: (i: number) => boolean): Promise<void> {
  const rows = Array.from({ length: SUBJECTS }, (_, i) => i).flatMap((i) => [
    { release: RELEASE, subject: `s${i}`, metric: 'play', value: plays(i) ? 1 : 0 },
    { release: RELEASE, subject: `s${i}`, metric: 'complaints', value: 1 },
    { release: RELEASE, subject: `s${i}`, metric: 'complaints', value: i % 3 === 0 ? 0.1 : 0 },
  ])
  await api('POST', '/events', rows.slice(0, 1000))
  await api('POST', '/events', rows.slice(1000))
}

async function until(good: (view: ReleaseView) => boolean): Promise<ReleaseView> {
  for (let tries = 0; tries < 600; tries++) {
    const now = await view()
    if (good(now)) return now
    await scheduler.wait(200)
  }
  throw new Error(`never came: ${JSON.stringify({ view: await view(), decision: (await report()).decision })}`)
}

const isOnCandidate = (i: number) => armOf(i) === 'candidate'

describe('an experiment as the gate of a stage', () => {
  it('continues without data, and the stage waits for it', async () => {
    const started = await act({ action: 'start', stage: 'canary-50', reason: 'go' })
    const empty = await report()
    expect(v.parse(v.strictObject(reportSchema.entries), empty)).toEqual(empty)
    expect(empty).toMatchObject({ valid: true, percent: 50, decision: { decision: 'continue' } })
    expect(started.blocked_by.map(({ code }) => code)).toContain('gate')
  })

  it('lets the stage advance by itself once the candidate is shown to be better and nothing else got worse', async () => {
    const { epoch, since } = await view()
    // Only windows wholly inside the stage are judged: its first job must not end in the one in which it began.
    await until(() => Date.now() > Date.parse(since) + 1000)
    await exposeAll(epoch, { control: 60, candidate: 63 })
    await play((i) => (isOnCandidate(i) ? i % 10 !== 1 : i % 20 < 10))
    const after = await until(({ stage }) => stage === 'canary-100')
    expect(after.epoch).toBe(epoch + 1)
    const read = await report()
    expect(read).toMatchObject({ valid: true, percent: 50, readiness: { sample: { control: 200, candidate: 200 } } })
    expect(read.until).not.toBeNull()
    const [plays, complaints] = read.metrics
    expect(plays).toMatchObject({ control: { n: 200, estimate: 0.5 }, candidate: { n: 200, estimate: 0.8 } })
    expect(complaints?.non_inferiority?.status).toBe('non_inferior')
    expect(read.cost.relative?.lift).toBeCloseTo(0.05, 9)
    expect(read.srm.observed).toEqual({ control: 200, candidate: 200 })
    const { self_check: checked } = await api<ReportView>('POST', `/releases/${RELEASE}/report/self-check`)
    expect(checked?.metrics.map(({ metric, subjects, splits }) => [metric, subjects, splits])).toEqual([
      ['play', 200, 1000],
      ['complaints', 200, 1000],
    ])
    expect(checked!.metrics[0]!.false_alarms).toBeLessThan(80)
    expect((await report()).self_check).toEqual(checked)
    const csv = await saved('report.csv')
    expect(csv.name).toBe(`attachment; filename*=UTF-8''${RELEASE}.daily.csv`)
    const [heads, ...rows] = csv.text.trimEnd().split('\r\n')
    expect(heads).toBe('release,day,metric,arm,mature,subjects,sum_y,sum_yy,sum_x,sum_xx,sum_xy')
    const ofPlay = rows.filter((row) => row.includes(',play,')).map((row) => row.split(','))
    expect(ofPlay.map((row) => [row[0], ...row.slice(3, 7)])).toEqual([
      [RELEASE, 'control', 'true', '200', '100'],
      [RELEASE, 'candidate', 'true', '200', '160'],
    ])
    expect((await saved('report.ndjson')).text.trimEnd().split('\n')).toHaveLength(rows.length)
    const { items } = await api<{ items: HistoryEntry[] }>('GET', `/releases/${RELEASE}/history`)
    const decided = items.find(({ action }) => action === 'decision')
    expect(decided).toMatchObject({ who: 'system:experiment', evidence: { decision: 'advance', advises_only: false } })
    expect(decided?.reason).toContain('play')
  })

  it('rolls back when the candidate is shown to be worse', async () => {
    await act({ action: 'rollback', reason: 'again' })
    await act({ action: 'reset', reason: 'again' })
    const { epoch } = await act({ action: 'start', stage: 'canary-50', reason: 'again' })
    await exposeAll(epoch, { control: 60, candidate: 60 })
    await api(
      'POST',
      '/events',
      Array.from({ length: SUBJECTS / 2 }, (_, i) => ({
        release: RELEASE,
        subject: `s${2 * i}`,
        metric: 'play',
        value: 1,
      })),
    )
    const after = await until(({ state }) => state === 'rolled_back')
    expect(after.reason).toContain('the experiment says so')
    const { items } = await api<{ items: HistoryEntry[] }>('GET', `/releases/${RELEASE}/history`)
    expect(items.find(({ action }) => action === 'rollback')).toMatchObject({ who: 'system:experiment' })
  })
})
