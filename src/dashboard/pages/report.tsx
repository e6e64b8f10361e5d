/** The A/B report as a page: the decision in one sentence, then everything that it rests on. */
import type { FC } from 'hono/jsx'
import type { ReportView } from '../../api/experiment.ts'
import { exact, group, wordFor } from '../format.ts'
import {
  besideWords,
  checks,
  neededWords,
  pairWords,
  reasonWords,
  reportHeadline,
  signalWords,
  sinceWords,
} from '../report-words.ts'
import type { Text } from '../text/index.ts'
import { type Frame, page, type Rendered } from './layout.tsx'
import { Card, Figures, Words } from './parts.tsx'
import { Effects } from './report-effects.tsx'
import { LiftChart, pairLift, PairPlot, scaleOf } from './report-plots.tsx'
import { TradeOff } from './report-trade-off.tsx'

const TONE = { continue: 'quiet', advance: 'good', hold: 'wait', rollback: 'bad' }
const BUCKETS_SHOWN = 3

export function reportPage(frame: Frame, report: ReportView): Rendered {
  const { t } = frame
  const { decision, reasons } = report.decision
  const api = `/_sluice/api/v1/releases/${encodeURIComponent(report.release)}/report`
  return page(
    frame,
    <main id="content" class="report">
      <header class="head">
        <div>
          <p class="crumb">
            <span>{report.release}</span>
            <span>{sinceWords(report, t)}</span>
            <span class={`badge ${TONE[decision]}`}>{t.report.decision[decision]}</span>
          </p>
          <h1>{reportHeadline(report, t)}</h1>
          <p class="lead">
            {reasons.map((reason) => (
              <>
                <Words parts={reasonWords(reason, report, t)} /> <Words parts={neededWords(reason, t)} />{' '}
              </>
            ))}
          </p>
        </div>
        <div class="actions">
          {Object.entries({ md: 'Markdown', json: 'JSON', csv: 'CSV' }).map(([extension, words]) => (
            <a class="button" href={`${api}.${extension}`}>
              {words}
            </a>
          ))}
        </div>
      </header>
      <Effects report={report} t={t} />
      <TradeOff report={report} t={t} />
      <div class="wide-narrow">
        <Series report={report} t={t} />
        <Checks report={report} t={t} />
      </div>
      <Beside report={report} t={t} />
      <div class="wide-narrow">
        <Measured report={report} t={t} />
        <Signals report={report} t={t} />
      </div>
      <p class="as-of">
        {t.live.asOf} <time datetime={report.at}>{exact(report.at)}</time>
      </p>
    </main>,
  )
}

const Series: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const series = report.series.find(({ points }) => points.length > 0)
  const name = series?.metric ?? report.series[0]?.metric ?? ''
  const mde = report.metrics.find(({ metric }) => metric === name)
  const wanted = mde?.mde ?? null
  return (
    <Card name="sofar" title={t.report.sofar(name)} note={t.report.sofarNote}>
      {series ? (
        <LiftChart
          series={series}
          mde={wanted === null ? null : mde?.direction === 'decrease' ? -wanted : wanted}
          t={t}
        />
      ) : (
        <p class="empty">{t.report.noneMeasured}</p>
      )}
    </Card>
  )
}

const Checks: FC<{ report: ReportView; t: Text }> = ({ report, t }) => (
  <Card name="readable" title={t.report.readable}>
    <ul class="checks">
      {checks(report, t).map(({ ok, words }) => (
        <li class={ok ? 'good' : 'wait'}>
          <span class="unseen">{ok ? t.report.yes : t.report.no}</span>
          <span class="words">{words}</span>
        </li>
      ))}
      {report.readiness.read_at === null ? null : (
        <li class="good">
          <span class="words">{t.report.readAt(exact(report.readiness.read_at))}</span>
        </li>
      )}
    </ul>
  </Card>
)

const Beside: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const rows = besideWords(report, t)
  if (rows.length === 0) return null
  return (
    <Card name="beside" title={t.report.beside} note={t.report.besideNote}>
      <Figures items={rows} />
    </Card>
  )
}

const Measured: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  return (
    <Card name="measured" title={t.report.measured} note={t.report.measuredNote} scrolls>
      {report.representativeness.length === 0 ? (
        <p class="empty">{t.report.noneMeasured}</p>
      ) : (
        <table>
          <tbody>
            {report.representativeness.map(({ trait, buckets, status }) => (
              <tr>
                <th scope="row">{wordFor(t.report.trait, trait)}</th>
                <td>
                  {buckets
                    .slice(0, BUCKETS_SHOWN)
                    .map(
                      (b) =>
                        `${wordFor(t.report.bucket, b.bucket)} ${group(100 * b.all)} / ${group(100 * b.candidate)}`,
                    )
                    .join(' · ')}
                </td>
                <td class="verdict">
                  <span class={`pill ${status === 'alike' ? 'good' : status === 'differs' ? 'bad' : 'quiet'}`}>
                    {t.report.status[status]}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  )
}

const Signals: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const signals = signalWords(report)
  const mdes = report.pairs.map(({ mde }) => mde)
  const scale = scaleOf(report.pairs.map(pairLift), mdes)
  return (
    <Card name="signals" title={t.report.signals} note={t.report.signalsNote}>
      {signals.length === 0 ? <p class="empty">{t.report.noSignals}</p> : <Figures items={signals} />}
      {report.pairs.length === 0 ? null : (
        <>
          <h3>
            {t.report.pairs} <small>{t.report.pairsNote}</small>
          </h3>
          <Figures
            items={report.pairs.map((pair) => ({
              name: pair.metric,
              words: (
                <>
                  <PairPlot pair={pair} scale={scale} t={t} />
                  {pairWords(pair, t)}
                </>
              ),
            }))}
          />
        </>
      )}
    </Card>
  )
}
