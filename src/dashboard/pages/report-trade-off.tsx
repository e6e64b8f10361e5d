/** The report's picture of effect against cost: the intervals of both as one rectangle, and the field that it must lie in. */
import type { FC } from 'hono/jsx'
import type { MetricView, ReportView } from '../../api/experiment.ts'
import { liftWords, signed } from '../report-words.ts'
import type { Text } from '../text/index.ts'
import { Card, Figures } from './parts.tsx'
import type { Lift } from './report-plots.tsx'

type Interval = Omit<Lift, 'lift'>

/** One of both directions: the relative lift, and where on the way from `from` to `to` they stand. */
interface Axis {
  /** May be read at any time. */
  anytime: Interval | null
  from: number
  to: number
}

/** In pixels; across it is as wide as there is room. */
const HEIGHT = 260

/** Nothing where cost or effect is unknown. */
export const TradeOff: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const { cost, decision } = report
  const metric = report.metrics.find(({ role, relative }) => role === 'primary' && relative !== null)
  if (!metric?.relative || !cost.relative || cost.status === 'not_measured') return null
  const outcome = t.report.shown[effectShown(metric, decision.reasons)]
  const costOutcome = t.report.costShown[cost.status]
  return (
    <Card name="trade-off" title={t.report.tradeOff} note={t.report.tradeOffNote}>
      <Picture metric={metric} effect={metric.relative} cost={cost} costLift={cost.relative} t={t} />
      <Figures
        items={[
          { name: metric.metric, words: `${liftWords(metric.relative, t)} · ${outcome}` },
          { name: t.report.cost, words: `${liftWords(cost.relative, t)} · ${costOutcome}` },
        ]}
      />
    </Card>
  )
}

/** As the decision has it; before it is read, by the interval that may be read at any time. */
function effectShown(
  { metric, direction, always_valid }: MetricView,
  reasons: ReportView['decision']['reasons'],
): keyof Text['report']['shown'] {
  const code = reasons.find((reason) => reason.metric === metric)?.code
  if (code === 'primary_better') return 'better'
  if (code === 'primary_worse') return 'worse'
  const band = always_valid?.absolute
  if (code === 'not_significant' || !band || (band.low <= 0 && band.high >= 0)) return 'open'
  return band.low > 0 === (direction === 'increase') ? 'better' : 'worse'
}

const Picture: FC<{
  metric: MetricView
  effect: Lift
  cost: ReportView['cost']
  costLift: Lift
  t: Text
}> = ({ metric, effect, cost, costLift, t }) => {
  const x = axisOf(costLift, cost.always_valid, [0, cost.limit])
  const y = axisOf(effect, metric.always_valid?.relative ?? null, [0])
  const across = (value: number) => rounded(100 * placeOn(x, value))
  const isUp = metric.direction === 'increase'
  const down = (value: number) => rounded(HEIGHT * (isUp ? 1 - placeOn(y, value) : placeOn(y, value)))
  const box = (ofCost: Interval, ofEffect: Interval) => {
    const [top, bottom] = [ofEffect.low, ofEffect.high].map(down).sort((a, b) => a - b) as [number, number]
    const left = across(ofCost.low)
    return { x: `${left}%`, y: top, width: `${rounded(across(ofCost.high) - left)}%`, height: rounded(bottom - top) }
  }
  const hasAnytime = x.anytime !== null || y.anytime !== null
  return (
    <svg
      class="trade-off"
      height={HEIGHT + 44}
      role="img"
      aria-label={`${metric.metric}: ${liftWords(effect, t)}. ${t.report.cost}: ${liftWords(costLift, t)}, ${t.report.costLimit(signed(cost.limit, t))}`}
    >
      <rect class="good-field" x="0" y="0" width={`${across(cost.limit)}%`} height={down(0)} />
      <text class="good-field" x="8" y="16">
        {t.report.goodField}
      </text>
      <line class="zero" x1="0" x2="100%" y1={down(0)} y2={down(0)} />
      <line class="zero" x1={`${across(0)}%`} x2={`${across(0)}%`} y1="0" y2={HEIGHT} />
      <line class="limit" x1={`${across(cost.limit)}%`} x2={`${across(cost.limit)}%`} y1="0" y2={HEIGHT} />
      {hasAnytime ? <rect class="anytime" {...box(x.anytime ?? costLift, y.anytime ?? effect)} /> : null}
      <rect class="once" {...box(costLift, effect)} />
      <circle cx={`${across(costLift.lift)}%`} cy={down(effect.lift)} r="4.5" />
      {[y.from, 0, y.to].map((value) => (
        <text x="-8" y={down(value) + (down(value) < 8 ? 10 : 4)} text-anchor="end">
          {signed(value, t)}
        </text>
      ))}
      <text x={`${across(0)}%`} dx="4" y={HEIGHT + 16} text-anchor="end">
        {signed(0, t)}
      </text>
      <text class="limit" x={`${across(cost.limit)}%`} dx="8" y={HEIGHT + 16}>
        {signed(cost.limit, t)}
      </text>
      <text x="0" y={HEIGHT + 38}>
        {t.report.axis.better}
      </text>
      <text x="100%" y={HEIGHT + 38} text-anchor="end">
        {t.report.axis.dearer}
      </text>
    </svg>
  )
}

/** Up to both intervals and the marks, with some room; the wider interval may run out of the picture. */
function axisOf(lift: Lift, anytime: Interval | null, marks: readonly number[]): Axis {
  const more = lift.high - lift.low
  const low = Math.min(...marks, lift.low, Math.max(anytime?.low ?? lift.low, lift.low - more))
  const high = Math.max(...marks, lift.high, Math.min(anytime?.high ?? lift.high, lift.high + more))
  const room = Math.max(0.01, 0.15 * (high - low))
  return { anytime, from: low - room, to: high + room }
}

/** From 0 to 1. */
function placeOn({ from, to }: Axis, value: number): number {
  return Math.max(0, Math.min(1, (value - from) / (to - from)))
}

function rounded(at: number): number {
  return Math.round(100 * at) / 100
}
