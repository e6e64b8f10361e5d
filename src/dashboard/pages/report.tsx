/** The A/B report as a page: the decision in one sentence, then everything that it rests on. */
import type { FC } from 'hono/jsx'
import type { MetricView, ReportView } from '../../control/api-experiment.ts'
import { exact, group, percent, significant, span } from '../format.ts'
import { checks, estimateWords, evidenceWords, reasonWords, reportHeadline, signed, toneOf } from '../report-words.ts'
import type { Text } from '../text/en.ts'
import { type Frame, page, type Rendered, Words } from './layout.tsx'
import { IntervalPlot, type Lift, LiftChart, scaleOf } from './report-plots.tsx'

const TONE = { continue: 'quiet', advance: 'good', hold: 'wait', rollback: 'bad' }
const BUCKETS_SHOWN = 3

export function reportPage(frame: Frame, report: ReportView): Rendered {
  const { t } = frame
  const { decision, reasons } = report.decision
  const json = `/_sluice/api/v1/releases/${encodeURIComponent(report.release)}/report.json`
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
                <Words parts={reasonWords(reason, report, t)} />{' '}
              </>
            ))}
          </p>
        </div>
        <div class="actions">
          <a class="button" href={json}>
            JSON
          </a>
        </div>
      </header>
      <Effects report={report} t={t} />
      <div class="wide-narrow">
        <Series report={report} t={t} />
        <Checks report={report} t={t} />
      </div>
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

function sinceWords({ percent: split, since, until, at }: ReportView, t: Text): string {
  if (split === null || since === null) return t.report.never
  const seconds = (Date.parse(until ?? at) - Date.parse(since)) / 1000
  return t.report.since(percent(split, t), span(seconds, t))
}

const Effects: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const { metrics, cost } = report
  const limits = metrics.map(limitOf)
  const known = [...limits, cost.limit].filter((limit) => limit !== null)
  const scale = scaleOf([...metrics.map(({ relative }) => relative), cost.relative], known)
  return (
    <section class="card scroll" tabindex={0} aria-labelledby="effect-title">
      <h2 id="effect-title">
        {t.report.effect} <small>{t.report.effectNote}</small>
      </h2>
      {metrics.length === 0 ? <p class="empty">{t.report.noMetrics}</p> : null}
      <table>
        <thead>
          <tr>
            <td></td>
            <th scope="col" class="number">
              {t.arm.control}
            </th>
            <th scope="col" class="number">
              {t.arm.candidate}
            </th>
            <th scope="col">
              <span class="unseen">{t.report.interval}</span>
            </th>
            <th scope="col" class="number">
              {t.report.lift}
            </th>
            <th scope="col">
              <span class="unseen">{t.report.evidence}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {metrics.map((metric, i) => (
            <EffectRow
              name={metric.metric}
              kind={t.report.role[metric.role]}
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
              control={cost.control === null ? '–' : significant(cost.control)}
              candidate={cost.candidate === null ? '–' : significant(cost.candidate)}
              lift={cost.relative}
              limit={cost.limit}
              scale={scale}
              tone={cost.status === 'too_dear' ? 'bad' : 'quiet'}
              evidence={t.report.costLimit(signed(cost.limit, t))}
              t={t}
            />
          )}
        </tbody>
      </table>
    </section>
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
    <td class="number control">{control}</td>
    <td class="number candidate">{candidate}</td>
    <td>{lift ? <IntervalPlot lift={lift} limit={limit} scale={scale} tone={tone} t={t} /> : null}</td>
    <td class="number">
      {lift ? signed(lift.lift, t) : '–'}
      {lift ? <small>{t.report.to(signed(lift.low, t), signed(lift.high, t))}</small> : null}
    </td>
    <td>
      <small>{evidence}</small>
    </td>
  </tr>
)

const Series: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const series = report.series.find(({ points }) => points.length > 0)
  const name = series?.metric ?? report.series[0]?.metric ?? ''
  const mde = report.metrics.find(({ metric }) => metric === name)
  const wanted = mde?.mde ?? null
  return (
    <section class="card" aria-labelledby="sofar-title">
      <h2 id="sofar-title">
        {t.report.sofar(name)} <small>{t.report.sofarNote}</small>
      </h2>
      {series ? (
        <LiftChart
          series={series}
          mde={wanted === null ? null : mde?.direction === 'decrease' ? -wanted : wanted}
          t={t}
        />
      ) : (
        <p class="empty">{t.report.noneMeasured}</p>
      )}
    </section>
  )
}

const Checks: FC<{ report: ReportView; t: Text }> = ({ report, t }) => (
  <section class="card" aria-labelledby="readable-title">
    <h2 id="readable-title">{t.report.readable}</h2>
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
  </section>
)

const Measured: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const words = t.report.bucket
  const name = (bucket: string) => (Object.hasOwn(words, bucket) ? words[bucket as keyof typeof words] : bucket)
  const traits = t.report.trait
  return (
    <section class="card scroll" tabindex={0} aria-labelledby="measured-title">
      <h2 id="measured-title">
        {t.report.measured} <small>{t.report.measuredNote}</small>
      </h2>
      {report.representativeness.length === 0 ? (
        <p class="empty">{t.report.noneMeasured}</p>
      ) : (
        <table>
          <tbody>
            {report.representativeness.map(({ trait, buckets, status }) => (
              <tr>
                <th scope="row">{Object.hasOwn(traits, trait) ? traits[trait as keyof typeof traits] : trait}</th>
                <td>
                  {buckets
                    .slice(0, BUCKETS_SHOWN)
                    .map((b) => `${name(b.bucket)} ${group(100 * b.all)} / ${group(100 * b.candidate)}`)
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
    </section>
  )
}

const Signals: FC<{ report: ReportView; t: Text }> = ({ report, t }) => {
  const byMetric = [...Map.groupBy(report.signals, ({ metric }) => metric)]
  const mean = (its: ReportView['signals'], arm: 'control' | 'candidate') => {
    const found = its.find((each) => each.arm === arm)
    return found ? significant(found.mean) : '–'
  }
  return (
    <section class="card" aria-labelledby="signals-title">
      <h2 id="signals-title">
        {t.report.signals} <small>{t.report.signalsNote}</small>
      </h2>
      {byMetric.length === 0 ? (
        <p class="empty">{t.report.noSignals}</p>
      ) : (
        <dl class="figures-list">
          {byMetric.map(([metric, its]) => (
            <div>
              <dt>{metric}</dt>
              <dd>{`${mean(its, 'control')} → ${mean(its, 'candidate')}`}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}
