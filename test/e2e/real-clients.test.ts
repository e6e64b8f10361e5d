/**
 * Real clients through one gateway against both arms, with nothing but their base URL or host changed: they are told
 * apart by their address alone, so first everybody is control's, then the candidate's. And who gets which arm.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { validateWebhook } from 'replicate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../../demo/backend.ts'
import { backendWire, spokenWire } from '../../demo/spoken-wire.ts'
import { ARMS, type Arm } from '../../src/core/arm.ts'
import { isCandidate, positionOf } from '../../src/core/assignment.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { inParallel, routedBy, submit } from '../support/data-plane.ts'
import { subjectsOf } from '../support/subjects.ts'
import { type Backends, Gateway, release, urlsOf } from '../support/processes.ts'
import { REAL_CLIENTS, WIRES } from '../support/real-clients.ts'
import { TASK_CANCELLED } from '../support/task-clients.ts'

const RELEASE = 'wan22_t2v_abtest'
/** Its model's name at the client, so that it has submits of its own. */
const HASHED = 'hashed'

const protocols = Object.keys(WIRES) as (keyof typeof WIRES)[]
const backends = {} as Record<keyof typeof WIRES, Backends>
let gateway: Gateway
/** Where clients go, which all fetch as the platform does. */
const origins = new Set<string>()
const ownFetch = globalThis.fetch

/** Of the client's own: what was posted there. */
const posted: { path: string; id: string; timestamp: string; signature: string; body: string }[] = []
const receiver = createServer((request, response) => {
  const header = (name: string) => String(request.headers[name])
  void request.toArray().then((chunks) => {
    const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header)
    posted.push({
      path: request.url!,
      id: id!,
      timestamp: timestamp!,
      signature: signature!,
      body: Buffer.concat(chunks).toString(),
    })
    response.writeHead(204).end()
  })
})
const receiverUrl = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
const secret = `whsec_${Buffer.from('a key that the client knows as well').toString('base64')}`

beforeAll(async () => {
  globalThis.fetch = (to, init) => {
    const { protocol, origin } = new URL(to instanceof Request ? to.url : to)
    // Some look at what the platform can do by a `data:` URL.
    if (protocol !== 'data:') origins.add(origin)
    return ownFetch(to, init)
  }
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  for (const protocol of protocols) {
    const { models } = WIRES[protocol]
    const spoken = { protocol: backendWire(protocol), jobSeconds: 1.5 }
    const start = (name: Arm) => startBackend({ ...spoken, name, model: models[name], clip: name })
    const [control, candidate] = await Promise.all([start('control'), start('candidate')])
    backends[protocol] = { control, candidate }
  }
  const releases = protocols.map((protocol) => {
    const { paths, models } = WIRES[protocol]
    const urls = urlsOf(backends[protocol])
    const modelOf = (arm: Arm) => (models[arm] === '' ? {} : { model: models[arm] })
    const arms = { control: modelOf('control'), candidate: modelOf('candidate') }
    const hooks = { webhook_origins: [receiverUrl()], webhook_secret: 'HOOK_KEY' }
    const match = { paths, ...(protocol === 'openai-videos' ? { models: [models.client] } : {}) }
    return [
      `A_${protocol.toUpperCase().replaceAll('-', '_')}`,
      release(protocol, urls, { ...spokenWire(protocol), match, arms, ...hooks }),
    ]
  })
  const hashed = release(RELEASE, urlsOf(backends['openai-videos']), {
    match: { paths: ['/v1/videos'], models: [HASHED] },
  })
  // A client of no name and without cookies is known by its address.
  const sluice = { subject: ['header:x-user-id', 'ip'] }
  const secrets = { HOOK_KEY: secret }
  gateway = new Gateway({ sluice, secrets, releases: { ...Object.fromEntries(releases), HASHED: hashed } })
  await gateway.start()
})

afterAll(async () => {
  globalThis.fetch = ownFetch
  receiver.close()
  await gateway?.remove()
  await Promise.all(Object.values(backends).flatMap((pair) => [pair.control.close(), pair.candidate.close()]))
})

// The wires side by side: each has a release and backends of its own, and clients mostly wait.
describe.concurrent.each(protocols)('%s', (protocol) => {
  const clients = REAL_CLIENTS.filter((each) => each.protocol === protocol)

  describe.each(ARMS)('at the %s', { concurrent: false }, (arm) => {
    beforeAll(async () => {
      if (arm === 'control') return
      await new ControlClient(gateway, protocol).act('start', { stage: 'canary-100' })
      await eventually(
        `${protocol} is at the candidate`,
        () => fetch(gateway.url + WIRES[protocol].paths[0]!, { signal: AbortSignal.timeout(60_000) }),
        ({ headers }) => headers.get('x-sluice-stage') === 'canary-100',
      )
    })

    const clip = readFileSync(new URL(`../../demo/${arm}.mp4`, import.meta.url))
    /** Of what a client sends only submits, and of those the last one's model and answer. */
    const lastSubmit = () => {
      const { model, status } = backends[protocol][arm].log.findLast(({ submit }) => submit)!
      return { model, good: status !== null && status < 300 }
    }
    const endsOf = async (end: string) => {
      const jobs = await new ControlClient(gateway, protocol).jobs()
      return jobs.filter((job) => job.arm === arm && job.outcome === end).length
    }
    const untilEnds = (end: string, wanted: number) =>
      eventually(
        'the ledger has it',
        () => endsOf(end),
        (n) => n === wanted,
      )

    it.each(clients)('$client submits, waits, reads the result and downloads it', async ({ make }) => {
      const { log, submits } = backends[protocol][arm]
      const [seen, asked] = [submits.own, log.length]
      const made = await endsOf('ok')
      const bytes = await make(gateway.url)
      expect(Buffer.from(bytes.subarray(0, clip.length)).equals(clip)).toBe(true)
      expect(submits.own).toBe(seen + 1)
      expect(lastSubmit()).toEqual({ model: WIRES[protocol].models[arm] || null, good: true })
      // Whatever the client asked for was answered: no poll came too early for its job.
      const refused = log.slice(asked).filter(({ status }) => status === 404 || (status ?? 0) >= 500)
      expect(refused).toEqual([])
      await untilEnds('ok', made + 1)
    })

    it.each(clients.filter((each) => each.cancel !== null))('$client cancels', async ({ cancel }) => {
      const before = await endsOf('cancelled')
      // However slow this machine is, the job still waits.
      backends[protocol][arm].setFaults({ job_seconds: 600 })
      expect(await cancel!(gateway.url)).toMatchObject(CANCELLED[protocol])
      backends[protocol][arm].setFaults({ job_seconds: null })
      await untilEnds('cancelled', before + 1)
    })

    it.each(clients.filter((each) => each.hook !== null))('$client is called', async ({ hook }) => {
      const path = `/${protocol}-${arm}`
      const made = await endsOf('ok')
      const id = await hook!(gateway.url, receiverUrl() + path)
      const got = await eventually(
        'the client is called',
        () => posted.find((call) => call.path === path)!,
        (call) => call !== undefined,
      )
      expect(got.body).toContain(`"${id}"`)
      expect(await validateWebhook({ ...got, secret })).toBe(true)
      // Nobody has polled.
      await untilEnds('ok', made + 1)
    })
  })
})

/** What a client of the wire is told of a job that it has cancelled. */
const CANCELLED: Record<keyof typeof WIRES, object> = {
  'openai-videos': { deleted: true },
  replicate: { status: 'canceled', again: 'canceled' },
  fal: { status: 'COMPLETED' },
  ...TASK_CANCELLED,
}

it('no answer has led a client past the gateway', () => {
  expect([...origins]).toEqual([gateway.url])
})

it('everybody is where the hash puts them, asked twice, and at 20 % nobody leaves the candidate', async () => {
  const control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-5' })
  await routedBy(gateway, 'canary-5', { model: HASHED })
  const stayed = subjectsOf(RELEASE, 'candidate', 5, 12)
  const raised = subjectsOf(RELEASE, 'candidate', 20, 40).filter((subject) => !stayed.includes(subject))
  const others = subjectsOf(RELEASE, 'control', 20, 12)
  const subjects = [...stayed, ...raised, ...others]
  const candidates = async () => {
    const arms = await inParallel(
      subjects,
      8,
      async (subject) => (await submit(gateway, subject, { model: HASHED })).arm,
    )
    return subjects.filter((_, i) => arms[i] === 'candidate')
  }
  const hashed = (percent: number) => subjects.filter((subject) => isCandidate(positionOf(RELEASE, subject), percent))
  expect(await candidates()).toEqual(hashed(5))
  expect(await candidates()).toEqual(hashed(5))
  await control.act('advance', { force: true })
  await routedBy(gateway, 'canary-20', { model: HASHED })
  expect(await candidates()).toEqual(hashed(20))
  expect(hashed(20).length).toBeGreaterThan(hashed(5).length)
  expect(hashed(20)).toEqual(expect.arrayContaining(hashed(5)))
})
