/** All releases, one line each, worded as on their own pages; first those of which nothing could be read. */
import type { Child, FC, PropsWithChildren } from 'hono/jsx'
import type { ReleasesView, ReleaseView, SilentRelease } from '../../api/index.ts'
import { modelNames, placeName, span } from '../format.ts'
import { type Headline, headline } from '../headline.ts'
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
  const { badge, title } = headline(view, null, nowMs, t)
  const { control, candidate } = modelNames(view, t)
  return (
    <Line name={view.name} about={<span>{`${control} → ${candidate}`}</span>} badge={badge} words={title}>
      {t.releases.since} <Ago at={view.since} nowMs={nowMs} t={t} />
    </Line>
  )
}

/** Its page says what is left to do. */
const Silent: FC<{ release: SilentRelease; last: LastKnown | undefined; t: Text }> = ({ release, last, t }) => {
  const isAway = release.code === 'control_plane_unavailable'
  const words = isAway ? t.releases.silentHint : refusalWords({ details: [], ...release }, t)
  return (
    <Line name={release.name} badge={{ word: t.releases.silent, tone: 'bad' }} words={words}>
      {last && `${t.releases.lastKnown(placeName(last, t))} ${t.time.ago(span(last.ageSeconds, t))}`}
    </Line>
  )
}

const Line: FC<PropsWithChildren<{ name: string; about?: Child; badge: Headline['badge']; words: string }>> = (
  props,
) => (
  <li class="card">
    <div>
      <p class="crumb">
        {props.about} <span class={`badge ${props.badge.tone}`}>{props.badge.word}</span>
      </p>
      <h2>
        <a href={pathOf(props.name)}>{props.name}</a>
      </h2>
      <p>{props.words}</p>
    </div>
    {props.children ? <p class="since">{props.children}</p> : null}
  </li>
)
