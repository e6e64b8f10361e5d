/** The report's table: each metric and the cost of a video, with interval, lift and what they rest on. */
import type { FC } from 'hono/jsx'
import type { ReportView } from '../../api/experiment.ts'
import { effectWords, type EffectWords, signed } from '../report-words.ts'
import type { Text } from '../text/index.ts'
import { ArmColumns, Card, Head } from './parts.tsx'
import { IntervalPlot, scaleOf } from './report-plots.tsx'

export const Effects: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const rows = effectWords(report, t)
  const scale = scaleOf(
    rows.map(({ lift }) => lift),
    [...rows.flatMap(({ limit }) => limit ?? []), report.cost.limit],
  )
  return (
    <Card name="effect" title={t.report.effect} note={t.report.effectNote} scrolls>
      {report.metrics.length === 0 ? <p class="empty">{t.report.noMetrics}</p> : null}
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
          {rows.map((row) => (
            <EffectRow row={row} scale={scale} t={t} />
          ))}
        </tbody>
      </table>
    </Card>
  )
}

const EffectRow: FC<{ row: EffectWords; scale: number; t: Text }> = ({ row, scale, t }) => {
  const { lift } = row
  return (
    <tr>
      <th scope="row">
        {row.name}
        <small>{row.role ?? t.report.costRole}</small>
      </th>
      <td class="number control">
        {row.control}
        <small class="narrow">{t.arm.control}</small>
      </td>
      <td class="number candidate">
        {row.candidate}
        <small class="narrow">{t.arm.candidate}</small>
      </td>
      <td class="interval-cell">
        {lift && <IntervalPlot lift={lift} limit={row.limit} scale={scale} tone={row.tone} t={t} />}
      </td>
      <td class="number">
        {lift ? signed(lift.lift, t) : '–'}
        {lift && <small>{t.report.to(signed(lift.low, t), signed(lift.high, t))}</small>}
      </td>
      <td class="evidence">
        <small>{row.evidence}</small>
      </td>
    </tr>
  )
}
