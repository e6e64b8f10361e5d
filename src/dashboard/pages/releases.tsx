/** All releases, one line each, worded as on their own pages; first those of which nothing could be read. */
import type { FC } from 'hono/jsx'
import type { ReleasesView, ReleaseView, SilentRelease } from '../../api/index.ts'
import { modelNames, placeName, span } from '../format.ts'
import { headline } from '../headline.ts'
import type { DashboardPort, LastKnown } from '../port.ts'
import { refusalWords } from '../refusal-words.ts'
import type { Text } from '../text/index.ts'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago } from './parts.tsx'
import { ForcedControl } from './problem.tsx'

export function releasesPage(
  frame: Frame,
  { items, unavailable = [] }: ReleasesView,
  { nowMs, lastKnown }: Pick<DashboardPort, 'nowMs' | 'lastKnown'>,
): Rendered {
  const { t } = frame
  const known = unavailable.length > 0 ? lastKnown() : []
  return page(
    frame,
    <main id="content">
      <h1>{t.releases.title}</h1>
      {items.some((view) => view.forced_control) ? <ForcedControl t={t} /> : null}
      {items.length + unavailable.length === 0 ? (
        <div class="card empty">
          <p>{t.releases.none}</p>
          <p>{t.releases.noneHint}</p>
        </div>
      ) : (
        <ul class="releases">
          {unavailable.map((release) => (
            <Silent release={release} last={known.find((each) => each.release === release.name)} t={t} />
          ))}
          {items.map((view) => (
            <Release view={view} nowMs={nowMs} t={t} />
          ))}
        </ul>
      )}
    </main>,
    { refreshSeconds: 30 },
  )
}

const Release: FC<{ view: ReleaseView; nowMs: number; t: Text }> = ({ view, nowMs, t }) => {
  const head = headline(view, null, nowMs, t)
  const models = modelNames(view, t)
  return (
    <li class="card">
      <div>
        <p class="crumb">
          <span>{`${models.control} → ${models.candidate}`}</span>{' '}
          <span class={`badge ${head.badge.tone}`}>{head.badge.word}</span>
        </p>
        <h2>
          <a href={pathOf(view.name)}>{view.name}</a>
        </h2>
        <p>{head.title}</p>
      </div>
      <p class="since">
        {t.releases.since} <Ago at={view.since} nowMs={nowMs} t={t} />
      </p>
    </li>
  )
}

/** Its page says what is left to do. */
const Silent: FC<{ release: SilentRelease; last: LastKnown | undefined; t: Text }> = ({ release, last, t }) => (
  <li class="card">
    <div>
      <p class="crumb">
        <span class="badge bad">{t.releases.silent}</span>
      </p>
      <h2>
        <a href={pathOf(release.name)}>{release.name}</a>
      </h2>
      <p>
        {release.code === 'control_plane_unavailable'
          ? t.releases.silentHint
          : refusalWords({ details: [], ...release }, t)}
      </p>
    </div>
    {last ? (
      <p class="since">
        {t.releases.lastKnown(placeName(last, t))} {t.time.ago(span(last.ageSeconds, t))}
      </p>
    ) : null}
  </li>
)
