/** Gathers what a release's page shows. The release itself must be readable; the rest is shown as far as it is. */
import type { Context } from 'hono'
import { asValue, type HistoryEntry } from '../../api/index.ts'
import { headline } from '../headline.ts'
import { releasePage } from '../pages/release.tsx'
import { CHARTED, type ChartView, charts, contractDrift, QUANTILES, RANGE_NAMES, RANGES } from '../series.ts'
import { answer, type Visit } from '../visit.ts'

/** Enough to read a line, few enough to draw on a phone. */
const POINTS = 60
const MINUTE_MS = 60_000
const YOUNG_MS = 10 * MINUTE_MS

export async function showRelease(c: Context, visit: Visit, name: string): Promise<Response> {
  const { port, t } = visit
  const { nowMs } = port
  const query = new URL(c.req.url).searchParams
  const [view, history, pairs] = await Promise.all([
    port.release(name),
    asValue(() => port.history(name, null)),
    asValue(() => port.pairs(name, null)),
  ])
  const entries = 'value' in history ? history.value.items : []
  const rollback = view.state === 'rolled_back' ? (entries.find(({ action }) => action === 'rollback') ?? null) : null
  const range = RANGE_NAMES.find((known) => known === query.get('span')) ?? fittingRange(entries, nowMs)
  const spanMs = RANGES[range] * 1000
  // From a whole step, or the first point would be a part of one.
  const align = Math.max(spanMs / POINTS, MINUTE_MS)
  const span = { fromMs: Math.floor((nowMs - spanMs) / align) * align, toMs: nowMs }
  const rows = await asValue(() => port.counters(name, { ...span, stepMs: spanMs / POINTS }))
  const head = headline(view, rollback, nowMs, t)
  const counted = 'value' in rows ? rows.value : []
  const offered = CHARTED.filter((operation) => counted.some((row) => row.operation === operation))
  const choice: ChartView = {
    range,
    // Jobs where there are jobs; what else is served where there are none.
    operation: CHARTED.find((known) => known === query.get('of')) ?? offered[0] ?? 'job',
    quantile: QUANTILES.find((known) => known === query.get('at')) ?? 'p99',
  }
  const content = {
    view,
    head,
    rollback,
    history: 'value' in history ? entries : null,
    charts: 'value' in rows ? charts(counted, choice, span, view.verdicts, entries, t) : null,
    choice,
    offered,
    drift: { control: contractDrift(counted, 'control'), candidate: contractDrift(counted, 'candidate') },
    pairs: 'value' in pairs ? pairs.value.items : null,
    nowMs,
  }
  return answer(c, releasePage(visit.frame(`${head.title} · ${name}`, 'overview', name), content))
}

/** Half an hour, unless the release is so young that it would stand in a corner of it. */
function fittingRange(entries: readonly HistoryEntry[], nowMs: number): ChartView['range'] {
  const start = entries.find(({ action }) => action === 'start')
  return start && nowMs - Date.parse(start.at) < YOUNG_MS ? '5m' : '30m'
}
