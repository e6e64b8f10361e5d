/** The report's table: each metric and the cost of a video, with interval, lift and what they rest on. */
import type { FC } from 'hono/jsx'
import type { MetricView, ReportView } from '../../api/experiment.ts'
import { significant } from '../format.ts'
import { estimateWords, evidenceWords, roleWords, signed, toneOf } from '../report-words.ts'
import type { Text } from '../text/index.ts'
import { ArmColumns, Card, Head } from './parts.tsx'
import { IntervalPlot, type Lift, scaleOf } from './report-plots.tsx'

export const Effects: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const { metrics, cost } = report
  const limits = metrics.map(limitOf)
  const known = [...limits, cost.limit].filter((limit) => limit !== null)
  const scale = scaleOf([...metrics.map(({ relative }) => relative), cost.relative], known)
  return (
    <Card name="effect" title={t.report.effect} note={t.report.effectNote} scrolls>
      {metrics.length === 0 ? <p class="empty">{t.report.noMetrics}</p> : null}
      <table class="effects stacked">
        <thead>
          <tr>
            <Head words="" />
            <ArmColumns t={t} />
            <Head words={t.report.interval} unseen />
            <Head words={t.report.lift} look="number" />
            <Head words={t.report.evidence} unseen />
          </tr>
        </thead>
        <tbody>
          {metrics.map((metric, i) => (
            <EffectRow
              name={metric.metric}
              kind={roleWords(metric, t)}
              control={estimateWords(metric.control.estimate, metric.kind, t)}
              candidate={estimateWords(metric.candidate.estimate, metric.kind, t)}
              lift={metric.relative}
              limit={limits[i] ?? null}
              scale={scale}
              tone={toneOf(metric)}
              evidence={evidenceWords(metric, t)}
              t={t}
            />
          ))}
          {cost.control === null && cost.candidate === null ? null : (
            <EffectRow
              name={t.report.cost}
              kind={t.report.costRole}
              control={significant(cost.control ?? NaN)}
              candidate={significant(cost.candidate ?? NaN)}
              lift={cost.relative}
              limit={cost.limit}
              scale={scale}
              tone={cost.status === 'cost_exceeded' ? 'bad' : 'quiet'}
              evidence={t.report.costLimit(signed(cost.limit, t))}
              t={t}
            />
          )}
        </tbody>
      </table>
    </Card>
  )
}

/** The side of the margin on which a guardrail metric would be worse. */
function limitOf({ non_inferiority: shown, direction }: MetricView): number | null {
  return shown ? (direction === 'increase' ? -shown.margin : shown.margin) : null
}

const EffectRow: FC<{
  name: string
  kind: string
  control: string
  candidate: string
  lift: Lift | null
  limit: number | null
  scale: number
  tone: string
  evidence: string
  t: Text
}> = ({ name, kind, control, candidate, lift, limit, scale, tone, evidence, t }) => (
  <tr>
    <th scope="row">
      {name}
      <small>{kind}</small>
    </th>
    <td class="number control">
      {control}
      <small class="narrow">{t.arm.control}</small>
    </td>
    <td class="number candidate">
      {candidate}
      <small class="narrow">{t.arm.candidate}</small>
    </td>
    <td class="interval-cell">
      {lift ? <IntervalPlot lift={lift} limit={limit} scale={scale} tone={tone} t={t} /> : null}
    </td>
    <td class="number">
      {lift ? signed(lift.lift, t) : '–'}
      {lift ? <small>{t.report.to(signed(lift.low, t), signed(lift.high, t))}</small> : null}
    </td>
    <td class="evidence">
      <small>{evidence}</small>
    </td>
  </tr>
)
