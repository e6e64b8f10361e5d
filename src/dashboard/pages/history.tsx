/** The audit of a release: who did what, when and why. A few entries on its page, all on their own. */
import type { FC } from 'hono/jsx'
import type { HistoryEntry } from '../../api/index.ts'
import { percent, placeName, wordFor } from '../format.ts'
import { isBreakGlass } from '../../describe/evidence.ts'
import { entryReason } from '../guardrail-words.ts'
import type { Page } from '../port.ts'
import type { Text } from '../text/index.ts'
import { type Frame, page, pathOf, type Rendered } from './layout.tsx'
import { Ago, By, More, Quote } from './parts.tsx'

export const Entries: FC<{ entries: HistoryEntry[]; nowMs: number; t: Text }> = ({ entries, nowMs, t }) => (
  <ol class="history">
    {entries.map((entry) => (
      <li id={`entry-${entry.id}`}>
        <Ago at={entry.at} nowMs={nowMs} t={t} />
        <div>
          <b class={entry.action === 'rollback' ? 'bad' : undefined}>{actionWords(entry, t)}</b>{' '}
          <By who={entry.who} t={t} />
          <Quote words={entry.reason && entryReason(entry, t)} />
          {entry.evidence === undefined || entry.evidence === null ? null : (
            <details id={`evidence-${entry.id}`}>
              <summary>{t.history.evidence}</summary>
              <pre tabindex={0}>{JSON.stringify(entry.evidence, null, 2)}</pre>
            </details>
          )}
        </div>
      </li>
    ))}
  </ol>
)

function actionWords(entry: HistoryEntry, t: Text): string {
  const action = wordFor(t.history.action, entry.action)
  const { from, to } = entry
  if (entry.action === 'start') return `${action} → ${placeName(to, t)}`
  if (entry.action === 'rollback') return `${action} ${placeName(from, t)} → ${percent(to.percent, t)}`
  if (entry.action === 'reset') return action
  if (entry.action === 'configure' && isBreakGlass(entry)) return `${action} ${t.changes.skipped}`
  const moved = from.stage !== to.stage || from.percent !== to.percent
  return moved ? `${action} ${placeName(from, t)} → ${placeName(to, t)}` : action
}

export function historyPage(frame: Frame, release: string, history: Page<HistoryEntry>, nowMs: number): Rendered {
  const { t } = frame
  return page(
    frame,
    <main id="content">
      <p class="crumb">{frame.release}</p>
      <h1>{t.history.title}</h1>
      <section class="card">
        {history.items.length === 0 ? (
          <p class="empty">{t.history.none}</p>
        ) : (
          <Entries entries={history.items} nowMs={nowMs} t={t} />
        )}
        <More
          href={history.next && `${pathOf(release)}/history?cursor=${encodeURIComponent(history.next)}`}
          words={t.history.older}
        />
      </section>
    </main>,
  )
}
