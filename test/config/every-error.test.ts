/** No error of a bad configuration hides another: each kind is told beside all others, and beside an unknown key. */
import { describe, expect, it } from 'vitest'
import { configOf, type Env } from '../../src/config/env.ts'
import { readConfig } from '../../src/config/load.ts'
import { effectiveRelease, OVERLAY_KEYS } from '../../src/config/overlay.ts'
import type { ErrorDetail } from '../../src/core/errors.ts'
import { zhDetail, zhDetails } from '../../src/dashboard/text/zh-config.ts'

type Table = Record<string, unknown>
/** What is wrong with a release: its keys, the path where it is told, what is told, and a table that it is wrong in. */
type Kind = [what: string, wrong: Table, path: string, message: RegExp, inTable: string]

const PROTOCOLS = ['openai-videos', 'http']
const COOKIE_KEY = 'a-cookie-key-for-tests-only'
const ARM = { url: 'https://a.example' }

const arm = (candidate: Table): Table => ({ arms: { control: ARM, candidate } })
const guardrail = (more: Table): Table => ({ guardrails: [{ metric: 'error_rate', max: 0.01, ...more }] })
const rule = (more: Table): Table => ({ rules: [more] })
const period = { from: '2027-01-02T00:00:00Z', to: '2026-12-24T00:00:00Z' }

const tooMany = Array.from({ length: 50 }, (_, i) => i + 1)

const KINDS: Kind[] = [
  ['an unknown protocol', { protocol: 'nope' }, 'protocol', /"nope" is none of openai-videos, http/, ''],
  ['no protocol', { protocol: undefined }, 'protocol', /missing/, ''],
  ['a rung that is none', { ladder: [{ percent: 1 }, 'all'] }, 'ladder.1', /a percent/, 'ladder.0'],
  ['a bad name', { name: 'a|b' }, 'name', /no blanks/, ''],
  ['no duration', { bake: 'soon' }, 'bake', /"90s"/, ''],
  ['no time of ids', { legacy_ids: '2026-13-45' }, 'legacy_ids', /ISO 8601/, ''],
  ['no such word', { legacy_ids: 'candidate' }, 'legacy_ids', /"control", "refuse" or a time/, ''],
  ['no word at all', { legacy_ids: true }, 'legacy_ids', /"control", "refuse" or a time/, ''],
  ['no table', { shadow: [] }, 'shadow', /a table is needed/, ''],
  ['a path without its slash', { match: { paths: ['v1'] } }, 'match.paths.0', /starts with/, 'match'],
  [
    'half a day observed',
    { metrics: [{ name: 'm', kind: 'mean', observe: '36h' }] },
    'metrics.0.observe',
    /whole days/,
    'metrics.0',
  ],
  [
    'a quantile of no level',
    { metrics: [{ name: 'm', kind: 'quantile' }] },
    'metrics.0',
    /needs quantile, such as 0.95/,
    'metrics.0',
  ],
  [
    'a mean of a level',
    { metrics: [{ name: 'm', kind: 'mean', quantile: 0.5 }] },
    'metrics.0',
    /no other kind takes it/,
    'metrics.0',
  ],
  ['a ladder that falls', { ladder: [{ percent: 50 }, 5] }, 'ladder', /must grow/, 'ladder.0'],
  ['a rung of nothing', { ladder: [{ percent: 1 }, -1, 100] }, 'ladder.1', /above 0 up to 100/, 'ladder.0'],
  ['a rung too many', { ladder: [...tooMany, { percent: 100 }] }, 'ladder', /1 to 50/, 'ladder.50'],
  ['a freeze that ends first', { freeze: [period] }, 'freeze.0', /before/, 'freeze.0'],
  ['no arm', { arms: { control: ARM } }, 'arms.candidate', /missing/, 'arms'],
  ['no url', arm({}), 'arms.candidate', /either url or urls/, 'arms.candidate'],
  ['two urls', arm({ ...ARM, urls: [ARM.url] }), 'arms.candidate', /either url or urls/, 'arms.candidate'],
  ['a bad url', arm({ url: 'ftp://a' }), 'arms.candidate.url', /not an http\(s\) URL/, 'arms.candidate'],
  ['no wait', arm({ ...ARM, sync_timeout: '0s' }), 'arms.candidate.sync_timeout', /above 0/, 'arms.candidate'],
  ['a token in the file', arm({ ...ARM, auth: 'tok-1' }), 'arms.candidate.auth', /name of a secret/, 'arms.candidate'],
  ['a secret not set', arm({ ...ARM, auth: 'GONE' }), 'arms.candidate.auth', /GONE is not set/, 'arms.candidate'],
  ['no field', arm({ ...ARM, set: { 'a b': 1 } }), 'arms.candidate.set.a b', /named like num_frames/, 'arms.candidate'],
  ['a table of fields', arm({ ...ARM, set: { a: { b: 1 } } }), 'arms.candidate.set.a', /"input.num/, 'arms.candidate'],
  ['no table of fields', arm({ ...ARM, set: 4 }), 'arms.candidate.set', /a table is needed/, 'arms.candidate'],
  ['lines in a value', arm({ ...ARM, set: { a: 'b\n' } }), 'arms.candidate.set.a', /no control/, 'arms.candidate'],
  ['a field to no name', arm({ ...ARM, rename: { a: '' } }), 'arms.candidate.rename.a', /named like/, 'arms.candidate'],
  [
    'two fields to one name',
    arm({ ...ARM, rename: { a: 'c', b: 'c' } }),
    'arms.candidate.rename',
    /c is named twice/,
    'arms.candidate',
  ],
  [
    'a field within another',
    arm({ ...ARM, set: { a: 1, 'a-b': 2, 'a.b': 3 } }),
    'arms.candidate.set',
    /a\.b lies within a:/,
    'arms.candidate',
  ],
  [
    'more fields than a body has',
    arm({ ...ARM, set: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`f${i}`, i])) }),
    'arms.candidate.set',
    /at most 50 fields/,
    'arms.candidate',
  ],
  [
    'bounds that leave nothing',
    arm({ ...ARM, clamp: { n: { min: 2, max: 1 } } }),
    'arms.candidate.clamp.n',
    /must not be above/,
    'arms.candidate.clamp.n',
  ],
  [
    'bounds that bound nothing',
    arm({ ...ARM, clamp: { n: {} } }),
    'arms.candidate.clamp.n',
    /min, max or both/,
    'arms.candidate.clamp.n',
  ],
  [
    'a place that is no origin',
    { webhook_origins: ['https://a/b'] },
    'webhook_origins.0',
    /not an http\(s\) origin/,
    '',
  ],
  ['a key in the file', { webhook_secret: 'whsec_a' }, 'webhook_secret', /name of a secret/, ''],
  ['a key not set', { webhook_secret: 'GONE' }, 'webhook_secret', /GONE is not set/, ''],
  ['a share above 1', { shadow: { sample: 2 } }, 'shadow.sample', /at most 1 /, 'shadow'],
  ['a rule on nothing', rule({ when: {}, arm: 'control' }), 'rules.0.when', /at least one/, 'rules.0.when'],
  ['values of nothing', rule({ when: { in: 'a' }, arm: 'control' }), 'rules.0.when', /`in` goes/, 'rules.0.when'],
  ['a rule to nowhere', rule({ when: { subject: 'a' } }), 'rules.0', /either arm or weight/, 'rules.0'],
  ['a weight that flips', rule({ when: { country: 'DE' }, weight: 2 }), 'rules.0', /flip/, 'rules.0.when'],
  [
    'an empty range',
    rule({ when: { prompt_chars: {} }, arm: 'control' }),
    'rules.0.when.prompt_chars',
    /min, max or both/,
    'rules.0.when.prompt_chars',
  ],
  ['no such metric', guardrail({ metric: 'speed' }), 'guardrails.0.metric', /latency_p99/, 'guardrails.0'],
  ['no limit', guardrail({ max: undefined }), 'guardrails.0', /a limit is missing/, 'guardrails.0'],
  ['a limit for another', guardrail({ metric: 'latency_p95' }), 'guardrails.0', /limit is missing/, 'guardrails.0'],
  ['a slow fast trip', guardrail({ within: '1h' }), 'guardrails.0.within', /1s to 5m/, 'guardrails.0'],
  ['no such test', guardrail({ method: 'sequential', max: 2 }), 'guardrails.0', /sequential/, 'guardrails.0'],
  ['a risk of nothing', guardrail({ alpha: -1 }), 'guardrails.0.alpha', /more than 0 /, 'guardrails.0'],
  ['a metric without kind', { metrics: [{ name: 'm' }] }, 'metrics.0.kind', /missing/, 'metrics.0'],
  ['days that end first', { experiment: { exclude: [period] } }, 'experiment.exclude.0', /before/, 'experiment'],
]

function release(name: string, more: Table = {}): Table {
  const table = { name, protocol: 'openai-videos', arms: { control: ARM, candidate: ARM }, ...more }
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined))
}

/** A copy with a key that there is not in the table at `path`. */
function surprised(given: Table, path: string): Table {
  const copy = structuredClone(given)
  const steps = path === '' ? [] : path.split('.')
  const inner = steps.reduce((value, step) => (value[step] ??= {}) as Table, copy)
  inner['surprise'] = 'secret'
  return copy
}

const inside = (path: string, key: string) => (path === '' ? key : `${path}.${key}`)

function issuesOf(vars: Table): ErrorDetail[] {
  const read = configOf(vars as unknown as Env, PROTOCOLS)
  return read.ok ? [] : read.issues
}

const pathsOf = (issues: readonly { path: string }[]) => issues.map(({ path }) => path).toSorted()

describe('a file with everything wrong', () => {
  const vars: Table = {
    SLUICE_COOKIE_KEY: 12_345_678_901_234_567_890n,
    SLUICE: { expose_headers: 'yes', auth: { users: { jwks_url: 'a', issuer: 'b' } } },
    RELEASE_TEXT: 'oops',
    RELEASE_LIST: [release('listed')],
    RELEASE_TWIN: release('good', { bake: 5 }),
    RELEASE_GOOD: release('good'),
  }
  for (const [i, [, wrong]] of KINDS.entries()) vars[`RELEASE_${100 + i}`] = release(`r${i}`, wrong)
  const issues = issuesOf(vars)

  it('tells each error, and none twice', () => {
    expect(pathsOf(issues)).toEqual(
      [
        'SLUICE_COOKIE_KEY',
        'SLUICE.expose_headers',
        'SLUICE.auth.users.audience',
        'SLUICE.auth.users.jwks_url',
        'RELEASE_TEXT',
        'RELEASE_LIST',
        'RELEASE_TWIN.bake',
        'RELEASE_TWIN.name',
        ...KINDS.map(([, , path], i) => `RELEASE_${100 + i}.${path}`),
      ].toSorted(),
    )
  })

  it.each(KINDS.map(([what, , path, message], i) => [what, `RELEASE_${100 + i}.${path}`, message] as const))(
    'says what to do about %s',
    (_, path, message) => {
      expect(issues.find((issue) => issue.path === path)?.message).toMatch(message)
    },
  )
})

describe('beside an unknown key in the same table', () => {
  it.each(KINDS)('%s is told', (_, wrong, path, message, inTable) => {
    const issues = issuesOf({
      SLUICE_COOKIE_KEY: COOKIE_KEY,
      RELEASE_A: surprised(release('r', wrong), inTable),
    })
    expect(pathsOf(issues)).toEqual([`RELEASE_A.${path}`, `RELEASE_A.${inside(inTable, 'surprise')}`].toSorted())
    expect(issues.find((issue) => issue.path === `RELEASE_A.${path}`)?.message).toMatch(message)
  })

  it.each<[string, Table, string]>([
    ['a variable that is no release', { RELEASE_B: 'oops' }, 'RELEASE_B'],
    ['broken JSON', { RELEASE_B: '{"name":' }, 'RELEASE_B'],
    ['a name twice', { RELEASE_B: release('r') }, 'RELEASE_B.name'],
    ['a global table that is none', { SLUICE: 'oops' }, 'SLUICE'],
    ['a global list', { SLUICE: [] }, 'SLUICE'],
    ['a missing cookie key', { SLUICE_COOKIE_KEY: undefined }, 'SLUICE_COOKIE_KEY'],
    ['a short cookie key', { SLUICE_COOKIE_KEY: 'short' }, 'SLUICE_COOKIE_KEY'],
  ])('%s is told', (_, wrong, path) => {
    const vars = { SLUICE_COOKIE_KEY: COOKIE_KEY, RELEASE_A: release('r', { surprise: 1 }), ...wrong }
    expect(pathsOf(issuesOf(vars))).toEqual(['RELEASE_A.surprise', path].toSorted())
  })
})

describe('a live overlay', () => {
  const live = KINDS.filter(([, wrong]) =>
    Object.keys(wrong).every((key) => key === 'protocol' || (OVERLAY_KEYS as readonly string[]).includes(key)),
  )
  it.each(live.filter(([, wrong]) => !('protocol' in wrong)))(
    'with %s is refused with each error, under the keys of the patch',
    (_, wrong, path, message, inTable) => {
      const overlay = surprised(wrong, inTable)
      const read = readConfig({ RELEASE_A: release('r') }, PROTOCOLS)
      if (!read.ok) throw new Error(JSON.stringify(read.issues))
      const laid = effectiveRelease(read.config.releases[0]!, { ...overlay, arms: {} } as never, PROTOCOLS)
      const issues = laid.ok ? [] : laid.issues
      for (const { code } of issues) expect(zhDetails).toHaveProperty(code)
      expect(pathsOf(issues)).toEqual(['arms', path, inside(inTable, 'surprise')].toSorted())
      expect(issues.find((issue) => issue.path === path)?.message).toMatch(message)
    },
  )
})

describe('the code of what is wrong', () => {
  it.each<[string, Table, string]>([
    ['bake', { bake: '5 minutes' }, '不是时长；请写成 "90s"、"5m"、"7d"（填写的是："5 minutes"）'],
    ['shadow.sample', { shadow: { sample: 5 } }, '至多 1（填写的是：5）'],
    ['ladder', { ladder: [] }, '列表应有 1 到 50 项（填写的是：0）'],
    ['advance', { advance: 'x' }, '应是其中之一："manual", "auto"（填写的是："x"）'],
    ['guardrails.0', guardrail({ max: undefined }), '缺少上限，请至少设置其一：max, max_over_control'],
  ])('says in Chinese what is wrong with %s, and keeps what was given', (path, wrong, words) => {
    const issues = issuesOf({ SLUICE_COOKIE_KEY: COOKIE_KEY, RELEASE_A: release('r', wrong) })
    expect(issues.map((issue) => [issue.path, zhDetail(issue)])).toEqual([[`RELEASE_A.${path}`, words]])
  })
})

describe('what may be a credential by mistake', () => {
  it.each<[string, Table]>([
    ['a token in place of its name', arm({ ...ARM, auth: 'secret' })],
    ['a password in a URL', arm({ url: 'https://u:secret@a.example' })],
    ['the value of an unknown key', { token: 'secret' }],
  ])('is not shown again: %s', (_, wrong) => {
    const issues = issuesOf({ SLUICE_COOKIE_KEY: COOKIE_KEY, RELEASE_A: release('r', wrong), RELEASE_KEY: 'secret' })
    expect(issues).toHaveLength(2)
    expect(JSON.stringify(issues.map(({ message, params }) => [message, params]))).not.toMatch(/secret(?! is needed)/)
  })
})
