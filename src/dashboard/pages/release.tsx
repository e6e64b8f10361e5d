/** A release's page: who serves whom, is it healthy, why here, what can I do; in this order. */
import type { HistoryEntry, PairView, ReleaseView } from '../../api/index.ts'
import { clock, modelNames } from '../format.ts'
import type { Headline } from '../headline.ts'
import type { Chart, ChartView } from '../series.ts'
import { Buttons, Toggles } from './actions.tsx'
import { Charts } from './charts.tsx'
import { Guardrails, Waits } from './guardrails.tsx'
import { Entries } from './history.tsx'
import { Ladder } from './ladder.tsx'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Card, More, Words } from './parts.tsx'
import { BreakGlass, ForcedControl } from './problem.tsx'
import { Shadow } from './shadow.tsx'

const ENTRIES_SHOWN = 8
const REFRESH_SECONDS = 15

export interface ReleaseContent {
  view: ReleaseView
  head: Headline
  /** The rollback that the release stands in; null otherwise. */
  rollback: HistoryEntry | null
  /** Newest first; null where it could not be read. */
  history: HistoryEntry[] | null
  /** Null where the figures could not be read. */
  charts: Chart[] | null
  choice: ChartView
  offered: readonly ChartView['operation'][]
  /** Requests that only this arm refused, in the span of the charts. */
  drift: Record<'control' | 'candidate', number>
  /** Null where they could not be read. */
  pairs: PairView[] | null
  nowMs: number
}

export function releasePage(frame: Frame, content: ReleaseContent): Rendered {
  const { t } = frame
  const { view, head, rollback, nowMs } = content
  const role = frame.caller!.role
  const entries = content.history ?? []
  const models = modelNames(view, t)
  const asOf = new Date(nowMs).toISOString()
  return page(
    frame,
    <>
      <p id="live-alert" class="unseen" role="alert"></p>
      <div id="live-status" hidden data-stale={t.live.stale('{age}')} data-lost={t.live.lost}>
        <p class="words"></p>
        <div class="break-glass" hidden>
          <p>{t.live.breakGlass}</p>
          <BreakGlass />
        </div>
      </div>
      <main
        id="content"
        data-live
        data-stream={`/_sluice/api/v1/releases/${encodeURIComponent(view.name)}/stream`}
        data-units={JSON.stringify({ s: t.unit.s(''), min: t.unit.min(''), h: t.unit.h('') })}
      >
        {view.forced_control ? <ForcedControl t={t} /> : null}
        <header class="head" id="head">
          <div>
            <p class="crumb">
              <span>{`${view.name} · ${models.control} → ${models.candidate}`}</span>{' '}
              <span class={`badge ${head.badge.tone}`}>{head.badge.word}</span>
            </p>
            <h1 aria-live="polite">{head.title}</h1>
            <p class="lead">
              <Words parts={head.sentence} />
            </p>
          </div>
          <Buttons view={view} role={role} nowMs={nowMs} t={t} />
        </header>
        <Ladder view={view} failedAt={rollback?.from.stage ?? null} nowMs={nowMs} t={t} />
        <div class="wide-narrow">
          <Guardrails view={view} rollback={rollback} t={t} />
          <Waits view={view} nowMs={nowMs} t={t} />
        </div>
        <Charts {...content} path={pathOf(view.name)} t={t} />
        <div class="wide-narrow">
          <Card name="history" title={t.history.title} id="history">
            {content.history === null ? <p class="empty">{t.history.unavailable}</p> : null}
            {content.history?.length === 0 ? <p class="empty">{t.history.none}</p> : null}
            <Entries entries={entries.slice(0, ENTRIES_SHOWN)} nowMs={nowMs} t={t} />
            <More
              href={entries.length > ENTRIES_SHOWN ? `${pathOf(view.name)}/history` : null}
              words={t.history.older}
            />
          </Card>
          <Toggles view={view} role={role} nowMs={nowMs} t={t} />
        </div>
        <Shadow view={view} pairs={content.pairs} nowMs={nowMs} t={t} />
        <p class="as-of">
          {t.live.asOf} <time datetime={asOf}>{`${clock(asOf)} UTC`}</time>
        </p>
      </main>
      <dialog id="dialog" data-failed={t.live.failed} data-lost={t.refusal.code.control_plane_unavailable}></dialog>
    </>,
    { scripts: true, refreshSeconds: REFRESH_SECONDS },
  )
}
