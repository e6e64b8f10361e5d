/** A Chromium for tests: an installed one, or the one that comes as an optional package; always a fresh profile. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** For contexts and pages: what is waited for comes at once, or on a busy machine later, or because of a fault never. */
export const PATIENCE_MS = 120_000

export async function launchBrowser(): Promise<Browser> {
  // Playwright gives each launch an empty profile of its own and removes it at the end.
  return chromium.launch({ executablePath: await executable(), args: FLAGS, headless: true })
}

async function executable(): Promise<string> {
  const installed = INSTALLED.find((path) => existsSync(path))
  if (installed) return installed
  const { default: packed } = await import('@sparticuz/chromium')
  return packed.executablePath()
}

/** Off to where nothing is live, still at the same server, so that its process is kept for what is opened next. */
export async function leave(page: Page): Promise<void> {
  await page.context().clearCookies()
  await page.goto(new URL('/_sluice/login', page.url()).href)
  await page.mouse.move(0, 0)
}

/** What a page complained of: console errors, failed scripts, and violations of its policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy/i.test(message.text())) complaints.push(message.text())
  })
  return complaints
}
