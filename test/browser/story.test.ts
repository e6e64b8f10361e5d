/**
 * The release manager's night in Chromium, over the real gateway with two demo backends: log in, start, set shadow,
 * advance, a fault, the rollback that comes by itself, its reason, reset. One page, never reloaded.
 */
import type { Browser, Page } from 'playwright-core'
import { parse } from 'smol-toml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Backends, evenSubjects, RELEASE, releaseVars, startBackends } from '../../demo/setup.ts'
import { runTraffic } from '../../demo/traffic.ts'
import { seriousViolations } from '../support/axe.ts'
import { complaintsOf, launchBrowser, PATIENCE_MS } from '../support/browser.ts'
import { Gateway, tokenOf } from '../support/processes.ts'

let backends: Backends
let gateway: Gateway
let browser: Browser
let traffic: Promise<unknown>
const stopping = new AbortController()

interface Demo {
  vars: Record<'SLUICE' | 'RELEASE_WAN22', Record<string, unknown>>
}

beforeAll(async () => {
  backends = await startBackends(1)
  const { vars } = parse(releaseVars(backends, { advance: 'manual', bake: '10m' })) as unknown as Demo
  gateway = new Gateway({ sluice: vars.SLUICE, releases: { WAN22: vars.RELEASE_WAN22 } })
  await gateway.start()
  const subjects = evenSubjects(100)
  traffic = runTraffic({ gatewayUrl: gateway.url, ratePerSecond: 5, subjects, signal: stopping.signal, pollMs: 500 })
  browser = await launchBrowser()
})
afterAll(async () => {
  stopping.abort()
  await browser?.close()
  await traffic
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

const PATH = `/_sluice/releases/${RELEASE}`

/** Opens a dialog, optionally changes it, gives a reason and confirms. */
async function confirm(page: Page, opener: string, reason: string, change?: () => Promise<void>): Promise<string> {
  await page.click(opener)
  await page.waitForSelector('dialog[open]')
  await change?.()
  await page.fill('dialog input[name=reason]', reason)
  const effect = (await page.textContent('dialog #effect')) ?? ''
  await page.click('dialog button[type=submit]:not([data-show]):enabled')
  await page.waitForSelector('dialog:not([open])', { state: 'attached' })
  return effect
}

async function advance(page: Page, to: string): Promise<void> {
  await confirm(page, '#do-advance', `on to ${to}`, async () => {
    await page.check('dialog input[name=force]')
    await page.waitForSelector('dialog #effect :text("skips what it waits for")')
  })
  await page.waitForSelector(`h1:has-text("Canary at ${to}")`)
}

test('one night, from log-in to reset, on one page', { timeout: 600_000 }, async () => {
  const page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const complaints = complaintsOf(page)
  await page.goto(gateway.url + PATH)
  await page.fill('#token', tokenOf('admin'))
  await page.click('form button')
  await page.waitForSelector('h1:has-text("Not started.")')
  await page.waitForLoadState('load')
  await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }))

  await confirm(page, '#do-start', 'new weights')
  await page.waitForSelector('h1:has-text("Shadow, 100")')
  const effect = await confirm(page, '#set-shadow-rate', 'spare the GPUs', async () => {
    await page.fill('dialog input[name=sample]', '50')
    await page.waitForSelector('dialog #effect :text("100\u00a0% → 50\u00a0%")')
  })
  expect(effect).toContain('100\u00a0% → 50\u00a0%')
  await page.waitForSelector('h1:has-text("Shadow, 50")')
  await page.waitForSelector('#guardrails .pill.good')
  await advance(page, '1')
  await advance(page, '5')
  await advance(page, '20')
  const figures = page.locator('#guardrails td.candidate')
  await figures
    .filter({ hasText: /^\s*0\s%/ })
    .first()
    .waitFor()
  expect(await seriousViolations(page)).toEqual([])

  const fault = await fetch(`${backends.candidate.url}/__demo/faults`, {
    method: 'POST',
    body: JSON.stringify({ job_failure_rate: 0.6, error_rate: 0.3 }),
  })
  expect(fault.ok).toBe(true)
  await page.waitForSelector('h1:has-text("Rolled back from 20\u00a0%, automatically.")')
  expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true)
  const reason = (await page.textContent('#history li:has(b.bad) q')) ?? ''
  expect(reason).toMatch(/error rate [\d.]+ %/)
  expect(await page.textContent('.lead')).toMatch(/candidate was [\d.]+\s% \(limit/)
  await page.waitForSelector('#judged[open] #evidence')
  expect(await seriousViolations(page)).toEqual([])

  await confirm(page, '#do-reset', 'weights taken back')
  await page.waitForSelector('h1:has-text("Not started.")')
  expect(await page.textContent('#history')).toContain('weights taken back')
  expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true)

  for (const path of ['/_sluice/', `${PATH}/jobs`, `${PATH}/history`, `${PATH}/config`]) {
    await page.goto(gateway.url + path)
    expect(await seriousViolations(page), path).toEqual([])
  }
  expect(await page.textContent('.who')).toContain('admin')
  expect(complaints).toEqual([])
})
