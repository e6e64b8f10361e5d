/** Gathers what a release's page shows. The release itself must be readable; the rest is shown as far as it is. */
import type { Context } from 'hono'
import type { CounterRow, HistoryEntry } from '../../control/api.ts'
import { headline, tabTitle } from '../headline.ts'
import { releasePage } from '../pages/release.tsx'
import { CHARTED, type ChartView, charts, QUANTILES, RANGES } from '../series.ts'
import { answer, problem, type Visit } from '../visit.ts'

/** Enough to read a line, few enough to draw on a phone. */
const POINTS = 60

export async function showRelease(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const { nowMs } = port
  const query = new URL(c.req.url).searchParams
  const range = Object.keys(RANGES).find((known) => known === query.get('span')) as ChartView['range'] | undefined
  const spanMs = RANGES[range ?? '30m'] * 1000
  const span = { fromMs: nowMs - spanMs, toMs: nowMs }
  const [release, history, rows, pairs] = await Promise.all([
    port.release(name),
    port.history(name, null),
    port.counters(name, span.fromMs, span.toMs, spanMs / POINTS),
    port.pairs(name, null),
  ])
  if (!release.ok) return problem(c, visit, release)
  const view = release.value
  const entries = history.ok ? history.value.items : []
  const rollback = view.state === 'rolled_back' ? lastRollback(entries) : null
  const head = headline(view, rollback, nowMs, t)
  const counted = rows.ok ? rows.value : []
  const offered = CHARTED.filter((operation) => counted.some((row) => row.operation === operation))
  const choice: ChartView = {
    range: range ?? '30m',
    operation: CHARTED.find((known) => known === query.get('of')) ?? preferred(counted, offered),
    quantile: QUANTILES.find((known) => known === query.get('at')) ?? 'p99',
  }
  const content = {
    view,
    head,
    rollback,
    history: entries,
    charts: rows.ok ? charts(counted, choice, span, view.verdicts, entries, t) : null,
    choice,
    offered,
    pairs: pairs.ok ? pairs.value.items : null,
    nowMs,
  }
  return answer(c, releasePage(visit.frame(tabTitle(head, name), 'overview', name), content))
}

function lastRollback(entries: readonly HistoryEntry[]): HistoryEntry | null {
  return entries.find(({ action }) => action === 'rollback') ?? null
}

/** Jobs where there are jobs; what else is served where there are none. */
function preferred(rows: readonly CounterRow[], offered: readonly ChartView['operation'][]): ChartView['operation'] {
  return rows.length > 0 ? (offered[0] ?? 'job') : 'job'
}
