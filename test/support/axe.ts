/** Accessibility of a page as axe-core sees it: what is serious or worse, as `rule: element`. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type axe from 'axe-core'
import type { BrowserContext, Page } from 'playwright-core'

type WithAxe = typeof globalThis & { axe?: typeof axe }

const SCRIPT = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Where many pages are looked at: each begins with axe, which costs a third of sending it to every one. */
export function loadAxeIn(context: BrowserContext): Promise<unknown> {
  return context.addInitScript(SCRIPT)
}

/** The rules that look at colours. Where a page differs by its colours only from one that was looked at, these suffice. */
export const OF_COLOURS = ['color-contrast', 'link-in-text-block']

/** By all rules that axe has switched on, by these, or by all but these. */
export async function seriousViolations(
  page: Page,
  { runOnly, without = [] }: { runOnly?: readonly string[]; without?: readonly string[] } = {},
): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(SCRIPT)
  const options: axe.RunOptions = {
    resultTypes: ['violations'],
    rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])),
    ...(runOnly && { runOnly: { type: 'rule', values: [...runOnly] } }),
  }
  const { violations } = await page.evaluate((given) => (globalThis as WithAxe).axe!.run(document, given), options)
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
    )
}
