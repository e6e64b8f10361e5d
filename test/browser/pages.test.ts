/** The dashboard in Chromium with an in-memory release behind it: live, by dialog, by keyboard, and when things go silent. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadAxeIn, OF_COLOURS, seriousViolations } from '../support/axe.ts'
import { complaintsOf, launchBrowser, leave, PATIENCE_MS } from '../support/browser.ts'
import {
  DashboardRelease,
  type DashboardServer,
  someChanges,
  startDashboard,
  tokenOf,
} from '../support/dashboard-release.ts'

let browser: Browser
/** One for all tests that need no other window: to begin a page costs as much as most of them do. */
let shared: Page
let server: DashboardServer
let complaints: string[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  shared = await browser.newPage()
})
afterAll(() => browser.close())
beforeEach(async () => {
  server = await startDashboard()
  const { fake } = server
  fake.do({ action: 'start' }, 'token:oncall', 'new weights')
  fake.nowMs += 3_600_000
  fake.do({ action: 'advance', force: true }, 'system:auto', 'bake over')
  fake.do({ action: 'advance', force: true }, 'token:oncall', 'fine over night')
  complaints = []
})
afterEach(async () => {
  const own = browser.contexts().filter((context) => context !== shared.context())
  await Promise.all(own.map((context) => context.close()))
  if (shared.url().startsWith(server.url)) await leave(shared)
  await server.stop()
})

/** In a browser of its own where there are options. */
async function open(path: string, options?: BrowserContextOptions, lang = 'en'): Promise<Page> {
  const page = options ? await browser.newPage(options) : shared
  page.setDefaultTimeout(PATIENCE_MS)
  await page.context().addCookies([
    { name: 'sluice_session', value: await server.fake.session(), url: server.url },
    { name: 'sluice_lang', value: lang, url: server.url },
  ])
  complaints = complaintsOf(page)
  await page.goto(server.url + path)
  return page
}

async function closed(page: Page): Promise<void> {
  await page.waitForSelector('dialog:not([open])', { state: 'attached' })
}

const PAGE = '/_sluice/releases/wan22_t2v_abtest'

describe('the page of a release', () => {
  test('follows a rollback without being reloaded, and keeps what was open and focused', async () => {
    const page = await open(PAGE)
    await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }))
    await page.click('summary:has-text("How these were evaluated")')
    await page.focus('#set-percent')
    server.fake.traffic = 'failing'
    server.fake.do({ action: 'rollback' }, 'system:guardrail', 'job error rate 7.9 % > 1 %')
    await page.waitForSelector('h1:has-text("Rolled back from 5")')
    expect(await page.textContent('.lead')).toContain('7.9')
    expect(await page.title()).toContain('Rolled back')
    expect(await page.getAttribute('h1', 'aria-live')).toBe('polite')
    expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true)
    expect(await page.locator('#evidence').isVisible()).toBe(true)
    expect(complaints).toEqual([])
  })

  test('leaves alone what a pointer rests on for a moment, and the focus for good', async () => {
    const page = await open(PAGE)
    await page.focus('#toggle-shadow')
    server.fake.do({ action: 'pause' }, 'token:other', 'wait')
    await page.waitForSelector('h1:has-text("Paused.")')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('toggle-shadow')
    await page.hover('#do-rollback')
    const before = await page.locator('#do-rollback').boundingBox()
    server.fake.do({ action: 'resume' }, 'token:other', 'go on')
    await page.waitForSelector('#do-pause')
    expect(await page.locator('#do-rollback').boundingBox()).toEqual(before)
  })

  test('names the times below a chart by whole steps', async () => {
    const page = await open('/_sluice/', {})
    await page.addInitScript(() => {
      // Axes are drawn on a canvas, where nobody could read them.
      CanvasRenderingContext2D.prototype.fillText = (text) => {
        if (/^−|^now$/.test(text))
          document.documentElement.appendChild(Object.assign(document.createElement('i'), { title: text }))
      }
    })
    const named = async (range: string) => {
      await page.goto(`${server.url}${PAGE}?span=${range}`)
      await page.waitForSelector('i[title=now]', { state: 'attached' })
      return page.evaluate(() => [
        ...new Set([...document.querySelectorAll('html > i')].map((each) => each.getAttribute('title'))),
      ])
    }
    expect(await named('5m')).toEqual(['−4\u00a0min', '−2\u00a0min', 'now'])
    expect(await named('30m')).toEqual(['−30\u00a0min', '−20\u00a0min', '−10\u00a0min', 'now'])
  })

  test('draws both arms, and says a point in figures under the pointer', async () => {
    const page = await open(PAGE)
    await page.waitForFunction(() => document.querySelectorAll('.plot canvas').length === 4)
    expect(await page.locator('.chart .figures table').first().isVisible()).toBe(false)
    await page.hover('#chart-latency .plot .u-over')
    await page.waitForFunction(() =>
      /control [\d.]+.s/.test(document.querySelector('#chart-latency .readout')?.textContent ?? ''),
    )
    expect(complaints).toEqual([])
  })

  test('greys figures and tells their age when nothing is heard, and shows how to break the glass', async () => {
    const page = await open(PAGE)
    expect(await page.locator('#live-status').isVisible()).toBe(false)
    server.fake.unreachable = true
    await page.waitForSelector('body.is-stale')
    await page.waitForSelector('#live-status .break-glass:not([hidden])')
    const words = (await page.textContent('#live-status .words')) ?? ''
    expect(words).toMatch(/can’t be reached.*Figures are \d+.s old/)
    const alert = await page.textContent('#live-alert')
    expect(alert).toContain('can’t be reached')
    await page.waitForFunction((then) => document.querySelector('#live-status .words')?.textContent !== then, words)
    expect(await page.textContent('#live-alert')).toBe(alert)
    expect(await page.locator('h1').textContent()).toContain('Canary at 5')
    expect(await seriousViolations(page)).toEqual([])
    server.fake.unreachable = false
    await page.waitForSelector('body:not(.is-stale)')
  })

  test('breaks a ladder of many rungs into lines', async () => {
    await server.stop()
    const ladder = Array.from({ length: 50 }, (_, i) => (i + 1) * 2)
    server = await startDashboard(new DashboardRelease({ live: { ladder } }))
    const page = await open(PAGE)
    const wide = () => document.documentElement.scrollWidth - document.documentElement.clientWidth
    expect(await page.locator('.ladder > li').count()).toBe(52)
    expect(await page.evaluate(wide)).toBe(0)
  })
})

describe('acting', () => {
  test('shadow is set to 50 % in a dialog that shows the effect as it is typed', async () => {
    const page = await open(PAGE)
    await page.click('#set-shadow-rate')
    await page.fill('dialog input[name=sample]', '50')
    await page.waitForSelector('dialog #effect :text("100\u00a0% → 50\u00a0%")')
    expect(await seriousViolations(page)).toEqual([])
    await page.click('dialog button[type=submit]:not([data-show])')
    await page.waitForSelector('dialog[open] input[name=reason]:user-invalid')
    expect(server.fake.state().shadowSample).toBeNull()
    await page.fill('dialog input[name=reason]', 'spare the GPUs')
    await page.click('dialog button[type=submit]:not([data-show])')
    await page.waitForSelector('#toggles :text("Shadow · 50\u00a0%")')
    await closed(page)
    expect(server.fake.state().shadowSample).toBe(0.5)
    await page.waitForSelector('#history :text("spare the GPUs")')
    expect(complaints).toEqual([])
  })

  test('roll back works by keyboard alone, says what it does, and happens once', async () => {
    const page = await open(PAGE)
    await page.focus('#do-rollback')
    await page.keyboard.press('Enter')
    await page.waitForSelector('dialog[open] :text("every new submit goes to control")')
    const version = server.fake.state().version
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.waitForSelector('h1:has-text("Rolled back from 5")')
    expect(server.fake.state().version).toBe(version + 1)
    await page.keyboard.press('Tab')
    expect(complaints).toEqual([])
  })

  test('a dialog stays as it is while the release changes below, and a stale one is refused in place', async () => {
    const page = await open(PAGE)
    await page.click('#do-pause')
    await page.fill('dialog input[name=reason]', 'let me look')
    server.fake.do({ action: 'rollback' }, 'token:other', 'bad')
    await page.waitForSelector('h1:has-text("Rolled back")')
    expect(await page.inputValue('dialog input[name=reason]')).toBe('let me look')
    await page.click('dialog button[type=submit]:not([data-show])')
    await page.waitForSelector('dialog .field-error:has-text("The release changed")')
    await page.keyboard.press('Escape')
    await closed(page)
  })

  test('everything works without script', async () => {
    const page = await open(PAGE, { javaScriptEnabled: false })
    expect(await page.locator('.chart table').first().isVisible()).toBe(true)
    await page.click('#do-rollback')
    await page.fill('input[name=reason]', 'by hand')
    await page.click('button.filled')
    await page.waitForURL(`**${PAGE}`)
    expect(await page.textContent('h1')).toContain('Rolled back from 5')
  })
})

test('logging in asks again after a wrong token and then leads where one wanted to go', async () => {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  await page.goto(`${server.url}${PAGE}/jobs`)
  expect(await seriousViolations(page)).toEqual([])
  await page.fill('#token', 'wrong')
  await page.click('button')
  await page.waitForSelector('[role=alert]')
  await page.fill('#token', tokenOf('oncall'))
  await page.click('button')
  await page.waitForURL(`**${PAGE}/jobs`)
})

/** Dark pages are the light ones in other colours; a phone's have another layout, and Chinese ones other words in the same colours. */
const LOOKS = {
  light: { colorScheme: 'light', size: { width: 1280, height: 720 }, only: {} },
  dark: { colorScheme: 'dark', size: { width: 1280, height: 720 }, only: { runOnly: OF_COLOURS } },
  phone: { colorScheme: 'light', size: { width: 360, height: 740 }, only: {} },
  other: { colorScheme: 'light', size: { width: 1280, height: 720 }, only: { without: OF_COLOURS } },
} as const
const IN_LANGUAGES = [
  { lang: 'en', looks: ['light', 'dark', 'phone'] },
  { lang: 'zh', looks: ['other'] },
] as const

const PATHS = [
  '/_sluice/',
  PAGE,
  `${PAGE}/jobs`,
  `${PAGE}/history`,
  `${PAGE}/config`,
  `${PAGE}/changes`,
  `${PAGE}/changes/1`,
  `${PAGE}/changes/2`,
  `${PAGE}/report`,
  `${PAGE}/confirm/advance`,
  `${PAGE}/confirm/rollback`,
  `${PAGE}/confirm/set_percent?percent=250`,
  `${PAGE}/confirm/set_shadow`,
  `${PAGE}/confirm/auto_on`,
  `${PAGE}/none`,
]

describe.each(IN_LANGUAGES)('in $lang', ({ lang, looks }) => {
  beforeEach(() => someChanges(server.fake))

  /** Serious violations and what reaches out of the window, in every look. */
  async function faults(page: Page): Promise<string[]> {
    const found: string[] = []
    for (const look of looks) {
      const { colorScheme, size, only } = LOOKS[look]
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(size)
      const violations = await seriousViolations(page, only)
      const out = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (out > 0) violations.push(`${out} px to scroll sideways`)
      found.push(...violations.map((violation) => `${look}: ${violation}`))
    }
    return found
  }

  test('no page has a serious violation, a complaint, or something to scroll sideways', async () => {
    // The longest words of a verdict.
    const { verdicts } = server.fake.controller
    server.fake.controller.verdicts = (state) =>
      verdicts(state).map((each) => ({
        ...each,
        status: 'no_data',
        note: 'grace_over',
        evidence: { not_observed: 40, unseen: 40 },
      }))
    const page = await open(PATHS[0]!, {}, lang)
    await loadAxeIn(page.context())
    for (const path of PATHS) {
      complaints.length = 0
      await page.goto(server.url + path)
      expect.soft(await faults(page), path).toEqual([])
      const told = complaints.filter((complaint) => !complaint.includes('404'))
      expect.soft(told, path).toEqual([])
    }
  })

  test('a rolled-back release and a dialog have no serious violation', async () => {
    server.fake.traffic = 'failing'
    server.fake.do({ action: 'rollback' }, 'system:guardrail', 'job error rate 7.9 % > 1 %')
    const page = await open(PAGE, {}, lang)
    expect(await faults(page)).toEqual([])
    await page.click('#do-reset')
    await page.waitForSelector('dialog[open]')
    expect(await faults(page)).toEqual([])
  })
})

test('on a phone the words beside the report’s charts are as large as elsewhere', async () => {
  const page = await open(`${PAGE}/report`, { viewport: { width: 390, height: 800 } })
  const heights = await page.evaluate(() =>
    [...document.querySelectorAll('svg:is(.lift, .trade-off) text')].map((word) => word.getBoundingClientRect().height),
  )
  expect(heights.length).toBeGreaterThan(9)
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(12)
})

test.each([`${PAGE}/report`, PAGE])(
  '%s prints black on white, without navigation, and nothing is cut',
  async (path) => {
    // A4 at 96 dpi, less its margins; from a dark screen.
    const page = await open(path, { viewport: { width: 718, height: 1000 }, colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const found = await page.evaluate(() => {
      const isShown = (each: Element) => each.checkVisibility()
      const shown = (selector: string) => [...document.querySelectorAll(selector)].filter(isShown).length
      const colours = (selector: string) => {
        const { color, backgroundColor } = getComputedStyle(document.querySelector(selector)!)
        return [color, backgroundColor]
      }
      const cut = [...document.querySelectorAll('main *')].filter((each) => {
        const { overflowX, clipPath } = getComputedStyle(each)
        const isOut = each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        return (
          clipPath === 'none' &&
          !each.closest('.unseen') &&
          (isOut || (overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1))
        )
      })
      return {
        body: colours('body'),
        heading: colours('h1'),
        card: colours('.card')[1],
        clickable: shown('.bar, .actions, main :is(a, button)'),
        cut: cut.map((each) => `${each.tagName}.${each.getAttribute('class')}`),
        sections: shown('.card'),
      }
    })
    expect(found).toMatchObject({
      body: ['rgb(0, 0, 0)', 'rgb(255, 255, 255)'],
      heading: ['rgb(0, 0, 0)', expect.anything()],
      card: 'rgb(255, 255, 255)',
      clickable: 0,
      cut: [],
    })
    expect(found.sections).toBeGreaterThan(4)
    expect(complaints).toEqual([])
  },
)
