/** `sluice config`: files judged offline, and the live overlay shown and changed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { configViewSchema } from '../../src/api/index.ts'
import { run } from './run.ts'
import { type Control, startControl, TOKEN } from './control.ts'

const REAL = fileURLToPath(new URL('../../wrangler.toml', import.meta.url))
const GOOD = `
[vars.RELEASE_A]
name = "a"
protocol = "openai-videos"
ladder = [1, 10, 100]
[vars.RELEASE_A.arms.control]
url = "http://127.0.0.1:9101"
[vars.RELEASE_A.arms.candidate]
url = "http://127.0.0.1:9102"
`
let folder: string
const file = (text: string) => {
  const path = join(folder, `${Math.abs(text.length)}-wrangler.toml`)
  writeFileSync(path, text)
  return path
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('config check', () => {
  it('finds the project’s own file valid', async () => {
    const { code, out, err } = await run(['config', 'check', REAL])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('is valid: 1 release.')
    expect(out).toMatch(/wan22_t2v_abtest +openai-videos +1 5 20 50 100 +30m +manual/)
  })

  it('names every error with its path, and ends with code 1', async () => {
    const bad = GOOD.replace('[1, 10, 100]', '[10, 5]\nbake = 30\nbakee = "5m"').replace(
      '"http://127.0.0.1:9102"',
      '"ftp://x"',
    )
    const { code, out } = await run(['config', 'check', file(bad)])
    expect(code).toBe(1)
    expect(out).toContain('is invalid: 4 errors.')
    expect(out).toMatch(/error +RELEASE_A\.ladder +percents must grow/)
    expect(out).toMatch(/error +RELEASE_A\.bake +a duration is a string/)
    expect(out).toMatch(/error +RELEASE_A\.bakee +unknown key/)
    expect(out).toMatch(/error +RELEASE_A\.arms\.candidate\.url +not an http\(s\) URL/)
    const { out: json } = await run(['config', 'check', file(bad), '--json'])
    const { ok, errors } = JSON.parse(json) as { ok: boolean; errors: { path: string }[] }
    expect(ok).toBe(false)
    expect(errors.map(({ path }) => path).sort()).toEqual(
      ['RELEASE_A.arms.candidate.url', 'RELEASE_A.bake', 'RELEASE_A.bakee', 'RELEASE_A.ladder'].sort(),
    )
  })

  it('refuses a protocol that there is not', async () => {
    const { code, out } = await run(['config', 'check', file(GOOD.replace('openai-videos', 'gopher'))])
    expect(code).toBe(1)
    expect(out).toMatch(/RELEASE_A\.protocol +"gopher" is none of openai-videos/)
  })

  it('warns above 4 KB a variable and refuses above 5 KB', async () => {
    const rules = (n: number) =>
      `\n[[vars.RELEASE_A.rules]]\nwhen = { subject = [${Array.from({ length: n }, (_, i) => `"subject-${1000 + i}"`).join(', ')}] }\narm = "control"\n`
    const near = await run(['config', 'check', file(GOOD + rules(270))])
    expect(near.code).toBe(0)
    expect(near.out).toMatch(/warning +RELEASE_A +4,\d{3} bytes as JSON/)
    const over = await run(['config', 'check', file(GOOD + rules(400))])
    expect(over.code).toBe(1)
    expect(over.out).toMatch(/error +RELEASE_A +6,\d{3} bytes as JSON, and Cloudflare takes 5,120/)
  })

  it('warns of what is valid and does nothing, and of a ladder that ends early', async () => {
    const vain = GOOD.replace('openai-videos"', 'http"\nfailover = true').replace('[1, 10, 100]', '[1, 50]')
    const { code, out } = await run(['config', 'check', file(vain)])
    expect(code).toBe(0)
    expect(out).toMatch(/warning +RELEASE_A\.failover +http streams bodies/)
    expect(out).toMatch(/warning +RELEASE_A\.ladder +ends below 100/)
  })

  it('warns of arms that are one and the same backend, and of no others', async () => {
    const arms = (control: string, candidate: string) =>
      file(`[vars.RELEASE_A]
name = "a"
protocol = "openai-videos"
arms.control = ${control}
arms.candidate = ${candidate}
`)
    const one = '{ url = "http://a.example", model = "wan" }'
    const { code, out } = await run(['config', 'check', arms(one, one)])
    expect(code).toBe(0)
    expect(out).toMatch(/warning +RELEASE_A\.arms +control and candidate have the same url and model/)
    const shared = await run([
      'config',
      'check',
      arms(one, '{ urls = ["http://b.example", "http://a.example"], model = "wan" }'),
    ])
    expect(shared.out).toContain('RELEASE_A.arms ')
    for (const other of [
      '{ url = "http://a.example", model = "wan2" }',
      '{ url = "http://b.example", model = "wan" }',
      '{ url = "http://a.example", model = "wan", set = { steps = 4 } }',
      '{ url = "http://a.example", model = "wan", auth = "OTHER" }',
    ])
      expect((await run(['config', 'check', arms(one, other)])).out).not.toContain('RELEASE_A.arms')
  })

  it('warns of more copies in flight than the ledgers keep up with, and says how many ledgers would', async () => {
    const crowded = (copies: number, shards: number) =>
      `${GOOD.replace('openai-videos"', `openai-videos"\nledger_shards = ${shards}`)}\n[vars.RELEASE_A.shadow]\nmax_in_flight = ${copies}\n`
    const { code, out } = await run(['config', 'check', file(crowded(5000, 2))])
    expect(code).toBe(0)
    expect(out).toMatch(
      /warning +RELEASE_A\.shadow\.max_in_flight +5,000 copies; .* ledger_shards = 5, which may be raised while the release runs/,
    )
    for (const [copies, shards] of [
      [5000, 5],
      [1000, 1],
    ] as const)
      expect((await run(['config', 'check', file(crowded(copies, shards))])).out).not.toContain('max_in_flight')
  })

  it('names what is wrong in the secrets beside the file, or in the file of secrets that is given', async () => {
    const path = file(GOOD)
    const secrets = join(folder, '.dev.vars')
    writeFileSync(secrets, `SLUICE_TOKENS='[{"name":"typo","role":"Admin","sha256":"${'a'.repeat(64)}"}]'\n`)
    const beside = await run(['config', 'check', path])
    rmSync(secrets)
    expect([beside.code, beside.out]).toEqual([0, expect.stringMatching(/SLUICE_TOKENS\.0\.role +"typo" is left out/)])
    expect(beside.out).not.toContain('aaaa')
    expect((await run(['config', 'check', path])).out).not.toContain('SLUICE_TOKENS')
    writeFileSync(join(folder, 'mine.env'), 'SLUICE_TOKENS=oops\n')
    const given = await run(['config', 'check', path, '--env-file', join(folder, 'mine.env')])
    expect(given.out).toMatch(/SLUICE_TOKENS +not JSON/)
  })

  it('shows the line that is no TOML', async () => {
    const path = file(`${GOOD}\nladder = [1,, 2\n`)
    const { code, err } = await run(['config', 'check', path])
    expect(code).toBe(1)
    expect(err).toMatch(/is not TOML, at line 11, column \d+/)
    expect(err).toContain('ladder = [1,, 2')
    const { out } = await run(['config', 'check', path, '--json'])
    expect(JSON.parse(out)).toMatchObject({ ok: false, errors: [{ path: 'line 11' }] })
  })

  it('reads the variables of an environment', async () => {
    const path = file(GOOD.replaceAll('[vars.', '[env.staging.vars.'))
    expect((await run(['config', 'check', path])).out).toContain('no release')
    expect((await run(['config', 'check', path, '--env', 'staging'])).code).toBe(0)
    expect((await run(['config', 'check', path, '--env', 'prod'])).code).toBe(2)
  })

  it('ends with code 2 when the file is not there', async () => {
    const { code, err } = await run(['config', 'check', join(folder, 'nowhere.toml')])
    expect([code, err]).toEqual([2, expect.stringContaining('nowhere.toml can’t be read'.replace('’', "'"))])
  })
})

describe('the live overlay', () => {
  let control: Control
  const sluice = (...args: string[]) => run(args, { SLUICE_URL: control.url, SLUICE_TOKEN: TOKEN })
  beforeEach(async () => {
    control = await startControl()
  })
  afterEach(() => control.stop())

  it('is set with values as in the file, compared, and given back', async () => {
    expect((await sluice('config', 'diff')).out).toContain('Only the file is in effect')
    const set = await sluice('config', 'set', 'bake=10m', 'min_jobs=5', '--reason', 'rehearsal')
    expect([set.code, set.out]).toEqual([0, expect.stringContaining('Published as version 1.')])
    expect((await sluice('config', 'diff')).out).toMatch(
      /bake +file +30m\n +live +10m\nmin_jobs +file +50\n +live +5\n/,
    )
    expect((await sluice('config', 'show')).out).toMatch(/^bake +live +10m$/m)
    const unset = await sluice('config', 'unset', 'bake')
    expect(unset.out).not.toContain('bake')
    expect(control.controller.published.overlay).toEqual({ min_jobs: 5 })
    const long = JSON.stringify(Array.from({ length: 50 }, (_, i) => `user-${i}`))
    await sluice('config', 'set', `rules=[{ when = { subject = ${long} }, arm = "control" }]`, '--reason', 'long')
    const { out } = await sluice('config', 'show')
    // A long value pads no other line.
    expect(out).toMatch(/^bake +file +30m$/m)
    expect(out).toContain(long)
  })

  it('is sent as a merge patch, with reason, dry run and version where the API takes them', async () => {
    const args = [
      'shadow.sample=0.5',
      'shadow.max_in_flight=3',
      'ladder=[1, { percent = 50, bake = "7d" }]',
      'advance=auto',
    ]
    await sluice('config', 'set', ...args, '--dry-run', '--reason', 'a & b', '--if-match', '4')
    const { method, url, headers, body } = control.requests.at(-1)!
    expect(body).toEqual({
      shadow: { sample: 0.5, max_in_flight: 3 },
      ladder: [1, { percent: 50, bake: '7d' }],
      advance: 'auto',
    })
    const query = new URL(url, control.url).searchParams
    expect([method, query.get('reason'), query.get('dry_run'), headers['if-match']]).toEqual([
      'PATCH',
      'a & b',
      'true',
      '"4"',
    ])
    await sluice('config', 'unset', 'shadow.sample', 'bake')
    expect(control.requests.at(-1)!.body).toEqual({ shadow: { sample: null }, bake: null })
  })

  it('tells each key that the gateway refuses', async () => {
    const { code, err } = await sluice('config', 'set', 'bake=30')
    expect(code).toBe(1)
    expect(err).toContain('bake: a duration is a string like "90s"')
    expect((await sluice('config', 'set', '__proto__.x=1')).code).toBe(1)
    const { body } = control.requests.at(-1)!
    expect(JSON.stringify(body)).toBe('{"__proto__":{"x":1}}')
  })

  it('is the API’s JSON with --json', async () => {
    for (const command of ['show', 'diff']) {
      const { out } = await sluice('config', command, '--json')
      expect(v.parse(configViewSchema, JSON.parse(out)).release).toBe('wan22_t2v_abtest')
    }
  })

  it.each([['bake'], ['=10m'], ['bake='], ['ladder=[1,'], ['a..b=1'], ['bake=1m', 'bake=2m']])(
    'ends with code 2 on %s',
    async (...pairs) => {
      const { code } = await sluice('config', 'set', ...pairs)
      expect([code, control.requests]).toEqual([2, []])
    },
  )
})
