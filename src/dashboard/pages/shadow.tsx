/** Shadow copies: how many are on their way, where they get lost, and the latest pairs. */
import type { FC } from 'hono/jsx'
import type { PairView, ReleaseView } from '../../api/index.ts'
import { group, latency, share } from '../format.ts'
import type { Text } from '../text/en.ts'
import { ArmColumns } from './arm-columns.tsx'
import { Ago } from './layout.tsx'

const PAIRS_SHOWN = 5

export const Shadow: FC<{ view: ReleaseView; pairs: PairView[] | null; nowMs: number; t: Text }> = (props) => {
  const { view, pairs, nowMs, t } = props
  const { shadow } = view
  const s = t.shadow
  const dropped = Object.entries(shadow.dropped).filter(([, n]) => n > 0)
  return (
    <section class="card" aria-labelledby="shadow-title" id="shadow">
      <h2 id="shadow-title">
        {s.title} <small>{shadow.active ? s.on(share(shadow.sample, t)) : s.off}</small>
      </h2>
      <div class="three">
        <div>
          <h3>{s.copies}</h3>
          <dl class="figures-list">
            <Figure name={s.inFlight} value={group(shadow.in_flight)} of={s.of(group(shadow.max_in_flight))} />
            <Figure name={s.today} value={group(shadow.today)} of={s.of(group(shadow.max_jobs_per_day))} />
            {(Object.keys(s.funnel) as (keyof Text['shadow']['funnel'])[]).map((step) => (
              <Figure name={s.funnel[step]} value={group(shadow.funnel[step])} />
            ))}
          </dl>
        </div>
        <div>
          <h3>{s.dropped}</h3>
          {dropped.length === 0 ? (
            <p class="empty">{s.droppedNone}</p>
          ) : (
            <dl class="figures-list">
              {dropped.map(([reason, n]) => (
                <Figure name={reasonWords(reason, t)} value={group(n)} />
              ))}
            </dl>
          )}
        </div>
        <div>
          <h3>{s.pairs}</h3>
          {!pairs || pairs.length === 0 ? (
            <p class="empty">{s.pairsNone}</p>
          ) : (
            <Pairs pairs={pairs.slice(0, PAIRS_SHOWN)} release={view.name} nowMs={nowMs} t={t} />
          )}
        </div>
      </div>
    </section>
  )
}

const Figure: FC<{ name: string; value: string; of?: string }> = ({ name, value, of }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      {value} {of ? <small>{of}</small> : null}
    </dd>
  </div>
)

function reasonWords(reason: string, t: Text): string {
  const known = t.shadow.reason
  return Object.hasOwn(known, reason) ? known[reason as keyof typeof known] : reason.replaceAll('_', ' ')
}

function statusWords(status: string, t: Text): string {
  const known = t.jobs.statuses
  return Object.hasOwn(known, status) ? known[status as keyof typeof known] : status
}

const Pairs: FC<{ pairs: PairView[]; release: string; nowMs: number; t: Text }> = ({ pairs, release, nowMs, t }) => {
  const side = (job: PairView['control']): string =>
    job.seconds === null ? statusWords(job.status, t) : latency(job.seconds, t)
  return (
    <>
      <table class="pairs">
        <thead>
          <tr>
            <td></td>
            <ArmColumns t={t} />
          </tr>
        </thead>
        <tbody>
          {pairs.map((pair) => (
            <tr>
              <th scope="row">
                <Ago at={pair.at} nowMs={nowMs} t={t} />
              </th>
              <td class="number control" title={pair.control.id}>
                {side(pair.control)}
              </td>
              <td class="number candidate" title={pair.candidate.id}>
                {side(pair.candidate)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="more">
        <a href={`/_sluice/api/v1/releases/${encodeURIComponent(release)}/pairs`}>{t.shadow.allPairs}</a>
      </p>
    </>
  )
}
