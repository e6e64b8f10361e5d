/** What a reader in Chromium is told when a change or its preview fails: never nothing, and never for good. */
import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { launchBrowser, leave, PATIENCE_MS } from '../support/browser.ts'
import { type DashboardServer, startDashboard, tokenOf } from '../support/dashboard-release.ts'

let browser: Browser
/** One for all tests: to begin a page costs as much as most of them do. */
let page: Page
let server: DashboardServer
let thrown: string[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('pageerror', (error) => thrown.push(error.message))
})
afterAll(() => browser.close())
beforeEach(async () => {
  server = await startDashboard()
  const { fake } = server
  fake.do({ action: 'start' }, 'token:oncall', 'new weights')
  fake.nowMs += 3_600_000
  fake.do({ action: 'advance', force: true }, 'system:auto', 'bake over')
})
afterEach(async () => {
  await page.unrouteAll()
  await leave(page)
  await server.stop()
})

const PAGE = '/_sluice/releases/wan22_t2v_abtest'
const CONFIRM = 'dialog button[type=submit]:not([data-show])'

async function open(): Promise<void> {
  await page.context().addCookies([{ name: 'sluice_session', value: await server.fake.session(), url: server.url }])
  thrown = []
  await page.goto(server.url + PAGE)
}

/** Lets everything through but what a dialog sends. */
async function failing(method: string, how: (route: Route) => Promise<void>): Promise<void> {
  await page.route('**/confirm/**', (route) => (route.request().method() === method ? how(route) : route.continue()))
}

const json = (status: number, code: string) => (route: Route) =>
  route.fulfill({ status, contentType: 'application/json', body: JSON.stringify({ error: { code, message: code } }) })
const page503 = (route: Route) =>
  route.fulfill({
    status: 503,
    contentType: 'text/html',
    body: '<main class="problem"><h1>The control plane can’t be reached.</h1></main>',
  })

test.each([
  ['an error as JSON', json(500, 'internal'), 'That did not work.'],
  ['an error as a page', page503, 'The control plane can’t be reached.'],
  ['no answer at all', (route: Route) => route.abort(), 'The control plane does not answer.'],
])('a roll back that gets %s says so, and may be tried again', async (_what, how, words) => {
  await open()
  await page.click('#do-rollback')
  await failing('POST', how)
  await page.fill('dialog input[name=reason]', 'looks bad')
  await page.click(CONFIRM)
  await page.waitForSelector(`dialog [role=alert]:has-text("${words}")`)
  expect(server.fake.state().state).toBe('canary')
  expect(await page.inputValue('dialog input[name=reason]')).toBe('looks bad')
  expect(await page.getAttribute('dialog form', 'aria-busy')).toBeNull()
  await page.unroute('**/confirm/**')
  await page.click(CONFIRM)
  await page.waitForSelector('h1:has-text("Rolled back from 1")')
  expect(thrown).toEqual([])
})

test('a session that has ended leads to the log-in, and from there back to the release', async () => {
  await open()
  await page.click('#do-rollback')
  await failing('POST', json(401, 'unauthenticated'))
  await page.click(CONFIRM)
  await page.waitForURL(`**/_sluice/login?next=${encodeURIComponent(PAGE)}&why=unsent`)
  await page.waitForSelector('[role=status]:has-text("nothing was changed")')
  await page.fill('#token', tokenOf('oncall'))
  await page.click('button')
  await page.waitForURL(`**${PAGE}`)
})

test('a page whose session has ended leads to the log-in by itself, which says so', async () => {
  await open()
  await page.context().clearCookies()
  server.fake.do({ action: 'pause' }, 'token:oncall', 'something to be shown')
  await page.waitForURL(`**/_sluice/login?next=${encodeURIComponent(PAGE)}&why=ended`)
  await page.waitForSelector('[role=status]:has-text("Your session has ended.")')
  expect(thrown).toEqual([])
})

test('a preview that fails says so and locks nothing, asked for or while typing', async () => {
  await open()
  await page.click('#set-percent')
  await failing('GET', (route) => route.abort())
  await page.click('dialog [data-show]')
  await page.waitForSelector('dialog [role=alert]:has-text("does not answer")')
  expect(await page.getAttribute('dialog form', 'aria-busy')).toBeNull()
  await page.fill('dialog input[name=percent]', '3')
  await page.waitForSelector('dialog [role=alert]')
  await page.unroute('**/confirm/**')
  await page.click('dialog [data-show]')
  await page.waitForSelector('dialog #effect :text("1\u00a0% → 3\u00a0%")')
  expect(await page.locator('dialog [role=alert]').count()).toBe(0)
  await page.fill('dialog input[name=reason]', 'a little more')
  await page.click(CONFIRM)
  await page.waitForSelector('h1:has-text("Canary at 3")')
  expect(thrown).toEqual([])
})

test('the effect of a percent beyond 100 is its refusal, and it can’t be confirmed', async () => {
  await open()
  await page.click('#set-percent')
  await page.fill('dialog input[name=percent]', '250')
  await page.click('dialog [data-show]')
  await page.waitForSelector('dialog #effect :text("A percent is a number from 0 to 100.")')
  expect(await page.isDisabled(CONFIRM)).toBe(true)
  await page.fill('dialog input[name=percent]', '25')
  await page.waitForSelector(`${CONFIRM}:enabled`)
  expect(server.fake.state().percent).toBe(1)
})
