/** All releases, one line each, worded as on their own pages. */
import type { ReleaseView } from '../../api/index.ts'
import { modelNames } from '../format.ts'
import { headline } from '../headline.ts'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago } from './parts.tsx'
import { ForcedControl } from './problem.tsx'

export function releasesPage(frame: Frame, releases: ReleaseView[], nowMs: number): Rendered {
  const { t } = frame
  return page(
    frame,
    <main id="content">
      <h1>{t.releases.title}</h1>
      {releases.some((view) => view.forced_control) ? <ForcedControl t={t} /> : null}
      {releases.length === 0 ? (
        <div class="card empty">
          <p>{t.releases.none}</p>
          <p>{t.releases.noneHint}</p>
        </div>
      ) : (
        <ul class="releases">
          {releases.map((view) => {
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
          })}
        </ul>
      )}
    </main>,
    { refreshSeconds: 30 },
  )
}
