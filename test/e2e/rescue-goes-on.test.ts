/**
 * A rescued job is its owner's own and control's in everything that is asked of it, whatever happened on the way: two
 * backends that number their jobs alike, a job that had failed when it was submitted, a control that puts it off, a crash.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, download, poll, pollToEnd, type Reply, routedBy, submit } from '../support/data-plane.ts'
import { type Numbering, numbering, promptOf } from '../support/numbering.ts'
import { OddBackend } from '../support/odd-backend.ts'
import { Gateway, release } from '../support/processes.ts'

const RELEASE = 'rescued'

let backends: OddBackend[]
let gateway: Gateway
const [control, ...candidates] = [numbering(), numbering(), numbering()] as [Numbering, Numbering, Numbering]

beforeAll(async () => {
  backends = await Promise.all(['control', 'candidate-1', 'candidate-2'].map((name) => OddBackend.start(name)))
  for (const [i, backend] of backends.entries()) backend.answers([control, ...candidates][i]!.handler)
  const [controlUrl, ...candidateUrls] = backends.map(({ url }) => url)
  const table = release(RELEASE, { control: controlUrl!, candidate: '' }, { rescue: true })
  const arms = table['arms'] as Record<string, Record<string, unknown>>
  const { url: _, ...rest } = arms['candidate']!
  gateway = new Gateway({
    releases: { A: { ...table, arms: { ...arms, candidate: { ...rest, urls: candidateUrls } } } },
  })
  await gateway.start()
  await new ControlClient(gateway, RELEASE).act('start', { stage: 'canary-100' })
  await routedBy(gateway, 'canary-100')
})

beforeEach(() => {
  Object.assign(control, { fails: false, jobMs: 0, refusals: [], acceptMs: 0 })
  for (const candidate of candidates) Object.assign(candidate, { fails: true, jobMs: 0 })
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all((backends ?? []).map((backend) => backend.close()))
})

function statusIn({ text }: Reply): string {
  return (JSON.parse(text) as { status: string }).status
}

/** What control was sent to make of this prompt. */
function resubmits(prompt: string) {
  return backends[0]!.submits.filter((sent) => promptOf(sent) === prompt)
}

describe('where two candidates number their jobs alike', () => {
  it('each user gets the video of his own prompt', async () => {
    const users = Array.from({ length: 10 }, (_, i) => `owner-${i}`)
    const jobs: { user: string; id: string }[] = []
    for (const user of users) jobs.push({ user, id: (await submit(gateway, user, { prompt: `of ${user}` })).id })
    for (const { user, id } of jobs) {
      expect((await pollToEnd(gateway, id, user)).status).toBe('completed')
      const { bytes } = await download(gateway, id, user)
      expect(new TextDecoder().decode(bytes)).toBe(`video of of ${user}`)
    }
  })
})

describe('a job that was rescued', () => {
  it('is deleted at control, and gone from polls and lists', async () => {
    const { id } = await submit(gateway, 'deletes')
    control.jobMs = 60_000
    await eventually(
      'it goes on',
      () => poll(gateway, id, 'deletes'),
      ({ arm }) => arm === 'control',
    )
    const deleted = await call(gateway, 'DELETE', `/v1/videos/${id}`, 'deletes')
    expect([deleted.status, deleted.arm, deleted.id]).toEqual([200, 'control', id])
    expect(backends[0]!.calls.at(-1)?.method).toBe('DELETE')
    expect((await poll(gateway, id, 'deletes')).status).toBe(404)
    const list = await call(gateway, 'GET', '/v1/videos', 'deletes')
    expect(JSON.parse(list.text).data).toEqual([])
  })

  it('is remixed at control', async () => {
    const { id } = await submit(gateway, 'remixes')
    await pollToEnd(gateway, id, 'remixes')
    const body = JSON.stringify({ prompt: 'at night' })
    const headers = { 'content-type': 'application/json' }
    const remix = await call(gateway, 'POST', `/v1/videos/${id}/remix`, 'remixes', { body, headers })
    expect([remix.status, remix.arm]).toEqual([200, 'control'])
    expect((await pollToEnd(gateway, remix.id, 'remixes')).status).toBe('completed')
  })

  it('is never shown as failed by a list, nor by a poll after it', async () => {
    const { id } = await submit(gateway, 'lists')
    const listed = async () => JSON.parse((await call(gateway, 'GET', '/v1/videos', 'lists')).text).data
    const seen = new Set<string>()
    await eventually('the list shows its end', listed, (jobs: { id: string; status: string }[]) => {
      expect(jobs.map((job) => job.id)).toEqual([id])
      seen.add(jobs[0]!.status)
      return seen.has('completed')
    })
    expect(seen).not.toContain('failed')
    expect(statusIn(await poll(gateway, id, 'lists'))).toBe('completed')
  })

  it('is under way for its client though it had failed when it was submitted', async () => {
    const submitted = await submit(gateway, 'at-once')
    expect([submitted.status, statusIn(submitted)]).toEqual([200, 'in_progress'])
    expect((await pollToEnd(gateway, submitted.id, 'at-once')).status).toBe('completed')
  })
})

describe('a rescue', () => {
  it('that control puts off goes on under the same key, and its client waits', async () => {
    const prompt = 'a busy control'
    control.refusals = [503, 429]
    const { id } = await submit(gateway, 'waits', { prompt })
    expect((await pollToEnd(gateway, id, 'waits')).status).toBe('completed')
    const keys = resubmits(prompt).map(({ headers }) => headers['idempotency-key'])
    expect([keys.length, new Set(keys).size]).toEqual([3, 1])
  })

  it('that a crash interrupts is made again under the same key, and its client sees no failure', async () => {
    const prompt = 'a power cut'
    control.acceptMs = 2500
    const { id } = await submit(gateway, 'cut-off', { prompt })
    await eventually(
      'control is asked',
      () => resubmits(prompt).length,
      (n) => n === 1,
    )
    await gateway.kill()
    control.acceptMs = 0
    await gateway.start()
    expect((await pollToEnd(gateway, id, 'cut-off')).status).toBe('completed')
    const keys = resubmits(prompt).map(({ headers }) => headers['idempotency-key'])
    expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  })
})
