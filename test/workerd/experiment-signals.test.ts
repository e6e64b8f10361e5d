/** Signals through the Worker's own entry point into the real controller: counted once, judged, shown. */
import { exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { BatchAnswer } from '../../src/api/experiment.ts'
import type { ReleaseView } from '../../src/api/index.ts'

const RELEASE = 'measured'

async function call(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const worker = (exports as unknown as { default: Fetcher }).default
  return worker.fetch(`http://127.0.0.1/_sluice${path}`, {
    method,
    headers: { authorization: 'Bearer token-of-operator', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  })
}

const post = (rows: unknown, headers?: Record<string, string>) =>
  call('POST', '/api/v1/signals', typeof rows === 'string' ? rows : JSON.stringify(rows), headers)
const act = async (body: unknown) =>
  (await call('POST', `/api/v1/releases/${RELEASE}/actions`, JSON.stringify(body))).json<ReleaseView>()
const view = async () => (await call('GET', `/api/v1/releases/${RELEASE}`)).json<ReleaseView>()

function fvd(arm: string, value: number, id?: string) {
  return { release: RELEASE, arm, metric: 'fvd', value, ...(id ? { id } : {}) }
}

async function until(good: (view: ReleaseView) => boolean): Promise<ReleaseView> {
  for (let tries = 0; tries < 600; tries++) {
    const now = await view()
    if (good(now)) return now
    await scheduler.wait(200)
  }
  throw new Error(`${good} never came: ${JSON.stringify(await view())}`)
}

function verdict(status: string): Promise<ReleaseView> {
  return until(({ verdicts }) => verdicts[0]?.status === status)
}

describe('a batch of signals', () => {
  it('keeps the good rows and names each bad one', async () => {
    const answer = await post([
      fvd('control', 1, 'mixed'),
      { ...fvd('control', 1), surprise: true },
      fvd('both', 1),
      { ...fvd('control', 1), release: 'nobody' },
      { ...fvd('control', 1), job_id: 'slc_forged_slc' },
      { ...fvd('control', 1), at: '2999-01-01T00:00:00Z' },
    ])
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect(accepted).toBe(1)
    expect(details.map(({ path }) => path)).toEqual(['1.surprise', '2.arm', '3.release', '4.job_id', '5.at'])
  })

  it('counts a row whose id was seen before only once', async () => {
    const again = await post([fvd('control', 1, 'mixed'), fvd('control', 1, 'other')])
    expect(again.status).toBe(200)
    expect(await again.json()).toEqual({ accepted: 1, repeated: 1, details: [] })
  })

  it('of a known name refuses values that it can not have', async () => {
    const clip = (value: number) => ({ ...fvd('control', value), metric: 'clip_similarity' })
    const answer = await post([clip(0.3), clip(31)])
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect([accepted, details]).toEqual([
      1,
      [{ path: '1.value', code: 'impossible_value', message: 'clip_similarity is at most 1 (cosine)', params: {} }],
    ])
  })

  it('brings no more than 200 names, but values of those that are known, and of a guardrail, for ever', async () => {
    const named = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ ...fvd('control', 1), metric: `own_${from + i}` }))
    // One name was new before.
    const first = await (await post(named(0, 149))).json<BatchAnswer>()
    expect(first.accepted).toBe(149)
    const answer = await post([...named(99, 299), fvd('control', 1)])
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect([accepted, details.length]).toEqual([101, 100])
    expect(details.every(({ path }) => /^\d+\.metric$/.test(path))).toBe(true)
    const again = await post(named(300, 310))
    expect(again.status).toBe(400)
    const metrics = await (await call('GET', '/metrics')).text()
    expect(metrics.match(/^sluice_signal\{[^}]*release="measured"/gm)?.length ?? 0).toBeLessThanOrEqual(201)
  })

  it('may be a row a line', async () => {
    const lines = `${JSON.stringify(fvd('control', 1))}\nnot json\n\n${JSON.stringify(fvd('control', 1))}\n`
    const answer = await post(lines, { 'content-type': 'application/x-ndjson' })
    expect(answer.status).toBe(207)
    expect(await answer.json()).toMatchObject({ accepted: 2, repeated: 0, details: [{ path: '1', code: 'not_json' }] })
  })

  it('is refused where no row is good, where it is too long, and from those who may only look', async () => {
    const bad = await post([fvd('both', 1)])
    expect(bad.status).toBe(400)
    expect(await bad.json()).toMatchObject({ error: { code: 'invalid_request', details: [{ path: '0.arm' }] } })
    const long = await post(Array.from({ length: 1001 }, () => fvd('control', 1)))
    expect(long.status).toBe(400)
    await long.body?.cancel()
    const viewer = await post([fvd('control', 1)], { authorization: 'Bearer token-of-viewer' })
    expect(viewer.status).toBe(403)
    await viewer.body?.cancel()
  })
})

describe('a signal guardrail', () => {
  it('has no data, then passes, then breaches and pauses the release', async () => {
    await act({ action: 'start', stage: 'canary-50', reason: 'go' })
    await verdict('no_data')
    await post([10, 11, 12].flatMap((value) => [fvd('control', value), fvd('candidate', value)]))
    const good = await verdict('pass')
    expect(good.paused).toBe(false)
    expect(good.verdicts[0]).toMatchObject({ guardrail: 'signal:fvd:job', value: 11, n: 3, baseline_value: 11 })
    await post([fvd('candidate', 100)])
    const chance = await verdict('inconclusive')
    expect(chance.verdicts[0]).toMatchObject({ value: 33.25, n: 4 })
    await post(Array.from({ length: 36 }, (_, i) => [fvd('candidate', 90 + i), fvd('control', 11)]).flat())
    const bad = await verdict('breach')
    expect(bad.verdicts[0]?.threshold).toBeCloseTo(12.1, 9)
    const paused = await until((now) => now.paused)
    expect(paused.stage).toBe('canary-50')
    const metrics = await (await call('GET', '/metrics')).text()
    expect(metrics).toMatch(/sluice_signal\{release="measured",arm="candidate",metric="fvd"\} 100\.07/)
  })
})
