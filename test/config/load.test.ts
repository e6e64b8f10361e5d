/** The tables of wrangler.toml: what they become, and every error of a bad file at once, each with its path. */
import { describe, expect, it } from 'vitest'
import { type ConfigResult, readConfig, type ReleaseConfig } from '../../src/config/load.ts'

const PROTOCOLS = ['openai-videos', 'http']
const ARMS = { control: { url: 'https://old.example' }, candidate: { url: 'https://new.example' } }
const MINIMAL = { name: 'wan22', protocol: 'openai-videos', arms: ARMS }

function read(release: Record<string, unknown>, more: Record<string, unknown> = {}): ConfigResult {
  return readConfig({ RELEASE_A: { ...MINIMAL, ...release }, ...more }, PROTOCOLS)
}

function good(release: Record<string, unknown> = {}): ReleaseConfig {
  const result = read(release)
  if (!result.ok) throw new Error(JSON.stringify(result.issues))
  return result.config.releases[0]!
}

function pathsOf(result: ConfigResult): string[] {
  return result.ok ? [] : result.issues.map(({ path }) => path).toSorted((a, b) => a.localeCompare(b))
}

describe('a release that says little', () => {
  it('has the defaults that are documented', () => {
    expect(good()).toMatchObject({
      key: 'RELEASE_A',
      match: { paths: null, models: null },
      bakeMs: 1_800_000,
      finalBakeMs: 1_800_000,
      minJobs: 50,
      advance: 'manual',
      failover: false,
      rescue: false,
      cooldownMs: 600_000,
      windowMs: 60_000,
      idMode: 'tagged',
      legacyIdsUntilMs: null,
      quietAfterMs: 120_000,
      jobTimeoutMs: 1_800_000,
      counterShards: 1,
      ledgerShards: 1,
      shadow: { sample: 1, duringCanary: false, maxInFlight: 20, maxJobsPerDay: 5000, maxBodyBytes: 262_144 },
      arms: {
        control: { urls: ['https://old.example'], model: null, timeoutMs: 120_000, forwardAuthorization: false },
      },
    })
    expect(good().ladder.map(({ percent }) => percent)).toEqual([1, 5, 20, 50, 100])
  })

  it('is judged by one monitor for each default guardrail and operation', () => {
    expect(good().guardrails.map(({ id }) => id)).toEqual([
      'error_rate:submit',
      'error_rate:job',
      'latency_p99:submit',
      'latency_p99:job',
      'error_rate:submit:within',
      'error_rate:job:within',
      'error_rate:job:sequential',
      'refusal_rate:submit:sequential',
      'refusal_rate:job:sequential',
    ])
  })
})

describe('what is written', () => {
  it('in rungs is numbers or tables, each with the bake of the release unless it has its own', () => {
    const { ladder } = good({
      bake: '1h',
      ladder: [0.25, { percent: 50, bake: '7d', gate: 'experiment', approval: 'manual' }, 100],
    })
    expect(ladder).toEqual([
      { percent: 0.25, bakeMs: 3_600_000, gate: 'guardrails', approval: 'none' },
      { percent: 50, bakeMs: 604_800_000, gate: 'experiment', approval: 'manual' },
      { percent: 100, bakeMs: 3_600_000, gate: 'guardrails', approval: 'none' },
    ])
  })

  it('as urls is a list of replicas, without slashes at their ends', () => {
    const arms = { ...ARMS, control: { urls: ['https://a.example/', 'https://b.example/v2/'] } }
    expect(good({ arms }).arms.control.urls).toEqual(['https://a.example', 'https://b.example/v2'])
  })

  it('in legacy_ids is until when ids from before Sluice are served', () => {
    const until = (legacy_ids: string) => good({ legacy_ids }).legacyIdsUntilMs
    expect(['control', 'refuse', '2026-12-24T12:00:00+01:00'].map(until)).toEqual([
      null,
      0,
      Date.parse('2026-12-24T11:00:00Z'),
    ])
  })

  it('in rules becomes what the core matches by', () => {
    const rules = [
      { when: { claim: 'tier', in: 'internal' }, arm: 'candidate' },
      { when: { header: 'X-Tenant', in: ['a', 'b'], prompt_chars: { max: 100 } }, arm: 'control' },
      { when: { subject: ['anna'] }, weight: 2 },
    ]
    expect(good({ rules }).rules).toEqual([
      { when: { claim: 'tier', in: ['internal'] }, arm: 'candidate' },
      { when: { header: 'x-tenant', in: ['a', 'b'], promptChars: { max: 100 } }, arm: 'control' },
      { when: { subject: ['anna'] }, weight: 2 },
    ])
  })

  it('as JSON text is read as the table that it is', () => {
    const result = readConfig({ RELEASE_A: JSON.stringify(MINIMAL), SLUICE: '{"subject":["ip"]}' }, PROTOCOLS)
    expect(result).toMatchObject({ ok: true, config: { subject: [{ kind: 'ip' }], releases: [{ name: 'wan22' }] } })
  })

  it('of the subject names a header as requests do, in lower case, and a claim as it stands', () => {
    const result = readConfig(
      { RELEASE_A: MINIMAL, SLUICE: { subject: ['header:X-User-Id', 'jwt:userId'] } },
      PROTOCOLS,
    )
    expect(result.ok && result.config.subject).toEqual([
      { kind: 'header', key: 'x-user-id' },
      { kind: 'jwt', key: 'userId' },
    ])
  })

  it("in several tables is several releases, in the order of their variables' names", () => {
    const vars = { RELEASE_Z: { ...MINIMAL, name: 'last' }, RELEASE_A: { ...MINIMAL, name: 'first' } }
    const result = readConfig(vars, PROTOCOLS)
    expect(result.ok && result.config.releases.map(({ name }) => name)).toEqual(['first', 'last'])
  })
})

it('a job whose client never polls is polled at its deadline at the latest', () => {
  expect(good({ job_timeout: '30s' })).toMatchObject({ quietAfterMs: 30_000, jobTimeoutMs: 30_000 })
  expect(good({ shadow: { job_timeout: '30s' } }).quietAfterMs).toBe(30_000)
  expect(good({ quiet_after: '10s', job_timeout: '30s' }).quietAfterMs).toBe(10_000)
})

describe('the wait for a synchronous answer', () => {
  const waits = (arm: Record<string, unknown>, release: Record<string, unknown> = {}) => {
    const { control, candidate } = good({
      ...release,
      arms: { ...ARMS, candidate: { ...ARMS.candidate, ...arm } },
    }).arms
    expect(control.syncTimeoutMs).toBe(release['job_timeout'] === undefined ? 1_800_000 : 600_000)
    return [candidate.timeoutMs, candidate.syncTimeoutMs]
  }

  it('is what the arm says, else its timeout where one is written', () => {
    expect(waits({ timeout: '2s', sync_timeout: '5m' })).toEqual([2000, 300_000])
    expect(waits({ sync_timeout: '5m' })).toEqual([120_000, 300_000])
    expect(waits({ timeout: '2s' })).toEqual([2000, 2000])
  })

  it('is as long as a job may take where the arm says nothing', () => {
    expect(waits({})).toEqual([120_000, 1_800_000])
    expect(waits({}, { job_timeout: '10m' })).toEqual([120_000, 600_000])
    expect(waits({}, { shadow: { job_timeout: '1h' }, job_timeout: '10m' })).toEqual([120_000, 600_000])
  })
})

describe('a bad file', () => {
  it('is refused with all of its errors at once, each under its path', () => {
    const result = readConfig(
      {
        SLUICE: { subjct: ['ip'], max_body_bytes: 'many' },
        RELEASE_A: {
          ...MINIMAL,
          surprise: true,
          ladder: [50, 5],
          bake: '30 minutes',
          window_seconds: 0,
          arms: { control: { url: 'ftp://old.example' }, candidate: {} },
          shadow: { sample: 2 },
          freeze: [{ from: '2027-01-02T00:00:00Z', to: '2026-12-24T00:00:00Z' }],
          guardrails: [
            { metric: 'error_rate', max: 0.01, for_window: 5 },
            { metric: 'latency_p42', max_seconds: 1 },
          ],
          rules: [{ when: { country: 'DE' }, weight: 2 }],
        },
        RELEASE_B: { name: 'other', protocol: 'telepathy', arms: ARMS },
      },
      PROTOCOLS,
    )
    expect(pathsOf(result)).toEqual(
      [
        'RELEASE_A.arms.candidate',
        'RELEASE_A.arms.control.url',
        'RELEASE_A.bake',
        'RELEASE_A.freeze.0',
        'RELEASE_A.guardrails.0.for_window',
        'RELEASE_A.guardrails.1.metric',
        'RELEASE_A.ladder',
        'RELEASE_A.rules.0',
        'RELEASE_A.shadow.sample',
        'RELEASE_A.surprise',
        'RELEASE_A.window_seconds',
        'RELEASE_B.protocol',
        'SLUICE.max_body_bytes',
        'SLUICE.subjct',
      ].toSorted((a, b) => a.localeCompare(b)),
    )
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'url and urls together',
      { arms: { ...ARMS, control: { url: 'https://a.example', urls: ['https://b.example'] } } },
      'RELEASE_A.arms.control',
    ],
    [
      'a url with credentials',
      { arms: { ...ARMS, control: { url: 'https://u:p@a.example' } } },
      'RELEASE_A.arms.control.url',
    ],
    ['a percent of nothing', { ladder: [0, 100] }, 'RELEASE_A.ladder.0'],
    ['a percent beyond all', { ladder: [5, 101] }, 'RELEASE_A.ladder.1'],
    ['a rung twice', { ladder: [5, 5, 100] }, 'RELEASE_A.ladder'],
    ['a guardrail without a limit', { guardrails: [{ metric: 'error_rate' }] }, 'RELEASE_A.guardrails.0'],
    [
      'a sequential test of what has none',
      { guardrails: [{ metric: 'latency_p50', max_seconds: 1, method: 'sequential' }] },
      'RELEASE_A.guardrails.0',
    ],
    [
      'a fast trip of an hour',
      { guardrails: [{ metric: 'error_rate', max: 0.5, within: '1h' }] },
      'RELEASE_A.guardrails.0.within',
    ],
    [
      'a rule with arm and weight',
      { rules: [{ when: { subject: 'a' }, arm: 'control', weight: 1 }] },
      'RELEASE_A.rules.0',
    ],
    ['a rule on nothing', { rules: [{ when: {}, arm: 'control' }] }, 'RELEASE_A.rules.0.when'],
    ["a name that splits an object's", { name: 'a|b' }, 'RELEASE_A.name'],
    ['a path without its slash', { match: { paths: ['v1'] } }, 'RELEASE_A.match.paths.0'],
  ])('is one with %s', (_, release, path) => {
    expect(pathsOf(read(release))).toEqual([path])
  })

  it('is one without any release, and one with a name twice', () => {
    expect(pathsOf(readConfig({}, PROTOCOLS))).toEqual(['RELEASE_…'])
    expect(pathsOf(read({}, { RELEASE_B: MINIMAL }))).toEqual(['RELEASE_B.name'])
  })
})

describe('which pages may call', () => {
  const cors = (given: Record<string, unknown>) => read({}, { SLUICE: { cors: given } })

  it('is nothing unless it is said, and then by origins as browsers send them', () => {
    const unsaid = read({})
    expect(unsaid.ok && unsaid.config.cors).toBeNull()
    const origins = [
      ...['https://app.example', 'http://localhost:5173', 'http://[::1]:8080', 'capacitor://localhost'],
      'chrome-extension://abcdefghijklmnop',
    ]
    const said = cors({ origins, credentials: true })
    expect(said.ok && said.config.cors).toEqual({ origins, credentials: true })
    const open = cors({ origins: ['*'] })
    expect(open.ok && open.config.cors).toEqual({ origins: ['*'], credentials: false })
  })

  it.each([
    ...[
      'https://app.example/',
      'https://app.example/a',
      'https://App.example',
      'https://app.example:443',
      'app.example',
    ],
    ...[
      'https://*.example',
      'null',
      '',
      'https://a@b.example',
      'https://app.example?a',
      ' https://app.example',
      'https://',
    ],
  ])('is never %j', (origin) => {
    expect(pathsOf(cors({ origins: ['https://fine.example', origin] }))).toEqual(['SLUICE.cors.origins.1'])
  })

  it('is some origin, and each page only without credentials', () => {
    expect(pathsOf(cors({ origins: [] }))).toEqual(['SLUICE.cors.origins'])
    expect(pathsOf(cors({}))).toEqual(['SLUICE.cors.origins'])
    expect(pathsOf(cors({ origins: ['*'], credentials: true }))).toEqual(['SLUICE.cors'])
    expect(pathsOf(cors({ origins: ['https://a.example'], methods: ['GET'] }))).toEqual(['SLUICE.cors.methods'])
  })
})
