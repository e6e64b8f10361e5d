/** Writes each page of the dashboard, in its situations, light and dark, wide and phone, English and Chinese, to ./screenshots. */
import { mkdir } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import type * as dashboardRelease from '../support/dashboard-release.ts'
import { loadThrough } from '../support/load-tsx.ts'

interface Situation {
  anonymous?: boolean
  script?: boolean
  /** What is clicked before. */
  open?: string
  unreachableAfterLoad?: boolean
}

const FOLDER = 'screenshots'
const MINUTE = 60_000

const { module, close } = await loadThrough<typeof dashboardRelease>('/test/support/dashboard-release.ts')
const server = await module.startDashboard()
const { fake } = server
const page = `/_sluice/releases/${fake.name}`
const browser = await launchBrowser()
await mkdir(FOLDER, { recursive: true })

await shoot('login', '/_sluice/login', { anonymous: true })
await shoot('release-new', page)
healthy(fake)
await shoot('releases', '/_sluice/')
await shoot('release-healthy', page)
await shoot('release-healthy-no-script', page, { script: false })
await shoot('jobs', `${page}/jobs`)
await shoot('config', `${page}/config`)
await module.someChanges(fake)
await shoot('changes', `${page}/changes`, { open: '#version-1 summary' })
await shoot('change', `${page}/changes/3`)
await shoot('change-stale', `${page}/changes/2`)
await shoot('history', `${page}/history`)
await shoot('report', `${page}/report`)
await shoot('confirm-advance', `${page}/confirm/advance`)
await shoot('confirm-percent', `${page}/confirm/set_percent?percent=20`)
await shoot('dialog', page, { open: '#do-rollback' })
fake.role = 'viewer'
await shoot('release-viewer', page)
await shoot('no-permission', `${page}/confirm/rollback`)
fake.role = 'admin'
fake.traffic = 'failing'
fake.do({ action: 'rollback' }, 'system:guardrail', 'job error rate 7.9 % > 1 % in 5 of 5 windows')
fake.nowMs += 2 * MINUTE
await shoot('release-rolled-back', page)
server.isMuted = true
await shoot('release-stale', page, { unreachableAfterLoad: true })
server.isMuted = false
fake.unreachable = true
await shoot('unreachable', page)

await browser.close()
await server.stop()
await close()

/** At 5 % for 18 minutes, after two days of shadow. */
function healthy(at: dashboardRelease.DashboardRelease): void {
  at.do({ action: 'start' }, 'token:oncall', 'new weights 2026-11-20')
  at.nowMs += 2880 * MINUTE
  at.do({ action: 'advance', force: true }, 'system:auto', 'bake over, 212 shadow jobs, all guardrails pass')
  at.nowMs += 32 * MINUTE
  at.do({ action: 'advance', force: true }, 'token:oncall', 'quality signals fine over night')
  at.nowMs += 20 * MINUTE
  at.controller.finishedJobs = 47
  at.controller.state = { ...at.state(), clockStartedAt: at.nowMs - 18 * MINUTE }
}

async function shoot(name: string, path: string, how: Situation = {}): Promise<void> {
  for (const look of [
    { suffix: 'light', scheme: 'light', width: 1240, lang: 'en' },
    { suffix: 'dark', scheme: 'dark', width: 1240, lang: 'en' },
    { suffix: 'phone', scheme: 'light', width: 390, lang: 'en' },
    { suffix: 'zh', scheme: 'light', width: 1240, lang: 'zh' },
  ] as const) {
    await shootOne(browser, `${name}-${look.suffix}`, path, how, look)
  }
}

async function shootOne(
  from: Browser,
  name: string,
  path: string,
  how: Situation,
  look: { scheme: 'light' | 'dark'; width: number; lang: string },
): Promise<void> {
  const context = await from.newContext({
    viewport: { width: look.width, height: 900 },
    colorScheme: look.scheme,
    javaScriptEnabled: how.script ?? true,
  })
  const cookies = [{ name: 'sluice_lang', value: look.lang, url: server.url }]
  if (!how.anonymous) cookies.push({ name: 'sluice_session', value: await fake.session(), url: server.url })
  await context.addCookies(cookies)
  const tab = await context.newPage()
  await tab.goto(server.url + path)
  if (how.open) {
    await tab.click(how.open)
    await tab.waitForSelector('dialog[open], details[open]')
  }
  if (how.unreachableAfterLoad) {
    fake.unreachable = true
    await tab.waitForSelector('body.is-stale')
    fake.unreachable = false
  }
  await tab.screenshot({ path: `${FOLDER}/${name}.png`, fullPage: !how.open })
  await context.close()
}
