/** Shadow copies: how many are on their way, where they get lost, and the latest pairs. */
import type { Child, FC } from 'hono/jsx'
import type { PairView, ReleaseView } from '../../api/index.ts'
import { group, latency, share, wordFor } from '../format.ts'
import type { Text } from '../text/index.ts'
import { Ago, ArmColumns, Card, Figures, Head, More } from './parts.tsx'

const PAIRS_SHOWN = 5

export const Shadow: FC<{ view: ReleaseView; pairs: PairView[] | null; nowMs: number; t: Text }> = (props) => {
  const { view, pairs, nowMs, t } = props
  const { shadow } = view
  const s = t.shadow
  const steps = Object.keys(s.funnel) as (keyof Text['shadow']['funnel'])[]
  const ofMost = (n: number, most: number): Child => (
    <>
      {group(n)} <small>{s.of(group(most))}</small>
    </>
  )
  const dropped = Object.entries(shadow.dropped).filter(([, n]) => n > 0)
  return (
    <Card name="shadow" title={s.title} note={shadow.active ? s.on(share(shadow.sample, t)) : s.off} id="shadow">
      <div class="three">
        <div>
          <h3>{s.copies}</h3>
          <Figures
            items={[
              { name: s.inFlight, words: ofMost(shadow.in_flight, shadow.max_in_flight) },
              { name: s.today, words: ofMost(shadow.today, shadow.max_jobs_per_day) },
            ]}
          />
          <h3>
            {s.copies} <small>{s.allRuns}</small>
          </h3>
          <Figures items={steps.map((step) => ({ name: s.funnel[step], words: group(shadow.funnel[step]) }))} />
        </div>
        <div>
          <h3>
            {s.dropped} <small>{s.allRuns}</small>
          </h3>
          {dropped.length === 0 ? (
            <p class="empty">{s.droppedNone}</p>
          ) : (
            <Figures
              items={dropped.map(([reason, n]) => ({
                name: wordFor(s.reason, reason, reason.replaceAll('_', ' ')),
                words: group(n),
              }))}
            />
          )}
        </div>
        <div>
          <h3>{s.pairs}</h3>
          {!pairs || pairs.length === 0 ? (
            <p class="empty">{pairs === null ? s.pairsUnavailable : s.pairsNone}</p>
          ) : (
            <Pairs pairs={pairs.slice(0, PAIRS_SHOWN)} release={view.name} nowMs={nowMs} t={t} />
          )}
        </div>
      </div>
    </Card>
  )
}

const Pairs: FC<{ pairs: PairView[]; release: string; nowMs: number; t: Text }> = ({ pairs, release, nowMs, t }) => {
  const side = (job: PairView['control']): string =>
    job.seconds === null ? wordFor(t.jobs.statuses, job.status) : latency(job.seconds, t)
  return (
    <>
      <table class="pairs">
        <thead>
          <tr>
            <Head words="" />
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
      <More href={`/_sluice/api/v1/releases/${encodeURIComponent(release)}/pairs`} words={t.shadow.allPairs} />
    </>
  )
}
