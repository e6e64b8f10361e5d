/** What Sluice does while nobody polls: it follows jobs to their end by itself, and tells webhook receivers, signed, until they take it. */
import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CounterRow } from '../../src/api/index.ts'
import { ControlClient, eventually, standsStill } from '../support/control-client.ts'
import { routedBy, submit } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const ENDED = 'quiet_ends'
const ENDLESS = 'quiet_times_out'
const KEY = 'a-webhook-key-for-tests-only'

let backends: Backends
let receiver: Receiver
let gateway: Gateway
let ended: ControlClient
let endless: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.3)
  receiver = await startReceiver()
  const urls = urlsOf(backends)
  gateway = new Gateway({
    sluice: { webhooks: [{ url: receiver.url, events: ['stage_changed', 'rolled_back'] }] },
    releases: {
      A: release(ENDED, urls, { match: { models: ['ends'] }, quiet_after: '1s', job_timeout: '60s' }),
      B: release(ENDLESS, urls, { match: { models: ['endless'] }, quiet_after: '1s', job_timeout: '2s' }),
    },
    secrets: { SLUICE_WEBHOOK_KEY: KEY },
  })
  await gateway.start()
  ended = new ControlClient(gateway, ENDED)
  endless = new ControlClient(gateway, ENDLESS)
  await ended.act('start', { stage: 'canary-100' })
  await endless.act('start', { stage: 'canary-100' })
  await routedBy(gateway, 'canary-100', { model: 'ends' })
  await routedBy(gateway, 'canary-100', { model: 'endless' })
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close(), receiver?.close()])
})

describe('a job that its client never polls', () => {
  it('is ended by the ledger once the client has been quiet, and counted as it ended', async () => {
    const since = Date.now() - 60_000
    backends.candidate.setFaults({ job_failure_rate: 1 })
    const failing = await submit(gateway, 'quiet-1', { model: 'ends' })
    backends.candidate.setFaults({ job_failure_rate: 0 })
    const fine = await submit(gateway, 'quiet-2', { model: 'ends' })
    const jobs = await eventually(
      'both jobs end',
      () => ended.jobs(),
      (all) => [failing.id, fine.id].every((id) => all.some((job) => job.id === id && job.ended_at !== null)),
    )
    expect(jobs.find(({ id }) => id === failing.id)).toMatchObject({ status: 'failed', outcome: 'job_failed' })
    expect(jobs.find(({ id }) => id === fine.id)).toMatchObject({ status: 'succeeded', outcome: 'ok' })
    const failures = async () => {
      const rows = (await ended.counters(since)).filter(({ operation }) => operation === 'job')
      return rows.reduce((sum, { errors }) => sum + (errors['job_failed'] ?? 0), 0)
    }
    await eventually('the failure is counted', failures, (n) => n > 0)
    expect(await standsStill('the count', failures)).toBe(1)
  })

  it('counts as an error of its arm when it outlasts job_timeout', async () => {
    const since = Date.now() - 60_000
    backends.candidate.setFaults({ job_seconds: 600 })
    const { id } = await submit(gateway, 'quiet-3', { model: 'endless' })
    backends.candidate.setFaults({ job_seconds: null })
    await eventually(
      'the job times out',
      () => endless.jobs(),
      (all) => all.some((job) => job.id === id && job.status === 'timeout' && job.outcome === 'job_timeout'),
    )
    // Jobs from before may have outlasted it too, where the ledger came late to look at them.
    const { rows } = await eventually(
      'each is counted, once',
      async () => ({ rows: await timeouts(since), jobs: await endless.jobs() }),
      ({ rows: counted, jobs }) =>
        counted.reduce((sum, { errors }) => sum + errors['job_timeout']!, 0) ===
        jobs.filter(({ outcome }) => outcome === 'job_timeout').length,
    )
    expect(rows.map(({ arm, operation }) => [arm, operation])).toEqual(rows.map(() => ['candidate', 'job']))
  })
})

async function timeouts(since: number): Promise<CounterRow[]> {
  return (await endless.counters(since)).filter(({ errors }) => errors['job_timeout'] !== undefined)
}

describe('a webhook', () => {
  it('tells of each change of stage, signed as Standard Webhooks has it', async () => {
    await ended.act('rollback', { reason: 'the webhook test' })
    await eventually(
      'the receiver took both events of the rollback',
      () => receiver.taken.filter(({ body }) => body.data.reason === 'the webhook test'),
      (taken) => taken.length >= 2,
    )
    const told = receiver.taken.filter(({ body }) => body.data.reason === 'the webhook test')
    expect(told.map(({ body }) => body.type).sort()).toEqual(['rolled_back', 'stage_changed'])
    expect(told[0]!.body.data).toMatchObject({
      release: ENDED,
      who: 'token:admin',
      from: { stage: 'canary-100', percent: 100 },
      to: { stage: 'rolled_back', percent: 0 },
    })
    for (const { id, timestamp, signature, text } of receiver.all) {
      expect(signature).toBe(`v1,${createHmac('sha256', KEY).update(`${id}.${timestamp}.${text}`).digest('base64')}`)
      expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(300)
    }
  })

  it('that was refused is sent again under the same id, with the same body, until it is taken', async () => {
    // The first of all, which told that a release was started.
    const attempts = await eventually(
      'the first delivery is tried again',
      () => receiver.all.filter(({ id }) => id === receiver.all[0]?.id),
      ({ length }) => length >= 2,
    )
    expect(attempts.map(({ answered }) => answered)).toEqual([500, 200])
    expect(attempts[1]!.text).toBe(attempts[0]!.text)
    const ids = receiver.taken.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

interface Delivery {
  id: string
  timestamp: string
  signature: string
  text: string
  body: { type: string; data: Record<string, unknown> }
  answered: number
}

interface Receiver {
  url: string
  /** In the order of their arrival. */
  all: Delivery[]
  readonly taken: Delivery[]
  close: () => Promise<void>
}

/** Refuses the first delivery, and takes all others. */
async function startReceiver(): Promise<Receiver> {
  const all: Delivery[] = []
  const server: Server = createServer((incoming, response) => {
    void incoming.toArray().then((chunks: Buffer[]) => {
      const text = Buffer.concat(chunks).toString()
      const answered = all.length === 0 ? 500 : 200
      const header = (name: string) => String(incoming.headers[name])
      all.push({
        id: header('webhook-id'),
        timestamp: header('webhook-timestamp'),
        signature: header('webhook-signature'),
        text,
        body: JSON.parse(text),
        answered,
      })
      response.writeHead(answered).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    all,
    get taken() {
      return all.filter(({ answered }) => answered === 200)
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
