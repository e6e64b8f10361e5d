/**
 * The metrics as a real Prometheus reads them agree with the counters API and with what the backends saw; alert rules
 * and dashboard name nothing that is not there. What needs Debian's `prometheus` package is skipped where it is not
 * installed.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CounterRow } from '../../src/api/index.ts'
import { ARM_ERRORS } from '../../src/core/outcome.ts'
import { ControlClient, eventually, standsStill } from '../support/control-client.ts'
import { inParallel, pollToEnd, type Reply, submit } from '../support/data-plane.ts'
import { subjectsOf } from '../support/subjects.ts'
import { type Backends, Gateway, release, startBackends, tokenOf, urlsOf } from '../support/processes.ts'
import { isInstalled, Prometheus, promtool } from '../support/prometheus.ts'

const RELEASE = 'wan22_t2v_abtest'
const RULES = 'deploy/prometheus/alerts.yml'
const DASHBOARD = 'deploy/grafana/sluice.json'
const SUBMITS = 'sluice_requests_total{operation="submit",shadow="false"}'
const isHere = isInstalled()
if (!isHere) console.log('Prometheus is not installed (apt-get install prometheus): what needs it is skipped')

let backends: Backends
let gateway: Gateway
let control: ControlClient
let prometheus: Prometheus | undefined
const [controlUsers, candidateUsers] = (['control', 'candidate'] as const).map((arm) => subjectsOf(RELEASE, arm, 50, 8))

beforeAll(async () => {
  backends = await startBackends(0.7)
  const guardrails = [
    { metric: 'error_rate', operations: ['submit', 'job'], max: 0.9, within: '5s', min_requests: 6 },
    { metric: 'error_rate', operations: ['job'], method: 'sequential', max: 0.9, margin: 0.05, action: 'warn' },
    { metric: 'signal:fvd', max_over_control: 0.1, min_samples: 1000, action: 'pause' },
  ]
  const shadow = { max_in_flight: 4 }
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends), { guardrails, shadow }) } })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  const target = { url: gateway.url, token: tokenOf('viewer'), rules: RULES }
  if (isHere) prometheus = await Prometheus.start(target)
  await shadowThenCanary()
})

afterAll(async () => {
  await prometheus?.stop()
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

/** A little of everything: copies, more of them than may be in flight, both arms, a failed submit, a signal. */
async function shadowThenCanary(): Promise<void> {
  await control.act('start')
  await eventually(
    'submits are copied',
    () => oneJob(controlUsers![0]!),
    ({ stage }) => stage === 'shadow',
  )
  await traffic(controlUsers!)
  await control.act('advance', { force: true })
  await control.act('set_percent', { percent: 50 })
  await eventually(
    'half of the users are on the candidate',
    () => oneJob(candidateUsers![0]!),
    ({ arm }) => arm === 'candidate',
  )
  await traffic([...controlUsers!, ...candidateUsers!])
  backends.candidate.setFaults({ error_rate: 1 })
  await traffic(candidateUsers!.slice(0, 2))
  backends.candidate.setFaults({ error_rate: 0 })
  await fetch(`${gateway.url}/_sluice/api/v1/signals`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf('operator')}`, 'content-type': 'application/json' },
    body: JSON.stringify([{ release: RELEASE, arm: 'candidate', metric: 'fvd', value: 210 }]),
  })
  await settled()
}

async function traffic(subjects: readonly string[]): Promise<void> {
  await inParallel(subjects, 4, oneJob)
}

/** Polled to its end, since a job that nobody asks for is looked at only later. */
async function oneJob(subject: string): Promise<Reply> {
  const reply = await submit(gateway, subject)
  if (reply.id !== '') await pollToEnd(gateway, reply.id, subject)
  return reply
}

/** Until the counters hold every submit that the backends saw, and as many jobs as they took. */
async function settled(): Promise<void> {
  for (const arm of ['control', 'candidate'] as const) {
    const { submits, log } = backends[arm]
    const took = log.filter(({ method, status }) => method === 'POST' && status === 200).length
    await eventually(
      `all of ${arm} is counted`,
      async () => {
        const rows = (await control.counters(0)).filter((row) => row.arm === arm)
        return [sumOf(rows, 'submit'), sumOf(rows, 'job')]
      },
      ([requests, jobs]) => requests === submits.own + submits.shadow && jobs === took,
    )
  }
  await standsStill('what is counted', async () => (await metricsText()).match(/^sluice_\w+_total.*$/gm))
  if (prometheus) await scrapedSince(Date.now())
}

/** Until Prometheus has the metrics as they were at this time or later. */
async function scrapedSince(fromMs: number): Promise<void> {
  await eventually(
    'Prometheus scrapes it',
    () => prometheus!.number('timestamp(up{job="sluice"})'),
    (seconds) => seconds * 1000 > fromMs,
  )
}

function sumOf(rows: readonly CounterRow[], operation: CounterRow['operation']): number {
  return rows.filter((row) => row.operation === operation).reduce((sum, { requests }) => sum + requests, 0)
}

async function metricsText(): Promise<string> {
  const headers = { authorization: `Bearer ${tokenOf('viewer')}` }
  return (await fetch(`${gateway.url}/_sluice/metrics`, { headers })).text()
}

it('every metric that alert rules and dashboard name is served', async () => {
  const served = new Set(Array.from((await metricsText()).matchAll(/^# TYPE (\w+)/gm), ([, name]) => name))
  for (const file of [RULES, DASHBOARD]) {
    const named = readFileSync(file, 'utf8').match(/\bsluice_\w+/g) ?? []
    expect(named.length).toBeGreaterThan(10)
    const missing = named.filter((name) => !served.has(name.replace(/_(bucket|sum|count)$/, '')))
    expect([...new Set(missing)], file).toEqual([])
  }
})

describe.runIf(isHere)('promtool', () => {
  it('finds nothing to say about the metrics', async () => {
    expect(await promtool(['check', 'metrics'], await metricsText())).toEqual({ code: 0, printed: '' })
  })

  it('takes the alert rules, and each fires when it must and only then', async () => {
    expect(await promtool(['check', 'rules', RULES])).toMatchObject({
      code: 0,
      printed: expect.stringContaining('SUCCESS'),
    })
    const tested = await promtool(['test', 'rules', RULES.replace('.yml', '.test.yml')])
    expect(tested).toMatchObject({ code: 0, printed: expect.stringContaining('SUCCESS') })
    const rules = readFileSync(RULES, 'utf8')
    const tests = readFileSync(RULES.replace('.yml', '.test.yml'), 'utf8')
    for (const [, alert] of rules.matchAll(/alert: (\w+)/g)) {
      const [, ...tried] = tests.split(`alertname="${alert}"`)
      const fires = tried.map((test) => /exp_samples: (.*)/.exec(test)?.[1] !== '[]')
      expect(new Set(fires), `${alert} is tried both ways`).toEqual(new Set([true, false]))
    }
    const count = (key: string) => rules.match(new RegExp(`^ +${key}: `, 'gm'))?.length
    expect([count('summary'), count('action')]).toEqual([count('- alert'), count('- alert')])
  })
})

describe.runIf(isHere)('a real Prometheus', () => {
  it('has the same counts as the counters API and the logs of the backends', async () => {
    const rows = await control.counters(0)
    for (const arm of ['control', 'candidate'] as const) {
      const own = rows.filter((row) => row.arm === arm && !row.shadow)
      const { submits, log } = backends[arm]
      const total = await prometheus!.number(`sum(${SUBMITS.replace('}', `,arm="${arm}"}`)})`)
      expect([total, sumOf(own, 'submit')], arm).toEqual([submits.own, submits.own])
      const refused = log.filter(({ shadow, method, status }) => !shadow && method === 'POST' && status === 500).length
      const failed = `sum(${SUBMITS.replace('}', `,arm="${arm}",outcome=~"${ARM_ERRORS.join('|')}"}`)})`
      expect(await prometheus!.number(failed)).toBe(refused)
      const jobs = `sum(sluice_requests_total{operation="job",shadow="false",arm="${arm}"})`
      expect(await prometheus!.number(jobs)).toBe(sumOf(own, 'job'))
    }
    expect(backends.candidate.log.filter(({ status }) => status === 500)).toHaveLength(2)
    const copies = 'sum(sluice_requests_total{operation="submit",shadow="true",arm="candidate"})'
    expect(await prometheus!.number(copies)).toBe(backends.candidate.submits.shadow)
    expect(backends.candidate.submits.shadow).toBeGreaterThan(0)
    const [sampled, submitted] = await Promise.all(
      ['sampled', 'submitted'].map((step) => prometheus!.number(`sluice_shadow_funnel_total{step="${step}"}`)),
    )
    const lost = await prometheus!.number('sum(sluice_shadow_dropped_total)')
    expect(submitted).toBe(backends.candidate.submits.shadow)
    expect(sampled).toBe(submitted! + lost)
    expect(await prometheus!.number('sluice_release_percent')).toBe(50)
  })

  it('computes the rates that the counters API has', async () => {
    // The range begins within a second of this, and its first scrape has what was before.
    const quietFrom = Date.now()
    await scrapedSince(quietFrom + 1000)
    // A window is a second here, and only whole ones are asked for.
    const from = Math.ceil(Date.now() / 1000) * 1000
    await new Promise((resolve) => setTimeout(resolve, from - Date.now()))
    const before = { control: backends.control.submits.own, candidate: backends.candidate.submits.own }
    await traffic([...controlUsers!, ...candidateUsers!])
    await settled()
    const at = Date.now() / 1000
    const seconds = Math.floor(at - quietFrom / 1000)
    const scrapes = await prometheus!.times('up{job="sluice"}', seconds, at)
    const scrapedSeconds = scrapes.at(-1)! - scrapes[0]!
    const rows = (await control.counters(from)).filter(({ shadow }) => !shadow)
    for (const arm of ['control', 'candidate'] as const) {
      const sent = backends[arm].submits.own - before[arm]
      const own = rows.filter((row) => row.arm === arm)
      expect(sumOf(own, 'submit')).toBe(sent)
      const selected = SUBMITS.replace('}', `,arm="${arm}"}`)
      const [was, is] = await Promise.all([from / 1000, at].map((time) => prometheus!.number(`sum(${selected})`, time)))
      expect(is! - was!).toBe(sent)
      // Prometheus widens what it saw between its scrapes to the whole range, or to less, and never shortens it.
      const increase = await prometheus!.number(`sum(increase(${selected}[${seconds}s]))`, at)
      expect(increase).toBeGreaterThanOrEqual(sent - 1e-6)
      expect(increase).toBeLessThanOrEqual((sent * seconds) / scrapedSeconds + 1e-6)
      const rate = await prometheus!.number(`sum(rate(${selected}[${seconds}s]))`, at)
      expect(rate * seconds).toBeCloseTo(increase, 6)
    }
  })

  it('finds the median of jobs in the bucket where the sketches have it', async () => {
    const buckets = 'sum by (le) (sluice_job_duration_seconds_bucket{shadow="false",arm="control"})'
    const median = await prometheus!.number(`histogram_quantile(0.5, ${buckets})`)
    const all = await prometheus!.number('sum(sluice_job_duration_seconds_count{shadow="false",arm="control"})')
    const seconds = (await control.jobs()).filter((job) => job.arm === 'control').map((job) => job.seconds ?? 0)
    expect(seconds).toHaveLength(all)
    const sorted = seconds.toSorted((a, b) => a - b)
    const bounds = [0, 0.5, 1, 2.5, 5, 10, 20]
    const at = bounds.findIndex((bound) => median <= bound)
    // The two in the middle, and a sketch is right within a hundredth.
    expect(sorted[Math.floor((all - 1) / 2)]).toBeLessThanOrEqual(bounds[at]! * 1.02)
    expect(sorted[Math.floor(all / 2)]).toBeGreaterThanOrEqual(bounds[at - 1]! * 0.98)
  })

  it('has something to show in every panel of the dashboard', async () => {
    const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[]
    }
    const targets = panels.flatMap(({ title, targets: its = [] }) => its.map(({ expr }) => ({ title, expr })))
    expect(targets.length).toBeGreaterThan(20)
    for (const { title, expr } of targets) {
      const asked = expr.replaceAll('$release', RELEASE).replaceAll('$__rate_interval', '60s')
      const samples = await prometheus!.query(asked.replaceAll('$__range', '5m'))
      expect(samples.length, `${title}: ${expr}`).toBeGreaterThan(0)
    }
  })

  it('alerts when a guardrail rolls back, and not before', async () => {
    const firing = async () =>
      (await prometheus!.query('ALERTS{alertstate="firing"}')).map(({ labels }) => labels['alertname'])
    expect(await firing()).not.toContain('SluiceRolledBack')
    backends.candidate.setFaults({ error_rate: 1 })
    await eventually(
      'the guardrail rolls back',
      async () => {
        await traffic(candidateUsers!)
        return control.view()
      },
      ({ state }) => state === 'rolled_back',
    )
    await eventually('the alert fires', firing, (names) => names.includes('SluiceRolledBack'))
  })
})
