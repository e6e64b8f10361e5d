/** The report's picture of effect against cost: where its rectangles lie, and what is said of them. */
import { html } from 'hono/html'
import { expect, test } from 'vitest'
import type { ReportView } from '../../src/api/experiment.ts'
import { PairPlot, pairLift } from '../../src/dashboard/pages/report-plots.tsx'
import { TradeOff } from '../../src/dashboard/pages/report-trade-off.tsx'
import { en } from '../../src/dashboard/text/index.ts'
import { seconds } from '../core/experiment-fixtures.ts'
import { aReport } from '../support/report-view.ts'

const drawn = async (report: ReportView) => String(await html`${TradeOff({ report, t: en })}`).replaceAll('\u00a0', ' ')

/** Left, right, top and bottom of one kind of rectangle: across in per cent, down in pixels. */
function rectangle(svg: string, kind: string) {
  const [, x, y, width, height] = new RegExp(
    `<rect class="${kind}" x="([\\d.]+)%?" y="([\\d.]+)" width="([\\d.]+)%" height="([\\d.]+)"`,
  )
    .exec(svg)!
    .map(Number) as [number, number, number, number, number]
  return { left: x, right: x + width, top: y, bottom: y + height }
}

test('too expensive a candidate lies beyond the limit, and is said to', async () => {
  const svg = await drawn(aReport('r1'))
  const field = rectangle(svg, 'good-field')
  expect(rectangle(svg, 'once').left).toBeGreaterThan(field.right)
  expect(rectangle(svg, 'once').bottom).toBeLessThan(field.bottom)
  expect(svg).toContain('+8.7 % (+6.9 % to +10.5 %) · shown to be better')
  expect(svg).toContain('+36.1 % (+35.8 % to +36.3 %) · above the limit')
})

test('a good one lies in the good field with all that may be true of it', async () => {
  const svg = await drawn(aReport('r1', { gpuSeconds: { control: seconds(61), candidate: seconds(64) } }))
  const [field, once, anytime] = ['good-field', 'once', 'anytime'].map((kind) => rectangle(svg, kind))
  expect(anytime!.right).toBeLessThan(field!.right)
  expect(anytime!.bottom).toBeLessThan(field!.bottom)
  expect(anytime!.left).toBeLessThanOrEqual(once!.left)
  expect(anytime!.top).toBeLessThan(once!.top)
  expect(svg).toContain('· within the limit')
})

test('better is up also where less is better', async () => {
  const report = aReport('r1')
  const flipped = (lift: { lift: number; low: number; high: number } | null) =>
    lift && { lift: -lift.lift, low: -lift.high, high: -lift.low }
  const metrics = report.metrics.map((metric) => {
    const { always_valid, absolute, relative } = metric
    return {
      ...metric,
      direction: 'decrease' as const,
      absolute: flipped(absolute),
      relative: flipped(relative),
      always_valid: always_valid && { ...always_valid, relative: null },
    }
  })
  const svg = await drawn({ ...report, metrics })
  expect(rectangle(svg, 'once').bottom).toBeLessThan(rectangle(svg, 'good-field').bottom)
  expect(svg).toContain('−8.7 %')
})

test('before it is read, effect and cost are open as long as an interval may reach over the line', async () => {
  const report = aReport('r1')
  const [play, ...more] = report.metrics
  const band = {
    p_value: 0.4,
    p_adjusted: null,
    absolute: { low: -0.01, high: 0.1 },
    relative: { low: -0.02, high: 0.2 },
  }
  const svg = await drawn({
    ...report,
    decision: { ...report.decision, reasons: [] },
    metrics: [{ ...play!, always_valid: band }, ...more],
    cost: { ...report.cost, always_valid: { low: 0.1, high: 0.6 }, status: 'unproven' },
  })
  expect(svg).toContain('· no effect shown')
  expect(svg).toContain('· not yet shown to be within')
  const [field, anytime] = ['good-field', 'anytime'].map((kind) => rectangle(svg, kind))
  expect(anytime!.bottom).toBeGreaterThan(field!.bottom)
  expect(anytime!.left).toBeLessThan(rectangle(svg, 'once').left)
})

test('without a price or a primary metric there is nothing to draw', async () => {
  expect(await drawn(aReport('r1', { costPerGpuSecond: { control: null, candidate: null } }))).toBe('')
  const report = aReport('r1')
  expect(await drawn({ ...report, metrics: report.metrics.filter(({ role }) => role !== 'primary') })).toBe('')
})

test('a metric of shadow pairs is drawn relative to control, by the interval that may be read at any time', async () => {
  const [pair] = aReport('r1').pairs
  const { low, high } = pair!.always_valid!
  expect(pairLift(pair!)).toEqual({ lift: pair!.difference!.lift / 0.91, low: low / 0.91, high: high / 0.91 })
  const svg = String(await html`${PairPlot({ pair: pair!, scale: 0.1, t: en })}`)
  const at = (kind: string) => Number(new RegExp(`class="${kind}" x1="([\\d.]+)"`).exec(svg)![1])
  // More of it is better: what would be worse lies to the left of what is worth finding.
  expect(at('limit')).toBeLessThan(at('range'))
  expect(at('range')).toBeLessThan(at('zero'))
  expect(svg).toContain('class="interval bad"')
  expect(pairLift({ ...pair!, control: 0 })).toBeNull()
})
