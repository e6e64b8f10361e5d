/** Each configuration that the project shows is valid: for the gateway, without a warning, and for an editor. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { secretSlips } from '../../src/auth/secret-slips.ts'
import { checkFile } from '../../src/cli/config-check.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SHOWN = ['wrangler.toml', ...globSync('examples/**/*.toml', { cwd: ROOT, exclude: ['**/node_modules/**'] })]
const SCENARIOS = [
  ...['access-login', 'arm-fields', 'experiment-gate', 'low-traffic', 'openrouter', 'plain-http', 'runpod'],
  'two-releases',
]

const ajv = new Ajv({ allErrors: true })
addFormats.default(ajv)
const isValid = ajv.compile(JSON.parse(readFileSync(`${ROOT}docs/wrangler.schema.json`, 'utf8')) as object)
const errorsOf = (vars: object): string[] => {
  isValid({ vars })
  return (isValid.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

it('each scenario of the docs has its file', () => {
  expect(SHOWN).toEqual(expect.arrayContaining(SCENARIOS.map((name) => `examples/scenarios/${name}.toml`)))
})

it.each(['.dev.vars.example', 'examples/own-backends/mine.env.example'])(
  '%s holds no key with which a gateway would start',
  (file) => {
    const given = parseEnv(readFileSync(`${ROOT}${file}`, 'utf8'))
    const tokens = given['SLUICE_TOKENS']
    const cookieKey = given['SLUICE_COOKIE_KEY']
    const paths = secretSlips({ tokens, cookieKey, eventKeys: undefined, webhookKey: undefined }).map(
      ({ path }) => path,
    )
    expect(paths).toEqual(['SLUICE_TOKENS.0.sha256', 'SLUICE_COOKIE_KEY.0'])
  },
)

describe.each(SHOWN)('%s', (file) => {
  it('passes config check without a warning', () => {
    const { result } = checkFile(`${ROOT}${file}`)
    expect(result).toMatchObject({ ok: true, errors: [], warnings: [] })
    expect(result.releases.length).toBeGreaterThan(0)
  })

  it('names the schema for editors, which finds nothing wrong with it', () => {
    const text = readFileSync(`${ROOT}${file}`, 'utf8')
    const [, path] = /^#:schema (\S+)\n/.exec(text) ?? []
    expect(fileURLToPath(new URL(path!, `file://${ROOT}${file}`))).toBe(`${ROOT}docs/wrangler.schema.json`)
    expect(errorsOf((parse(text) as { vars: object }).vars)).toEqual([])
  })
})

describe('the schema for editors', () => {
  const ARMS = { control: { url: 'http://a.example' }, candidate: { url: 'http://b.example' } }
  const release = (more: object): object => ({ RELEASE_A: { name: 'a', protocol: 'http', arms: ARMS, ...more } })

  it.each([
    ['a misspelt key', release({ ladderr: [100] }), 'must NOT have additional properties'],
    ['a misspelt key of an arm', release({ arms: { ...ARMS, control: { uri: 'x' } } }), 'must NOT have additional'],
    ['a missing key', { RELEASE_A: { name: 'a', protocol: 'http' } }, "must have required property 'arms'"],
    ['no duration', release({ bake: 'soon' }), '/vars/RELEASE_A/bake must match pattern'],
    ['an unknown protocol', release({ protocol: 'openai' }), '/protocol must be equal to one of'],
    ['a rung that is none', release({ ladder: [0] }), '/ladder/0 must be > 0'],
    [
      'a field that is none',
      release({ arms: { ...ARMS, control: { url: 'http://a', set: { 'a b': 1 } } } }),
      'property name',
    ],
    ['a key of a rung', release({ ladder: [{ percent: 5, bakes: '5m' }] }), '/ladder/0 must NOT have additional'],
    ['an unknown metric', release({ guardrails: [{ metric: 'errors' }] }), '/guardrails/0/metric must match pattern'],
    ['a global key', { SLUICE: { subjects: ['ip'] } }, '/vars/SLUICE must NOT have additional'],
  ])('tells of %s', (_what, vars, message) => {
    expect(errorsOf(vars).join('\n')).toContain(message)
  })

  it('takes a rule whose values are one text or several', () => {
    const rules = [
      { when: { claim: 'tier', in: ['a', 'b'] }, arm: 'candidate' },
      { when: { subject: 'alice' }, weight: 2 },
    ]
    expect(errorsOf(release({ rules }))).toEqual([])
  })
})
