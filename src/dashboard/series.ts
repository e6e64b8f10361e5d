/**
 * Counter rows → what the four charts draw: one point a step and arm, the limits that hold, and the
 * moments at which something changed. Also the source of the same figures as a table.
 */
import type { CounterRow, HistoryEntry, VerdictView } from '../api/index.ts'
import { clock, latency, placeName, share, significant } from './format.ts'
import type { Text } from './text/index.ts'

export const RANGES = { '5m': 300, '30m': 1800, '3h': 10_800, '24h': 86_400 } as const
export type RangeName = keyof typeof RANGES
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[]
export const QUANTILES = ['p50', 'p95', 'p99'] as const
export type Quantile = (typeof QUANTILES)[number]
/** What can be charted; polls and downloads are seldom what one asks about. */
export const CHARTED = ['job', 'submit', 'sync', 'other'] as const
export type Charted = (typeof CHARTED)[number]

export interface ChartView {
  range: RangeName
  operation: Charted
  quantile: Quantile
}

/** One chart as the page's script draws it: times in unix seconds, null where an arm had no traffic. */
export interface Chart {
  id: 'errors' | 'latency' | 'requests' | 'queue'
  title: string
  unit: 'percent' | 'seconds' | 'count'
  times: number[]
  control: (number | null)[]
  candidate: (number | null)[]
  limit: { value: number; words: string } | null
  marks: { at: number; words: string; bad: boolean }[]
  from: number
  to: number
}

interface Point {
  fromMs: number
  toMs: number
  requests: number
  errors: number
  judged: number
  latency: CounterRow['latency_seconds']
  queue: CounterRow['queue_seconds']
  weight: number
}

export function charts(
  rows: readonly CounterRow[],
  view: ChartView,
  span: { fromMs: number; toMs: number },
  verdicts: readonly VerdictView[],
  history: readonly HistoryEntry[],
  t: Text,
): Chart[] {
  const arms = {
    control: points(rows, 'control', view.operation, span.toMs),
    candidate: points(rows, 'candidate', view.operation, span.toMs),
  }
  const starts = [...new Set([...arms.control.keys(), ...arms.candidate.keys()])].toSorted((a, b) => a - b)
  const marks = marksOf(history, span, t)
  const operation = t.guardrails.operation[view.operation]
  const chart = (
    id: Chart['id'],
    title: string,
    unit: Chart['unit'],
    read: (point: Point) => number | null,
    limit: Chart['limit'] = null,
  ): Chart => {
    const line = (arm: Map<number, Point>) => starts.map((start) => (arm.has(start) ? read(arm.get(start)!) : null))
    const [control, candidate] = [line(arms.control), line(arms.candidate)]
    const [from, to] = [span.fromMs / 1000, span.toMs / 1000]
    return { id, title, unit, times: starts.map((ms) => ms / 1000), control, candidate, limit, marks, from, to }
  }
  const { quantile } = view
  const { errorRate, time } = t.guardrails
  const perMinute = ({ requests, fromMs, toMs }: Point) =>
    toMs > fromMs ? (requests * 60_000) / (toMs - fromMs) : null
  return [
    chart('errors', errorRate(operation), 'percent', rateOf, rateLimit(verdicts, view.operation, t)),
    chart(
      'latency',
      time(operation, quantile),
      'seconds',
      ({ latency: of }) => of?.[quantile] ?? null,
      timeLimit(verdicts, view, t),
    ),
    chart('requests', t.charts.requests(operation), 'count', perMinute),
    chart('queue', t.charts.queue(quantile), 'seconds', ({ queue }) => queue?.[quantile] ?? null),
  ]
}

/** Per cent of the requests whose end says something about the arm. */
function rateOf(point: Point): number | null {
  return point.judged > 0 ? (100 * point.errors) / point.judged : null
}

/** Sums per start. The candidate's copies count while shadowing only, as the guardrails judge it. */
function points(
  rows: readonly CounterRow[],
  arm: CounterRow['arm'],
  operation: Charted,
  nowMs: number,
): Map<number, Point> {
  const found = new Map<number, Point>()
  for (const row of rows) {
    const counts = row.arm === arm && row.operation === operation && (!row.shadow || row.stage === 'shadow')
    if (!counts) continue
    const fromMs = Date.parse(row.from)
    const toMs = Date.parse(row.to)
    // A step that has hardly begun would look like a drop.
    if (nowMs - fromMs < (toMs - fromMs) / 2) continue
    const excludedFromErrorRate = sum(row.other) - driftIn(row)
    const before = found.get(fromMs)
    // Quantiles don't add: where a stage changed within the step, the busier part speaks.
    const busier = !before || row.requests > before.weight
    found.set(fromMs, {
      fromMs,
      toMs: Math.max(before?.toMs ?? 0, Math.min(toMs, nowMs)),
      requests: (before?.requests ?? 0) + row.requests,
      errors: (before?.errors ?? 0) + sum(row.errors),
      judged: (before?.judged ?? 0) + Math.max(0, row.requests - excludedFromErrorRate),
      latency: busier ? row.latency_seconds : before.latency,
      queue: busier ? row.queue_seconds : before.queue,
      weight: busier ? row.requests : before.weight,
    })
  }
  return found
}

/** Requests that one arm refused and the other would have taken; they are among its client errors already. */
function driftIn(row: CounterRow): number {
  return row.other['contract_drift'] ?? 0
}

export function contractDrift(rows: readonly CounterRow[], arm: CounterRow['arm']): number {
  return rows.filter((row) => row.arm === arm).reduce((total, row) => total + driftIn(row), 0)
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0)
}

function rateLimit(verdicts: readonly VerdictView[], operation: Charted, t: Text): Chart['limit'] {
  const verdict = limitOf(verdicts, 'error_rate', operation)
  if (!verdict) return null
  return { value: verdict.threshold! * 100, words: t.guardrails.limitWords(share(verdict.threshold!, t)) }
}

function timeLimit(verdicts: readonly VerdictView[], view: ChartView, t: Text): Chart['limit'] {
  const verdict = limitOf(verdicts, `latency_${view.quantile}`, view.operation)
  // Judged per clip, a limit has another unit than the seconds drawn here.
  if (verdict?.measure !== 'seconds') return null
  return { value: verdict.threshold!, words: t.guardrails.limitWords(latency(verdict.threshold!, t)) }
}

function limitOf(verdicts: readonly VerdictView[], metric: string, operation: Charted): VerdictView | undefined {
  const ofWindows = verdicts.filter(
    (v) => v.method === 'threshold' && v.within_seconds === null && v.threshold !== null,
  )
  return ofWindows.find((v) => v.metric === metric && v.operation === operation)
}

const MARKED = new Set(['start', 'advance', 'rollback', 'reset', 'promote', 'set_percent'])

function marksOf(history: readonly HistoryEntry[], span: { fromMs: number; toMs: number }, t: Text): Chart['marks'] {
  return history
    .map((entry) => ({ entry, at: Date.parse(entry.at) }))
    .filter(({ entry, at }) => MARKED.has(entry.action) && at >= span.fromMs && at <= span.toMs)
    .map(({ entry, at }) => ({
      at: at / 1000,
      words: entry.action === 'rollback' ? t.history.action.rollback : placeName(entry.to, t),
      bad: entry.action === 'rollback',
    }))
}

/** The newest `limit` points as text, for readers without script and for screen readers. */
export function figures(chart: Chart, limit: number, t: Text): Record<'time' | 'control' | 'candidate', string>[] {
  const words = (value: number | null | undefined): string => {
    if (value === null || value === undefined) return '–'
    if (chart.unit === 'percent') return share(value / 100, t)
    return chart.unit === 'seconds' ? latency(value, t) : significant(value)
  }
  return chart.times
    .map((at, i) => ({
      time: clock(new Date(at * 1000).toISOString()),
      control: words(chart.control[i]),
      candidate: words(chart.candidate[i]),
    }))
    .slice(-limit)
    .toReversed()
}
