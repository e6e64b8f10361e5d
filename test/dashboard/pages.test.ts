/** Pages as a browser without script gets them: reading, acting by form posts, refusals, hostile text. */
import { describe, expect, test } from 'vitest'
import { verdictsOf } from '../support/dashboard-traffic.ts'
import { DashboardRelease } from '../support/dashboard-release.ts'

function browse(fake: DashboardRelease) {
  return {
    get: (path: string, headers: Record<string, string> = {}) => fake.ask(path, { headers }),
    post: (path: string, fields: Record<string, string>) => fake.ask(path, { fields }),
  }
}

const PAGE = '/_sluice/releases/wan22_t2v_abtest'

function atFivePercent(): DashboardRelease {
  const fake = new DashboardRelease()
  fake.do({ action: 'start' }, 'token:oncall', 'new weights')
  fake.nowMs += 3_600_000
  fake.do({ action: 'advance', force: true }, 'system:auto', 'bake over')
  fake.do({ action: 'advance', force: true }, 'token:oncall', 'fine over night')
  return fake
}

function hidden(html: string, name: string): string {
  const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1]
  return (value ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

describe('reading', () => {
  test.each([
    '/_sluice/',
    PAGE,
    `${PAGE}/jobs`,
    `${PAGE}/config`,
    `${PAGE}/history`,
    `${PAGE}/report`,
    `${PAGE}/confirm/rollback`,
  ])('%s is served with the strict policy and without anything inline', async (path) => {
    const response = await browse(atFivePercent()).get(path)
    const html = await response.text()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(html).toMatch(/^<!doctype html>/i)
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/)
    expect(html).not.toMatch(/\s(style|on\w+)="/)
  })

  test('the ladder tells the rungs that a start at a stage skipped from those that were passed', async () => {
    const fake = new DashboardRelease()
    fake.do({ action: 'start', stage: 'canary-5' }, 'token:oncall', 'seen in staging')
    const placesOf = async (): Promise<string[]> => {
      const html = await (await browse(fake).get(PAGE)).text()
      return [...html.matchAll(/<li class="(passed|skipped|present|ahead|failed)"/g)].map(([, place]) => place!)
    }
    const ahead = ['ahead', 'ahead', 'ahead', 'ahead']
    expect(await placesOf()).toEqual(['skipped', 'skipped', 'present', ...ahead])
    fake.do({ action: 'advance', force: true }, 'token:oncall', 'fine')
    expect(await placesOf()).toEqual(['skipped', 'skipped', 'passed', 'present', ...ahead.slice(1)])
    fake.do({ action: 'rollback' }, 'token:oncall', 'bad')
    expect(await placesOf()).toEqual(['skipped', 'skipped', 'passed', 'failed', ...ahead.slice(1)])
  })

  test('every asset that a page names is served, and may be kept for ever', async () => {
    const { get } = browse(atFivePercent())
    const html = await (await get(PAGE)).text()
    const assets = [...html.matchAll(/"(\/_sluice\/assets\/[^"]+)"/g)].map(([, path]) => path!)
    expect(assets.length).toBeGreaterThanOrEqual(5)
    for (const path of assets) {
      const response = await get(path)
      expect(response.status, path).toBe(200)
      expect(response.headers.get('cache-control')).toContain('immutable')
      expect((await response.text()).length).toBeGreaterThan(500)
    }
  })

  test('without script the figures of the charts stand as tables', async () => {
    const html = await (await browse(atFivePercent()).get(PAGE)).text()
    expect(html.match(/<details class="figures" open/g)).toHaveLength(4)
  })

  test('an unknown release and an unknown page are pages that say so', async () => {
    const { get } = browse(atFivePercent())
    const release = await get('/_sluice/releases/nobody')
    expect(release.status).toBe(404)
    expect(await release.text()).toContain('There is no release “nobody”.')
    const page = await get(`${PAGE}/confirm/explode`)
    expect(page.status).toBe(404)
    expect(await page.text()).toContain('There is no such page.')
  })

  test('with the control plane out of reach the page shows how to break the glass', async () => {
    const fake = atFivePercent()
    fake.unreachable = true
    const response = await browse(fake).get(PAGE)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('SLUICE_FORCE_CONTROL')
  })

  test('the language follows the query, then its cookie, then the browser', async () => {
    const { get } = browse(atFivePercent())
    const asked = await get(`${PAGE}?lang=zh`)
    expect(asked.headers.get('set-cookie')).toContain('sluice_lang=zh')
    expect(await asked.text()).toContain('灰度 5%。')
    expect(await (await atFivePercent().ask(PAGE, { lang: 'zh' })).text()).toContain('lang="zh-Hans"')
    expect(await (await get(PAGE, { 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8' })).text()).toContain('灰度')
    expect(await (await get(PAGE, { 'accept-language': 'fr, en;q=0.5' })).text()).toContain('Canary at')
  })
})

test('where a part can’t be read the page says so, and not that there is none', async () => {
  const fake = atFivePercent()
  const away = () => Promise.reject(new Error('a ledger does not answer'))
  fake.controller.pairs = away
  fake.controller.history = away
  const html = await (await browse(fake).get(PAGE)).text()
  expect(html).toContain('The pairs are unavailable right now.')
  expect(html).toContain('The history is unavailable right now.')
  expect(html).not.toMatch(/No pair yet|Nothing has happened yet/)
})

test('after a rollback the page shows the verdicts that led there', async () => {
  const fake = atFivePercent()
  fake.traffic = 'failing'
  fake.do({ action: 'rollback' }, 'system:guardrail', 'job error rate 7.9 % > 1 %')
  const html = await (await browse(fake).get(PAGE)).text()
  expect(html).toContain('Job error rate of the candidate was <b>7.9')
  expect(html).toContain('<span class="pill bad">breach</span>')
  expect(html).toMatch(/<details id="judged" open/)
})

test('after a rollback the sentence and the history name the same guardrail of two that asked for it', async () => {
  const rate = { metric: 'error_rate', max: 0.01, for_windows: 5 }
  const silence = { ...rate, operations: ['submit'], no_data: 'rollback', no_data_grace: '1m' }
  const fake = new DashboardRelease({ live: { guardrails: [silence, { ...rate, operations: ['job'] }] } })
  fake.controller.verdicts = (state) => {
    const breach = verdictsOf(state, 'failing', fake.nowMs)[0]!
    const message = 'submit error rate: no candidate submits for 2 min'
    const none = { value: null, n: 0, status: 'no_data', note: 'grace_over', message } as const
    return [{ ...breach, guardrail: 'error_rate:submit', operation: 'submit', ...none }, breach]
  }
  fake.do({ action: 'start', stage: 'canary-5' }, 'token:oncall', 'new weights')
  fake.controller.tick()
  expect(fake.state().state).toBe('rolled_back')
  const lead = async (lang: string) =>
    /<p class="lead">(.*?)<\/p>/s.exec(await (await fake.ask(PAGE, { lang })).text())![1]!
  expect(await lead('en')).toContain('Reason: “submit error rate: no candidate submits for 2 min”.')
  expect(await lead('zh')).toContain('原因：“提交错误率：无数据过久。')
})

describe('the switch of shadow', () => {
  const line = async (fake: DashboardRelease) => {
    const html = await (await browse(fake).get(PAGE)).text()
    return /id="toggles".*?<li>(.*?)<\/li>/s.exec(html)![1]!.replaceAll('&amp;', '&')
  }

  test('says what is copied at the stage, and in a canary without copies offers to copy there too', async () => {
    const fake = new DashboardRelease()
    expect(await line(fake)).toMatch(/Shadow · 100\u00a0%, nothing now<.*class="switch on"/s)
    fake.do({ action: 'start' }, 'token:oncall', 'go')
    expect(await line(fake)).toMatch(/>Shadow · 100\u00a0%<.*class="switch on"/s)
    fake.do({ action: 'pause' }, 'token:oncall', 'lunch')
    expect(await line(fake)).toMatch(/>Shadow · 100\u00a0%, nothing while paused<.*class="switch on"/s)
    const canary = await line(atFivePercent())
    expect(canary).toMatch(/Shadow · 100\u00a0%, not in the canary<.*class="switch "/s)
    const href = /id="toggle-shadow" href="\/_sluice\/releases\/wan22_t2v_abtest\/([^"]*)"/.exec(canary)![1]!
    expect(href).toBe('confirm/set_shadow?sample=100&canary_asked=1&during_canary=1')
    const effect = await (await browse(atFivePercent()).get(`${PAGE}/${href}`)).text()
    expect(effect).toContain('copies during the canary: <b>on</b>')
    const over = atFivePercent()
    over.do({ action: 'rollback' }, 'token:oncall', 'stop')
    expect(await line(over)).toMatch(/nothing now<.*<span class="switch "/s)
  })
})

describe('acting without script', () => {
  test('confirming shows the effect, and a post with a reason does it and leads back', async () => {
    const fake = atFivePercent()
    const { get, post } = browse(fake)
    const html = await (await get(`${PAGE}/confirm/set_percent?percent=20`)).text()
    expect(html).toContain('5\u00a0% → 20\u00a0%')
    expect(html).toMatch(/about <b>[\d,]+ more submits a day<\/b>/)
    expect(fake.state().percent).toBe(5)
    const fields = { percent: '20', shown: hidden(html, 'shown'), version: hidden(html, 'version') }
    const without = await post(`${PAGE}/confirm/set_percent`, { ...fields, reason: ' ' })
    expect(without.status).toBe(422)
    expect(await without.text()).toContain('A reason is needed.')
    expect(fake.state().percent).toBe(5)
    const done = await post(`${PAGE}/confirm/set_percent`, { ...fields, reason: 'more traffic' })
    expect(done.status).toBe(303)
    expect(done.headers.get('location')).toBe(PAGE)
    expect(fake.state().percent).toBe(20)
  })

  test('a value whose effect was not shown is not acted on', async () => {
    const fake = atFivePercent()
    const { get, post } = browse(fake)
    const html = await (await get(`${PAGE}/confirm/set_percent?percent=6`)).text()
    const fields = { percent: '60', shown: hidden(html, 'shown'), version: hidden(html, 'version'), reason: 'oops' }
    const response = await post(`${PAGE}/confirm/set_percent`, fields)
    expect(response.status).toBe(422)
    expect(await response.text()).toContain('5\u00a0% → 60\u00a0%')
    expect(fake.state().percent).toBe(5)
  })

  test('a release that changed meanwhile is not overwritten', async () => {
    const fake = atFivePercent()
    const { get, post } = browse(fake)
    const html = await (await get(`${PAGE}/confirm/rollback`)).text()
    fake.do({ action: 'pause' }, 'token:other', 'wait')
    const fields = { shown: hidden(html, 'shown'), version: hidden(html, 'version'), reason: 'bad videos' }
    const response = await post(`${PAGE}/confirm/rollback`, fields)
    expect(response.status).toBe(412)
    expect(await response.text()).toContain('The release changed since you opened this.')
    expect(fake.state().state).toBe('canary')
  })

  test('what blocks is shown, cannot be confirmed, and can be forced', async () => {
    const fake = atFivePercent()
    const { get, post } = browse(fake)
    const blocked = await (await get(`${PAGE}/confirm/advance`)).text()
    expect(blocked).toContain('<b>50 more candidate jobs</b>')
    expect(blocked).toMatch(/<button class="button filled[^"]*" type="submit" disabled/)
    const forced = await (await get(`${PAGE}/confirm/advance?force=1`)).text()
    expect(forced).toContain('it skips what it waits for')
    const fields = { force: '1', shown: hidden(forced, 'shown'), version: hidden(forced, 'version'), reason: 'known' }
    expect((await post(`${PAGE}/confirm/advance`, fields)).status).toBe(303)
    expect(fake.state().stage).toBe('canary-20')
  })

  test('a step that every force stops at is not offered, and says what it waits for', async () => {
    const fake = atFivePercent()
    const { get } = browse(fake)
    const page = async (path = PAGE) => (await get(path)).text()
    expect(await page()).toContain('id="do-advance"')
    fake.do({ action: 'pause' }, 'token:oncall', 'lunch')
    const paused = await page()
    expect(paused).not.toContain('id="do-advance"')
    expect(paused).toMatch(/aria-disabled="true"[^>]* title="Waits for someone to resume it\.">Advance to 20/)
    expect(paused).toContain('<a class="button filled" id="do-resume"')
    expect(await page(`${PAGE}/confirm/advance`)).not.toContain('name="force"')
    fake.do({ action: 'rollback' }, 'token:oncall', 'bad')
    fake.do({ action: 'reset' }, 'token:oncall', 'again')
    const cooling = await page()
    expect(cooling).not.toContain('id="do-start"')
    expect(cooling).toMatch(/title="Waits for cool-down: [^"]+">Start</)
    expect(cooling).toMatch(/title="Nothing to roll back: control serves everybody\.">Roll back</)
    fake.nowMs += 3_600_000
    expect(await page()).toContain('id="do-start"')
  })

  test('advancing automatically becomes a change request where two people are asked for', async () => {
    const fake = new DashboardRelease({ requireReview: true })
    const { get, post } = browse(fake)
    const asked = await (await get(`${PAGE}/confirm/auto_on`)).text()
    expect(asked).toContain('It becomes a change request')
    const fields = { version: hidden(asked, 'version'), reason: 'nights off' }
    const made = await post(`${PAGE}/confirm/auto_on`, fields)
    expect([made.status, made.headers.get('location')]).toEqual([303, `${PAGE}/changes/1`])
    expect(await (await get(`${PAGE}/changes/1`)).text()).toContain('nights off')
    expect(fake.view().advance).toBe('manual')
  })

  test('whoever may not act sees no button and is refused', async () => {
    const fake = atFivePercent()
    fake.role = 'viewer'
    const { get, post } = browse(fake)
    expect(await (await get(PAGE)).text()).not.toContain('data-confirm')
    expect((await get(`${PAGE}/confirm/rollback`)).status).toBe(403)
    expect((await post(`${PAGE}/confirm/rollback`, { reason: 'x' })).status).toBe(403)
    expect((await post(`${PAGE}/config`, { section: 'raw', raw: '{}' })).status).toBe(403)
    fake.role = 'operator'
    expect((await get(`${PAGE}/confirm/auto_on`)).status).toBe(403)
  })

  test('a live change is reviewed, published, and taken back', async () => {
    const fake = atFivePercent()
    const { get, post } = browse(fake)
    const review = await post(`${PAGE}/config`, {
      section: 'thresholds',
      version: '0',
      'guardrails.0.max': '0.02',
      'guardrails.0.for_windows': '5',
      'guardrails.1.max_over_control': '0.5',
      'guardrails.1.for_windows': '5',
    })
    const html = await review.text()
    expect(html).toContain('Change this?')
    const patch = JSON.parse(hidden(html, 'patch'))
    expect(patch.guardrails[0]).toMatchObject({ metric: 'error_rate', max: 0.02, operations: ['submit', 'job'] })
    const publish = {
      section: 'publish',
      how: 'publish',
      patch: JSON.stringify(patch),
      version: '0',
      reason: 'noisy week',
    }
    expect((await post(`${PAGE}/config`, publish)).status).toBe(303)
    const after = await (await get(`${PAGE}/config`)).text()
    expect(after).toContain('1 key differs from the file')
    expect(await (await get(`${PAGE}/changes`)).text()).toContain('noisy week')
    const late = await post(`${PAGE}/config`, publish)
    expect(late.status).toBe(412)
    const back = await post(`${PAGE}/config`, { section: 'back', key: 'guardrails', version: '1' })
    expect(hidden(await back.text(), 'patch')).toBe('{"guardrails":null}')
  })

  test('a refused live change is told at its field, which keeps what was typed', async () => {
    const fake = atFivePercent()
    const { post } = browse(fake)
    const response = await post(`${PAGE}/config`, { section: 'ladder', ladder: '1, 5', bake: 'soon', min_jobs: '50' })
    const html = await response.text()
    expect(response.status).toBe(400)
    expect(html).toMatch(
      /id="field-bake"[^>]*aria-invalid="true"[^>]*value="soon"|value="soon"[^>]*aria-invalid="true"/,
    )
    expect(html).toContain('not a duration')
    const number = await post(`${PAGE}/config`, { section: 'ladder', ladder: '1, five', bake: '30m', min_jobs: '50' })
    expect(await number.text()).toContain('This is not a number.')
    const json = await post(`${PAGE}/config`, { section: 'raw', raw: '[1]' })
    expect(await json.text()).toContain('This is not a JSON object.')
    const odd = await post(`${PAGE}/config`, { section: 'raw', raw: '{"guardrails":[null],"ladder":[],"shadow":1}' })
    expect(odd.status).toBe(400)
    expect(await odd.text()).toContain('Refused, nothing was changed:')
    const kinds = await post(`${PAGE}/config`, { section: 'raw', raw: '{"bake":5,"min_jobs":"9"}' })
    const fields = await kinds.text()
    // Of the kind of what acts, so that what was refused can be mended in its field.
    expect(fields).toMatch(/type="text"[^>]*name="bake"|name="bake"[^>]*type="text"/)
    expect(fields).toMatch(/type="number"[^>]*name="min_jobs"|name="min_jobs"[^>]*type="number"/)
  })

  test('a form asks for what differs from what acts, each value in its own kind', async () => {
    const { post } = browse(atFivePercent())
    const asked = async (fields: Record<string, string>) =>
      JSON.parse(hidden(await (await post(`${PAGE}/config`, fields)).text(), 'patch'))
    const shadow = { 'shadow.sample': '0.5', 'shadow.max_in_flight': '7', 'shadow.max_jobs_per_day': '5000' }
    expect(await asked({ section: 'shadow', ...shadow, 'shadow.during_canary': '1' })).toEqual({
      shadow: { sample: 0.5, max_in_flight: 7, during_canary: true },
    })
    expect(await asked({ section: 'ladder', ladder: '5，100', bake: '10m', min_jobs: '9' })).toEqual({
      ladder: [5, 100],
      bake: '10m',
      min_jobs: 9,
    })
  })
})

describe('hostile text', () => {
  const EVIL = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`
  /** Names of releases hold no blanks and no slashes. */
  const NAME = `"><script>alert(1)`

  test('names, reasons and evidence are text wherever they stand', async () => {
    const fake = new DashboardRelease({ name: NAME })
    fake.do({ action: 'start' }, `token:${EVIL}`, EVIL)
    fake.do({ action: 'rollback' }, `token:${EVIL}`, EVIL)
    const { get } = browse(fake)
    const page = `/_sluice/releases/${encodeURIComponent(NAME)}`
    const paths = ['/_sluice/', page, `${page}/history`, `${page}/jobs`, `${page}/config`, `${page}/confirm/reset`]
    for (const path of [...paths, `/_sluice/releases/${encodeURIComponent(`${EVIL}x`)}`]) {
      const html = await (await get(path)).text()
      expect(html, path).not.toContain('<script>alert')
      expect(html, path).not.toContain('<img src=x')
      expect(html, path).toContain('&lt;script&gt;')
    }
  })

  test('values of the query never become markup', async () => {
    const { get } = browse(atFivePercent())
    const query = `of=${encodeURIComponent(EVIL)}&at=${encodeURIComponent(EVIL)}&span=${encodeURIComponent(EVIL)}`
    for (const path of [`${PAGE}?${query}`, `${PAGE}/jobs?arm=${encodeURIComponent(EVIL)}`])
      expect(await (await get(path)).text()).not.toContain('<script>alert')
  })
})
