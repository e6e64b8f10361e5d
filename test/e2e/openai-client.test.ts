/** The official OpenAI client through the gateway, with nothing but its base URL changed; and who gets which arm. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCandidate, positionOf } from '../../src/core/assignment.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { inParallel, routedBy, submit } from '../support/data-plane.ts'
import { subjectsOf } from '../support/subjects.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'

let backends: Backends
let gateway: Gateway
let control: ControlClient

beforeAll(async () => {
  backends = await startBackends()
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends)) } })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-5' })
  await routedBy(gateway, 'canary-5')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('the openai client', () => {
  it.each(['control', 'candidate'] as const)('creates, polls, downloads and deletes a video on %s', async (arm) => {
    const [subject] = subjectsOf(RELEASE, arm, 5, 1) as [string]
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: 'sk-of-the-client',
      defaultHeaders: { 'x-user-id': subject },
      maxRetries: 0,
    })
    const seen = backends[arm].submits.own

    const { data: created, response } = await client.videos
      .create({ model: 'wan-t2v' as 'sora-2', prompt: 'a red fox runs through snow', seconds: '4' })
      .withResponse()
    expect(response.headers.get('x-sluice-arm')).toBe(arm)
    expect(response.headers.get('x-sluice-reason')).toBe('hash')
    expect(created.status).toBe('queued')
    expect(backends[arm].submits.own).toBe(seen + 1)
    expect(backends[arm].log.findLast(({ method }) => method === 'POST')).toMatchObject({
      model: arm === 'control' ? 'wan2.1-t2v-14b' : 'wan2.2-t2v-a14b',
    })

    const video = await eventually(
      'the video is made',
      () => client.videos.retrieve(created.id),
      ({ status }) => status === 'completed' || status === 'failed',
    )
    expect(video.id).toBe(created.id)
    expect(video.status).toBe('completed')

    const whole = await client.videos.downloadContent(created.id)
    const bytes = new Uint8Array(await whole.arrayBuffer())
    expect(whole.headers.get('content-type')).toBe('video/mp4')
    expect(new TextDecoder('latin1').decode(bytes.subarray(4, 8))).toBe('ftyp')

    const part = await client.videos.downloadContent(created.id, {}, { headers: { range: 'bytes=100-199' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes 100-199/${bytes.length}`)
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.subarray(100, 200))

    expect(await client.videos.delete(created.id)).toMatchObject({ id: created.id, deleted: true })
    await expect(client.videos.retrieve(created.id)).rejects.toMatchObject({ status: 404 })
  })
})

it('everybody is where the hash puts them, asked twice, and at 20 % nobody leaves the candidate', async () => {
  const stayed = subjectsOf(RELEASE, 'candidate', 5, 12)
  const raised = subjectsOf(RELEASE, 'candidate', 20, 40).filter((subject) => !stayed.includes(subject))
  const others = subjectsOf(RELEASE, 'control', 20, 12)
  const subjects = [...stayed, ...raised, ...others]
  const candidates = async () => {
    const arms = await inParallel(subjects, 8, async (subject) => (await submit(gateway, subject)).arm)
    return subjects.filter((_, i) => arms[i] === 'candidate')
  }
  const hashed = (percent: number) => subjects.filter((subject) => isCandidate(positionOf(RELEASE, subject), percent))
  expect(await candidates()).toEqual(hashed(5))
  expect(await candidates()).toEqual(hashed(5))
  await control.act('advance', { force: true })
  await routedBy(gateway, 'canary-20')
  expect(await candidates()).toEqual(hashed(20))
  expect(hashed(20).length).toBeGreaterThan(hashed(5).length)
  expect(hashed(20)).toEqual(expect.arrayContaining(hashed(5)))
})
