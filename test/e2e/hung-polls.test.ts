/** A candidate that takes jobs and never answers a poll: its open jobs are evidence, and control's jobs wait for none of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CounterRow } from '../../src/api/index.ts'
import { ControlClient } from '../support/control-client.ts'
import { inParallel, routedBy, submit, subjectsOf } from '../support/data-plane.ts'
import { numbering } from '../support/numbering.ts'
import { OddBackend } from '../support/odd-backend.ts'
import { Gateway, release } from '../support/processes.ts'

const RELEASE = 'hangs'
const JOBS = 30

let control: OddBackend
let candidate: OddBackend
let gateway: Gateway
let client: ControlClient

beforeAll(async () => {
  ;[control, candidate] = await Promise.all([OddBackend.start('control'), OddBackend.start('candidate')])
  const answering = numbering()
  answering.jobMs = 300
  control.answers(answering.handler)
  const hanging = numbering()
  Object.assign(hanging, { hangs: true, jobMs: 600_000 })
  candidate.answers(hanging.handler)
  const guardrail = { metric: 'latency_p50', operations: ['job'], max_seconds: 3, for_windows: 2, min_requests: 5 }
  const urls = { control: control.url, candidate: candidate.url }
  gateway = new Gateway({
    releases: { A: release(RELEASE, urls, { quiet_after: '1s', job_timeout: '10m', guardrails: [guardrail] }) },
  })
  await gateway.start()
  client = new ControlClient(gateway, RELEASE)
  await client.act('start', { stage: 'canary-50' })
  await routedBy(gateway, 'canary-50')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control?.close(), candidate?.close()])
})

describe('a candidate whose polls hang', () => {
  it('is rolled back for its open jobs, none of which has ended, while control’s are all counted', async () => {
    const theirs = subjectsOf(RELEASE, 'control', 50, JOBS)
    const subjects = [...theirs, ...subjectsOf(RELEASE, 'candidate', 50, JOBS)]
    await inParallel(subjects, 6, (subject) => submit(gateway, subject))
    // Open jobs are judged in windows that some of them fall into.
    let more = 0
    const view = await client.until('it is rolled back', ({ state }) => {
      void submit(gateway, `more-${more++}`).catch(() => undefined)
      return state === 'rolled_back'
    })
    expect(view.verdicts[0]).toMatchObject({ metric: 'latency_p50', operation: 'job', status: 'breach' })
    expect(view.blast_radius).toMatchObject({ jobs_failed: 0 })
    const ended = (await client.counters(0)).filter(({ operation }) => operation === 'job')
    expect(sum(ended, 'candidate')).toBe(0)
    const ours = (await client.jobs()).filter(({ arm }) => arm === 'candidate')
    expect(new Set(ours.map(({ status }) => status))).toEqual(new Set(['open']))
    // Those that the test began with; nobody has polled them.
    expect(sum(ended, 'control')).toBeGreaterThanOrEqual(theirs.length)
  })
})

function sum(rows: CounterRow[], of: 'control' | 'candidate'): number {
  return rows.filter(({ arm }) => arm === of).reduce((n, { requests }) => n + requests, 0)
}
