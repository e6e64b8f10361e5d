/** Counter rows as points of charts: what is summed, what may not be, and what is left out. */
import { describe, expect, test } from 'vitest'
import type { CounterRow, HistoryEntry, VerdictView } from '../../src/api/index.ts'
import { type ChartView, charts, figures } from '../../src/dashboard/series.ts'
import { en } from '../../src/dashboard/text/index.ts'

const NOW = Date.parse('2026-11-24T14:30:00Z')
const MINUTE = 60_000
const iso = (ms: number): string => new Date(ms).toISOString()
const VIEW: ChartView = { range: '30m', operation: 'job', quantile: 'p95' }
const SPAN = { fromMs: NOW - 30 * MINUTE, toMs: NOW }

function row(minutesAgo: number, change: Partial<CounterRow> = {}): CounterRow {
  const from = NOW - minutesAgo * MINUTE
  return {
    stage: 'canary-5',
    epoch: 2,
    arm: 'candidate',
    operation: 'job',
    shadow: false,
    from: iso(from),
    to: iso(from + MINUTE),
    requests: 50,
    errors: {},
    other: {},
    latency_seconds: { p50: 1, p95: 2, p99: 3, max: 4 },
    queue_seconds: null,
    ...change,
  }
}

function draw(rows: CounterRow[], verdicts: VerdictView[] = [], history: HistoryEntry[] = [], view = VIEW) {
  const [errors, latency, requests, queue] = charts(rows, view, SPAN, verdicts, history, en)
  return { errors: errors!, latency: latency!, requests: requests!, queue: queue! }
}

const verdict = (change: Partial<VerdictView>): VerdictView => ({
  guardrail: 'error_rate:job',
  kind: 'rate',
  measure: 'share',
  within_seconds: null,
  alpha: null,
  metric: 'error_rate',
  operation: 'job',
  method: 'threshold',
  action: 'rollback',
  status: 'pass',
  note: null,
  value: 0,
  n: 1,
  baseline_value: null,
  baseline_n: 0,
  threshold: 0.01,
  formula: '',
  windows: { from: null, to: null, bad: 0, needed: 5 },
  message: '',
  ...change,
})

describe('the charts', () => {
  test('judge errors by the requests that say something about the arm', () => {
    const other = { client_error: 8, aborted: 2, contract_drift: 7 }
    const { errors } = draw([row(5, { errors: { job_failed: 3, timeout: 1 }, other })])
    expect(errors.candidate).toEqual([10])
  })

  test('sum both sides of a stage change, and take quantiles of the busier side', () => {
    const { requests, latency } = draw([
      row(5, { requests: 10, latency_seconds: { p50: 9, p95: 9, p99: 9, max: 9 } }),
      row(5, { requests: 40, stage: 'canary-20', epoch: 3 }),
    ])
    expect(requests.candidate).toEqual([50])
    expect(latency.candidate).toEqual([2])
  })

  test('count shadow copies for the candidate while shadowing only', () => {
    const shadow = { shadow: true, stage: 'shadow' }
    const during = { shadow: true, stage: 'canary-5', requests: 7 }
    const { requests } = draw([row(9, shadow), row(5, during), row(5, { requests: 3 })])
    expect(requests.candidate).toEqual([50, 3])
  })

  test('leave a gap where an arm had no traffic, and other operations out', () => {
    const { requests } = draw([row(9, { arm: 'control' }), row(5), row(5, { operation: 'poll', requests: 999 })])
    expect(requests.control).toEqual([50, null])
    expect(requests.candidate).toEqual([null, 50])
  })

  test('leave out a step that has hardly begun, and count a part of one by its own length', () => {
    const hardly = { from: iso(NOW - 10_000), to: iso(NOW + 50_000) }
    const most = { from: iso(NOW - 45_000), to: iso(NOW + 15_000), requests: 45 }
    expect(draw([row(0, hardly)]).requests.times).toEqual([])
    expect(draw([row(0, most)]).requests.candidate).toEqual([60])
  })

  test('draw the limit that is judged in their own unit', () => {
    const fast = verdict({ guardrail: 'error_rate:job:within', within_seconds: 10, threshold: 0.5 })
    const slow = verdict({ metric: 'latency_p95', measure: 'seconds', threshold: 61.5 })
    const perClip = { ...slow, measure: 'seconds_per_clip' as const }
    expect(draw([], [fast, verdict({}), slow]).errors.limit).toEqual({ value: 1, words: 'limit 1\u00a0%' })
    expect(draw([], [slow]).latency.limit).toEqual({ value: 61.5, words: 'limit 61.5\u00a0s' })
    expect(draw([], [perClip]).latency.limit).toBeNull()
    expect(draw([], [slow], [], { ...VIEW, quantile: 'p50' }).latency.limit).toBeNull()
  })

  test('mark what changed within their span', () => {
    const entry = (minutesAgo: number, action: string, stage: string): HistoryEntry => ({
      id: '1',
      at: iso(NOW - minutesAgo * MINUTE),
      who: 'x',
      action,
      reason: '',
      from: { stage: 'shadow', percent: 0 },
      to: { stage, percent: 5 },
      epoch: 1,
      version: 1,
    })
    const history = [
      entry(1, 'rollback', 'rolled_back'),
      entry(4, 'pause', 'canary-5'),
      entry(9, 'advance', 'canary-5'),
    ]
    const { errors } = draw([], [], [...history, entry(99, 'start', 'shadow')])
    expect(errors.marks.map(({ words, bad }) => [words, bad])).toEqual([
      ['rolled back', true],
      ['5\u00a0%', false],
    ])
  })

  test('say the same as a table, newest first', () => {
    const { latency } = draw([
      row(9),
      row(5, { arm: 'control', latency_seconds: { p50: 0.2, p95: 0.5, p99: 1, max: 1 } }),
    ])
    expect(figures(latency, 8, en)).toEqual([
      { time: '14:25:00', control: '500\u00a0ms', candidate: '–' },
      { time: '14:21:00', control: '–', candidate: '2\u00a0s' },
    ])
  })
})
