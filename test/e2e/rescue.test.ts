/** With `rescue = true` users never see the candidate fail: control takes over under the id that the client holds. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, standsStill } from '../support/control-client.ts'
import { inParallel, routedBy } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const JOBS = 100

let backends: Backends
let gateway: Gateway
let control: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.5)
  backends.candidate.setFaults({ job_failure_rate: 1 })
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends), { rescue: true }) } })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-100' })
  await routedBy(gateway, 'canary-100')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('a hundred jobs whose candidate always fails', () => {
  it('are a hundred completed videos for the openai client, and a hundred failures of the candidate', async () => {
    const settling = backends.candidate.submits.own
    const subjects = Array.from({ length: JOBS }, (_, i) => `rescued-${i}`)
    const ends = await inParallel(subjects, 12, oneVideo)
    expect(ends).toEqual(subjects.map(() => ({ status: 'completed', brand: 'ftyp', arm: 'candidate' })))
    expect(backends.candidate.submits.own).toBe(settling + JOBS)

    const ours = (await counted()).filter(({ operation }) => operation === 'job')
    expect(ours.map(({ arm }) => arm)).not.toContain('control')

    await control.act('rollback')
    const { blast_radius: cost } = await control.until(
      'the cost is summed up',
      ({ blast_radius: now }) => now !== null && now.jobs_rescued >= JOBS,
    )
    // The submits that waited for the stage to begin were jobs as well; nobody polled them.
    expect(cost!.jobs_rescued).toBeLessThanOrEqual(JOBS + settling)
    expect(cost!.jobs_failed).toBe(cost!.jobs_rescued)
    const inAll = await standsStill('what is counted', async () => failures(await counted()))
    expect(inAll).toBe(cost!.jobs_failed)
  })

  it('were each submitted to control once, with a key against repetition', () => {
    const resubmits = backends.control.log.filter(({ method }) => method === 'POST')
    const keys = resubmits.map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(resubmits.length)
    expect(keys.every((key) => key?.startsWith('rescue-'))).toBe(true)
    expect(resubmits.length).toBeGreaterThanOrEqual(JOBS)
  })
})

async function oneVideo(subject: string) {
  const client = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: 'sk-of-the-client',
    defaultHeaders: { 'x-user-id': subject },
    maxRetries: 0,
  })
  const { data: created, response } = await client.videos
    .create({ model: 'wan-t2v' as 'sora-2', prompt: 'a lighthouse in fog' })
    .withResponse()
  let video = created
  for (const deadline = Date.now() + 30_000; !isOver(video.status) && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    video = await client.videos.retrieve(created.id)
    expect(video.id).toBe(created.id)
  }
  const content = new Uint8Array(await (await client.videos.downloadContent(created.id)).arrayBuffer())
  const brand = new TextDecoder('latin1').decode(content.subarray(4, 8))
  return { status: video.status, brand, arm: response.headers.get('x-sluice-arm') }
}

function isOver(status: string): boolean {
  return status === 'completed' || status === 'failed'
}

function counted() {
  return control.counters(Date.now() - 600_000)
}

function failures(rows: Awaited<ReturnType<typeof counted>>): number {
  return rows
    .filter(({ arm, operation }) => arm === 'candidate' && operation === 'job')
    .reduce((sum, { errors }) => sum + (errors['job_failed'] ?? 0), 0)
}
