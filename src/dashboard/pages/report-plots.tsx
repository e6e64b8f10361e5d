/** The report's two drawings as SVG, without script: an interval per metric, and a lift with its band by day. */
import type { FC } from 'hono/jsx'
import type { MetricView, PairsView, ReportView } from '../../api/experiment.ts'
import { liftWords, signed } from '../report-words.ts'
import type { Text } from '../text/index.ts'

export type Lift = NonNullable<MetricView['relative']>

const WIDTH = 260
const MIDDLE = 12

/** One scale for all rows, so that they may be compared: up to the farthest end, at most ± 100 %. */
export function scaleOf(lifts: readonly (Lift | null)[], limits: readonly number[]): number {
  const ends = lifts.flatMap((each) => (each ? [Math.abs(each.low), Math.abs(each.high)] : []))
  return Math.min(1, Math.max(0.02, ...ends, ...limits.map(Math.abs)) * 1.1)
}

/** Of shadow pairs: the difference that may be read at any time, relative to control's mean, and what is worth finding. */
export const PairPlot: FC<{ pair: PairsView; scale: number; t: Text }> = ({ pair, scale, t }) => {
  const lift = pairLift(pair)
  const tone = pair.outcome === 'better' ? 'good' : pair.outcome === 'worse' ? 'bad' : 'quiet'
  const limit = pair.better === 'more' ? -pair.mde : pair.mde
  return lift && <IntervalPlot lift={lift} limit={limit} scale={scale} tone={tone} t={t} />
}

export function pairLift({ difference, always_valid, control }: PairsView): Lift | null {
  if (!difference || control === 0) return null
  const { low, high } = always_valid ?? difference
  const size = Math.abs(control)
  return { lift: difference.lift / size, low: low / size, high: high / size }
}

export const IntervalPlot: FC<{ lift: Lift; limit: number | null; scale: number; tone: string; t: Text }> = (props) => {
  const { lift, limit, scale, tone, t } = props
  const x = (value: number) => (WIDTH / 2) * (1 + Math.max(-1, Math.min(1, value / scale)))
  return (
    <svg
      class={`interval ${tone}`}
      viewBox={`0 0 ${WIDTH} 24`}
      width={WIDTH}
      height="24"
      role="img"
      aria-label={liftWords(lift, t)}
    >
      <line class="zero" x1={x(0)} x2={x(0)} y1="0" y2="24" />
      {limit === null ? null : <line class="limit" x1={x(limit)} x2={x(limit)} y1="2" y2="22" />}
      <line class="range" x1={x(lift.low)} x2={x(lift.high)} y1={MIDDLE} y2={MIDDLE} />
      <circle cx={x(lift.lift)} cy={MIDDLE} r="4.5" />
    </svg>
  )
}

/** In pixels, but for `across`: the drawing is stretched to the width that there is, the words keep their size. */
const CHART = { height: 220, top: 10, bottom: 26, across: 1000 }

export const LiftChart: FC<{ series: ReportView['series'][number]; mde: number | null; t: Text }> = (props) => {
  const { series, mde, t } = props
  const { points } = series
  // The first days' bands are so wide that the rest would be a line: they run out of the picture.
  const last = points.at(-1)!
  const reach = Math.max(0.02, 3 * (last.high - last.low), Math.abs(mde ?? 0) * 1.3)
  const [floor, ceiling] = [Math.min(0, last.lift) - reach / 2, Math.max(0, last.lift, mde ?? 0) + reach / 2]
  const inside = CHART.height - CHART.top - CHART.bottom
  const x = (i: number) => (points.length > 1 ? (i / (points.length - 1)) * CHART.across : CHART.across / 2)
  const y = (value: number) => inside * (1 - (Math.max(floor, Math.min(ceiling, value)) - floor) / (ceiling - floor))
  const path = (of: (point: (typeof points)[number]) => number) =>
    points.map((point, i) => `${x(i).toFixed(1)},${y(of(point)).toFixed(1)}`)
  const band = [...path(({ high }) => high), ...path(({ low }) => low).reverse()].join(' ')
  return (
    <svg
      class="lift"
      height={CHART.height}
      role="img"
      aria-label={`${t.report.sofar(series.metric)}: ${liftWords(last, t)}`}
    >
      {[floor, 0, ceiling].map((value) => (
        <text x="-8" y={CHART.top + y(value) + 4} text-anchor="end">
          {signed(value, t)}
        </text>
      ))}
      <svg
        class="drawing"
        y={CHART.top}
        width="100%"
        height={inside}
        viewBox={`0 0 ${CHART.across} ${inside}`}
        preserveAspectRatio="none"
      >
        {[floor, 0, ceiling].map((value) => (
          <line class="zero" x1="0" x2={CHART.across} y1={y(value)} y2={y(value)} />
        ))}
        <polygon class="band" points={band} />
        <polyline class="line" points={path(({ lift }) => lift).join(' ')} />
        {points.length === 1 ? <path class="dot" d={`M${x(0)} ${y(last.lift)}h0`} /> : null}
        {mde === null ? null : <line class="limit" x1="0" x2={CHART.across} y1={y(mde)} y2={y(mde)} />}
      </svg>
      {mde === null ? null : (
        <text class="limit" x="100%" y={CHART.top + y(mde) + 16} text-anchor="end">
          {t.report.hypothesis(signed(mde, t))}
        </text>
      )}
      <text x="0" y={CHART.height - 6}>
        {points[0]!.day}
      </text>
      {points.length > 1 ? (
        <text x="100%" y={CHART.height - 6} text-anchor="end">
          {last.day}
        </text>
      ) : null}
    </svg>
  )
}
