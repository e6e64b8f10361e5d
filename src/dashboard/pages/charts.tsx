/** The four charts with their choices. The script draws them; without script the same figures stand as tables. */
import type { Child, FC } from 'hono/jsx'
import { group } from '../format.ts'
import { type Chart, CHARTED, type ChartView, figures, QUANTILES, RANGE_NAMES } from '../series.ts'
import type { Text } from '../text/index.ts'
import { ArmColumns, Head } from './parts.tsx'
import type { ReleaseContent } from './release.tsx'

type Props = Pick<ReleaseContent, 'charts' | 'choice' | 'offered' | 'drift'> & { path: string; t: Text }

export const Charts: FC<Props> = ({ charts, choice, offered, drift, path, t }) => {
  const link = (change: Partial<ChartView>, words: string, current: boolean): Child => {
    const next = { ...choice, ...change }
    const query = new URLSearchParams({ span: next.range, of: next.operation, at: next.quantile })
    return (
      <a href={`${path}?${query}#charts`} aria-current={current ? 'true' : undefined}>
        {words}
      </a>
    )
  }
  return (
    <section id="charts" aria-label={t.charts.title}>
      <div class="choices">
        <nav aria-label={t.charts.operationChoice}>
          {CHARTED.filter((op) => offered.includes(op) || op === choice.operation).map((op) =>
            link({ operation: op }, t.guardrails.operation[op], op === choice.operation),
          )}
        </nav>
        <nav aria-label={t.charts.quantileChoice}>
          {QUANTILES.map((q) => link({ quantile: q }, q, q === choice.quantile))}
        </nav>
        <nav aria-label={t.charts.range}>
          {RANGE_NAMES.map((range) => link({ range }, t.charts.ranges[range], range === choice.range))}
        </nav>
        <p class="legend">
          <span class="control">{t.arm.control}</span>
          <span class="candidate">{t.arm.candidate}</span>
        </p>
      </div>
      {(['candidate', 'control'] as const)
        .filter((arm) => drift[arm] > 0)
        .map((arm) => (
          <p class="drift wait">{t.charts.drift(t.arm[arm], group(drift[arm]))}</p>
        ))}
      {charts === null ? (
        <p class="card empty">{t.charts.unavailable}</p>
      ) : (
        <div class="grid">
          {charts.map((chart) => (
            <ChartCard chart={chart} t={t} />
          ))}
        </div>
      )}
    </section>
  )
}

const ChartCard: FC<{ chart: Chart; t: Text }> = ({ chart, t }) => {
  const drawn = chart.times.length > 0
  const { percent, s, min, h } = t.unit
  const units = { percent: percent('#'), s: s('#'), min: min('#'), h: h('#') }
  const words = { ...units, now: t.time.now, control: t.arm.control, candidate: t.arm.candidate }
  return (
    <figure class="card chart" id={`chart-${chart.id}`}>
      <figcaption>
        <span>
          <b>{chart.title}</b> {chart.limit ? <span class="limit-key">{chart.limit.words}</span> : null}
        </span>{' '}
        <span class="readout"></span>
      </figcaption>
      {drawn ? (
        <>
          <div class="plot" data-keep data-chart={JSON.stringify(chart)} data-words={JSON.stringify(words)}></div>
          <details class="figures" open>
            <summary>{t.charts.figures}</summary>
            <table>
              <thead>
                <tr>
                  <Head words={t.charts.time} />
                  <ArmColumns t={t} />
                </tr>
              </thead>
              <tbody>
                {figures(chart, 8, t).map((row) => (
                  <tr>
                    <th scope="row">{row.time}</th>
                    <td class="number control">{row.control}</td>
                    <td class="number candidate">{row.candidate}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        </>
      ) : (
        <p class="empty">{t.charts.empty}</p>
      )}
    </figure>
  )
}
