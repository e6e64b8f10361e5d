import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startBackend } from '../../demo/backend.ts'
import { CLIENT_WIRES, type ClientWire, wireNamed, type WireName } from '../../demo/client-wires.ts'
import { runTraffic, type TrafficEvent } from '../../demo/traffic.ts'

/** Ends the traffic once this many events of the kind were seen. */
function until(kind: TrafficEvent['kind'], count: number) {
  const events: TrafficEvent[] = []
  const stop = new AbortController()
  const onEvent = (event: TrafficEvent) => {
    events.push(event)
    if (events.filter((seen) => seen.kind === kind).length >= count) stop.abort()
  }
  return { events, onEvent, signal: stop.signal }
}

test('every subject in turn submits, polls to the end and downloads', async () => {
  const b = await startBackend({ name: 'control', model: 'wan-t2v', jobSeconds: 0.05 })
  onTestFinished(() => b.close())
  const { events, ...watch } = until('completed', 8)
  const counters = await runTraffic({
    gatewayUrl: b.url,
    ratePerSecond: 50,
    subjects: ['ann', 'bob'],
    pollMs: 20,
    maxUnanswered: 200,
    ...watch,
  })
  expect(counters).toMatchObject({ completed: 8, failed: { submit: 0, poll: 0, job: 0, content: 0 }, skipped: 0 })
  expect(counters.submitsByArm['unknown']).toBeGreaterThanOrEqual(8)
  const done = events.filter((event) => event.kind === 'completed')
  expect(new Set(done.map(({ subject }) => subject))).toEqual(new Set(['ann', 'bob']))
  for (const { bytes } of done) expect(bytes).toBeGreaterThan(1000)
  expect(b.log.filter(({ headers }) => headers['range'])).not.toHaveLength(0)
})

test('the arm is told by the gateway’s header, and failures by the step they happened in', async () => {
  const answer = (response: ServerResponse, status: number, body: object, arm: string) =>
    response.writeHead(status, { 'content-type': 'application/json', 'x-sluice-arm': arm }).end(JSON.stringify(body))
  let n = 0
  const server = createServer((request, response) => {
    request.resume()
    if (request.method === 'GET')
      return answer(response, 200, { id: 'j', status: 'failed', error: { message: 'OOM' } }, 'candidate')
    if (n++ % 2 === 0) return answer(response, 503, { error: { message: 'full' } }, 'control')
    return answer(response, 200, { id: 'j', status: 'queued' }, 'candidate')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const gatewayUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { events, ...watch } = until('failed', 6)
  const counters = await runTraffic({ gatewayUrl, ratePerSecond: 100, subjects: ['ann'], pollMs: 1, ...watch })
  expect(counters.failed.submit + counters.failed.job).toBe(6)
  expect(counters.failed.job).toBeGreaterThan(0)
  expect(counters.submitsByArm).toEqual({ candidate: events.filter(({ kind }) => kind === 'submitted').length })
  expect(events).toContainEqual(expect.objectContaining({ kind: 'failed', step: 'job', why: 'OOM', arm: 'candidate' }))
})

const names = Object.keys(CLIENT_WIRES) as WireName[]

/** One backend of the wire, which its clients speak to without a gateway. */
async function backendOf(name: WireName) {
  const { declared, models }: ClientWire = CLIENT_WIRES[name]
  const protocol = declared ?? (name as Exclude<WireName, 'jobs' | 'openrouter'>)
  const b = await startBackend({ name: 'control', protocol, model: models.client, jobSeconds: 0.05 })
  onTestFinished(() => b.close())
  return b
}

test.each(names)('clients of %s make videos, and tell a job that failed from one that can’t be had', async (wire) => {
  const b = await backendOf(wire)
  const run = { gatewayUrl: b.url, ratePerSecond: 50, subjects: ['ann'], pollMs: 20, wire }
  const good = until('completed', 4)
  const counters = await runTraffic({ ...run, ...good })
  expect(counters, JSON.stringify(good.events)).toMatchObject({ completed: 4, failed: { submit: 0, poll: 0, job: 0 } })
  for (const event of good.events) if (event.kind === 'completed') expect(event.bytes).toBeGreaterThan(1000)
  expect(b.log.filter(({ submit }) => submit)).toHaveLength(b.submits.own)

  b.setFaults({ job_failure_rate: 1 })
  const bad = until('failed', 2)
  const { completed, failed } = await runTraffic({ ...run, ...bad })
  // vLLM-Omni tells a failure by the poll's own status; behind the gateway it is 200.
  expect({ completed, failed }).toMatchObject({
    completed: 0,
    failed: { [wire === 'openai-videos' ? 'poll' : 'job']: 2 },
  })
  for (const event of bad.events) if (event.kind === 'failed') expect(event.why).toMatch(/memory|"status":"failed"/)
})

test('a wire that the demo does not have is refused with those that it has', () => {
  expect(() => wireNamed('toString')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  expect(() => wireNamed('faal')).toThrow(`"faal" is no wire of the demo; choose one of ${names.join(', ')}`)
  expect(names.map(wireNamed)).toEqual(names)
})

test.each([{ maxInFlight: 3 }, { maxUnanswered: 3 }])(
  'a gateway that hangs holds no more than %o, and the rest is counted',
  async (bound) => {
    const b = await startBackend({ name: 'control', model: 'wan-t2v' })
    onTestFinished(() => b.close())
    b.setFaults({ hang: true })
    const { events, ...watch } = until('skipped', 5)
    const counters = await runTraffic({
      gatewayUrl: b.url,
      ratePerSecond: 200,
      subjects: ['ann'],
      ...bound,
      ...watch,
    })
    expect(counters).toMatchObject({ submits: 3, completed: 0, failed: { submit: 0 }, skipped: 5 })
    expect(events.every(({ kind }) => kind === 'skipped')).toBe(true)
    expect(b.submits.own).toBeLessThanOrEqual(3)
  },
)
