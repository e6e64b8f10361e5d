/** The pages behind the real control plane: forms are held to the API's schemas, and browsers get pages when it fails. */
import { beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config/load.ts'
import { hashToken } from '../../../src/auth/tokens.ts'
import { sealSession } from '../../../src/control/session.ts'
import { ControlFake, COOKIE_KEY, ORIGIN, RELEASES, tokenOf } from '../../support/control-fake.ts'

const [R1] = RELEASES
const PAGE = `/releases/${R1}`
let cookie: string

beforeAll(async () => {
  const token = { name: 'admin', role: 'admin' as const, sha256: hashToken(tokenOf('admin')) }
  cookie = `sluice_session=${await sealSession(token, COOKIE_KEY, new ControlFake().nowMs)}`
})

/** As a browser sends it, with the session's cookie or another's. */
function browse(rig: ControlFake, path: string, fields?: Record<string, string>, headers: Record<string, string> = {}) {
  return rig.app.request(`${ORIGIN}/_sluice${path}`, {
    method: fields ? 'POST' : 'GET',
    headers: { accept: 'text/html,*/*;q=0.8', origin: ORIGIN, cookie, ...headers },
    ...(fields ? { body: new URLSearchParams(fields) } : {}),
  })
}

function inCanary(): ControlFake {
  const rig = new ControlFake()
  rig.controller(R1).do({ action: 'start', stage: 'canary-50' }, 'token:a', 'go')
  return rig
}

/** The form's post as the page that was just shown would make it. */
async function confirm(rig: ControlFake, action: string, fields: Record<string, string>): Promise<Response> {
  const shown = await (await browse(rig, `${PAGE}/confirm/${action}?${new URLSearchParams(fields)}`)).text()
  const fingerprint = /name="shown" value="([^"]*)"/.exec(shown)?.[1]?.replaceAll('&quot;', '"') ?? ''
  return browse(rig, `${PAGE}/confirm/${action}`, { reason: 'as tried', shown: fingerprint, ...fields })
}

describe('a form', () => {
  it.each([
    ['set_percent', { percent: '250' }, 'A percent is a number from 0 to 100.'],
    ['set_percent', { percent: '-5' }, 'A percent is a number from 0 to 100.'],
    ['set_percent', { percent: 'abc' }, 'A percent is a number from 0 to 100.'],
    ['set_percent', { percent: 'Infinity' }, 'A percent is a number from 0 to 100.'],
    ['set_shadow', { sample: '5000' }, 'The percent to copy is a number from 0 to 100.'],
    ['rollback', { reason: 'x'.repeat(10_000) }, 'A reason has at most 500 characters.'],
  ])('cannot %s with %j, which the API would refuse', async (action, fields: Record<string, string>, words) => {
    const rig = inCanary()
    const before = rig.controller(R1).state
    const answer = await confirm(rig, action, fields)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain(words)
    expect(rig.controller(R1).state).toEqual(before)
    expect(rig.controller(R1).entries).toHaveLength(1)
  })

  it('tells the refusal already where its effect is shown, and offers no way to confirm it', async () => {
    const html = await (await browse(inCanary(), `${PAGE}/confirm/set_percent?percent=250`)).text()
    expect(html).toContain('A percent is a number from 0 to 100.')
    expect(html).toMatch(/<button class="button filled[^"]*" type="submit" disabled/)
  })

  it('that publishes a configuration has its reason checked too', async () => {
    const rig = new ControlFake()
    const fields = { section: 'publish', patch: '{"min_jobs":3}', title: 'x', reason: 'x'.repeat(501), version: '0' }
    for (const how of ['publish', 'propose']) {
      const answer = await browse(rig, `${PAGE}/config`, { ...fields, how })
      expect(answer.status, how).toBe(400)
    }
    expect(rig.liveConfig.data.changes).toEqual([])
    expect(rig.controller(R1).published.overlay).toEqual({})
  })

  it('of three megabytes is not read', async () => {
    const rig = inCanary()
    const answer = await browse(rig, `${PAGE}/confirm/rollback`, { reason: 'x'.repeat(3_000_000) })
    expect(answer.status).toBe(413)
    expect(await answer.text()).toContain('That is too large to be sent.')
    expect(rig.controller(R1).entries).toHaveLength(1)
  })
})

describe('a page', () => {
  it('still shows a release whose percent was stored without checks, and its history', async () => {
    const rig = inCanary()
    const controller = rig.controller(R1)
    controller.state = { ...controller.state, percent: null as unknown as number }
    const place = (percent: number | null) => ({ stage: 'canary-50', percent: percent as number })
    const entry = { at: '2026-11-24T08:59:00.000Z', who: 'token:a', action: 'set_percent', epoch: 1, version: 1 }
    controller.entries = [
      { ...entry, id: '2', reason: 'y'.repeat(100_000), from: place(250), to: place(null) },
      { ...entry, id: '1', reason: '', from: place(-5), to: place(250) },
    ]
    for (const path of [PAGE, `${PAGE}/history`, `${PAGE}/confirm/set_percent`, `${PAGE}/confirm/rollback`, '/']) {
      const answer = await browse(rig, path)
      expect(answer.status, path).toBe(200)
      expect((await answer.text()).length, path).toBeLessThan(60_000)
    }
  })

  it('that needs somebody known leads to the log-in and back, by GET and by POST', async () => {
    for (const [fields, why] of [
      [undefined, ''],
      [{ reason: 'stop' }, '&why=unsent'],
    ] as const) {
      const answer = await browse(inCanary(), `${PAGE}/confirm/rollback`, fields, { cookie: 'sluice_session=none' })
      expect(answer.status).toBe(303)
      expect(answer.headers.get('location')).toBe(
        `/_sluice/login?next=${encodeURIComponent(`/_sluice${PAGE}/confirm/rollback`)}${why}`,
      )
    }
  })

  it('of the log-in says why somebody who had a session is there, and that nothing was changed', async () => {
    const words = async (query: string) => (await browse(new ControlFake(), `/login${query}`)).text()
    expect(await words('?why=ended')).toContain('<p role="status">Your session has ended.</p>')
    expect(await words('?why=unsent')).toContain('Your session has ended: nothing was changed. Log in, then repeat it.')
    for (const query of ['', '?why=wrong', '?why=<b>']) expect(await words(query)).not.toMatch(/role="(status|alert)"/)
  })

  it('says what went wrong in the reader’s language, under the policy of all pages, with the status of the API', async () => {
    const broken = new ControlFake()
    broken.settings = { ...broken.settings, config: readConfig({ RELEASE_A: { name: 'a b' } }, ['http']) }
    const failing = inCanary()
    failing.controller(R1).view = () => Promise.resolve({ ok: true, value: null as never })
    for (const [path, rig, status, words] of [
      ['/nothing/here', inCanary(), 404, '没有这个页面。'],
      ['/logout', inCanary(), 405, '这个地址不接受提交。'],
      ['/', broken, 503, 'RELEASE_A.name'],
      [PAGE, failing, 500, 'new-id'],
    ] as const) {
      const answer = await browse(rig, `${path}?lang=zh`)
      expect(answer.status, path).toBe(status)
      expect(answer.headers.get('content-type'), path).toContain('text/html')
      expect(answer.headers.get('content-security-policy'), path).toContain("default-src 'none'")
      const html = await answer.text()
      expect(html, path).toContain('<html lang="zh-Hans">')
      expect(html, path).toContain(words)
    }
  })

  it('refuses a form of another site with a page, and a program with the error’s own body', async () => {
    const evil = { origin: 'https://evil.example' }
    const page = await browse(inCanary(), `${PAGE}/confirm/rollback`, { reason: 'x' }, evil)
    expect(page.status).toBe(403)
    expect(await page.text()).toContain('This was not sent from a page of the dashboard.')
    const body = await browse(inCanary(), `${PAGE}/confirm/rollback`, { reason: 'x' }, { ...evil, accept: '*/*' })
    expect(await body.json()).toMatchObject({ error: { code: 'origin_mismatch' } })
    const api = await browse(inCanary(), '/api/v1/releases/none')
    expect(await api.json()).toMatchObject({ error: { code: 'release_not_found' } })
  })

  it('that loads while no object answers shows what the isolate routes by, and its age', async () => {
    const rig = inCanary()
    rig.controller(R1).view = () => Promise.reject(new Error('unreachable'))
    const html = await (await browse(rig, PAGE)).text()
    expect(html).toContain('The control plane can’t be reached.')
    expect(html).toContain('SLUICE_FORCE_CONTROL')
    expect(html).toMatch(/What is known here.*r1.*50\u00a0%.*ago/s)
    expect(html).not.toContain(RELEASES[1])
    rig.controller(RELEASES[1]).unreachable = true
    const all = await browse(rig, '/')
    expect(all.status).toBe(503)
    expect(await all.text()).toMatch(new RegExp(`What is known here.*r1.*${RELEASES[1]}`, 's'))
  })

  it('of all releases shows those that answer, and names the one that does not with what is known of it', async () => {
    const rig = inCanary()
    rig.controller(R1).unreachable = true
    const answer = await browse(rig, '/')
    expect(answer.status).toBe(200)
    const [silent, other] = (await answer.text()).split('<li class="card">').slice(1)
    expect(silent).toMatch(/badge bad">not answering<.*>r1<.*Its controller does not answer.*last known: 50\u00a0%,/s)
    expect(other).toContain(RELEASES[1])
    expect(other).toContain('Not started.')
  })
})
