/** Invented figures for the dashboard's fake: repeatable, with the shapes that real traffic has. */
import type { CounterRow, HistoryEntry, VerdictView } from '../../src/api/index.ts'
import type { ReleaseState } from '../../src/core/release.ts'

export type Traffic = 'healthy' | 'failing' | 'silent'

/** Rows of both arms; the candidate's share follows the history. */
export function invented(
  history: readonly HistoryEntry[],
  traffic: Traffic,
  fromMs: number,
  toMs: number,
  stepMs: number,
): CounterRow[] {
  const rows: CounterRow[] = []
  if (history.length === 0) return rows
  const began = Date.parse(history.at(-1)!.at) - 40 * 60_000
  for (let at = Math.ceil(fromMs / stepMs) * stepMs; at < toMs; at += stepMs) {
    if (at < began) continue
    const place = history.find((entry) => Date.parse(entry.at) <= at)?.to ?? { stage: 'idle', percent: 0 }
    const sum = Math.round((60 + 4 * wave(at, 3)) * (stepMs / 30_000))
    const candidate = Math.round((sum * place.percent) / 100) + (place.percent > 0 ? 1 : 0)
    const shadow = place.stage === 'shadow'
    const failing = traffic === 'failing' && toMs - at < 6 * 60_000
    for (const operation of ['submit', 'job'] as const) {
      rows.push(row(at, stepMs, 'control', operation, sum - candidate, 0.0038, false, place.stage, 41))
      if (candidate > 0 || shadow)
        rows.push(
          row(
            at,
            stepMs,
            'candidate',
            operation,
            shadow ? sum : candidate,
            failing ? 0.08 : 0.004,
            shadow,
            place.stage,
            46,
          ),
        )
    }
  }
  return rows
}

function row(
  at: number,
  stepMs: number,
  arm: CounterRow['arm'],
  operation: CounterRow['operation'],
  requests: number,
  rate: number,
  shadow: boolean,
  stage: string,
  seconds: number,
): CounterRow {
  const errors = Math.max(0, Math.round(requests * rate + 0.4 * wave(at + seconds, 2)))
  const p99 = (operation === 'job' ? seconds : 0.08) * (1 + 0.04 * wave(at + requests, 5))
  return {
    stage,
    epoch: 1,
    arm,
    operation,
    shadow,
    from: new Date(at).toISOString(),
    to: new Date(at + stepMs).toISOString(),
    requests,
    errors: errors > 0 ? { [operation === 'job' ? 'job_failed' : 'http_5xx']: errors } : {},
    other: { client_error: 1 },
    latency_seconds: { p50: p99 * 0.6, p95: p99 * 0.9, p99, max: p99 * 1.3 },
    queue_seconds: operation === 'job' ? { p50: 3 + wave(at, 4), p95: 6, p99: 8 + wave(at, 6), max: 9 } : null,
  }
}

/** A repeatable wobble in [-1, 1]. */
function wave(seed: number, speed: number): number {
  return Math.sin((seed / 30_000) * speed) * Math.cos(seed / 77_000)
}

/** Verdicts as the guardrails would give them for such traffic. */
export function verdictsOf(state: ReleaseState, traffic: Traffic, nowMs: number): VerdictView[] {
  if (state.epoch === 0 || state.state === 'idle' || state.state === 'rolled_back') return []
  const bad = traffic === 'failing'
  const base = {
    operation: 'job' as const,
    method: 'threshold' as const,
    action: 'rollback' as const,
    measure: 'share' as const,
    within_seconds: null,
    alpha: null,
    note: null,
    n: 412,
    baseline_n: 7912,
    windows: {
      from: new Date(nowMs - 300_000).toISOString(),
      to: new Date(nowMs).toISOString(),
      bad: 0,
      needed: 5,
    },
  }
  const silent = { status: 'no_data' as const, value: null, n: 0 }
  const quiet = traffic === 'silent' ? silent : {}
  return [
    {
      ...base,
      guardrail: 'error_rate:job',
      kind: 'rate',
      metric: 'error_rate',
      status: bad ? 'breach' : 'pass',
      value: bad ? 0.079 : 0.0041,
      baseline_value: 0.0038,
      threshold: 0.01,
      formula: 'x/n > 0.01 and P(X >= x | n, 0.01) <= 0.1 (exact binomial), in 5 windows of n >= 20 in a row',
      windows: { ...base.windows, bad: bad ? 5 : 0 },
      ...(bad ? { evidence: { events: 33, baselineEvents: 30, job_failed: 3, job_timeout: 30 } } : {}),
      message: bad
        ? 'job error rate 7.9 % > 1 % in 5 of 5 windows (33 of 412 jobs: 30 job_timeout, 3 job_failed; control 0.38 %)'
        : 'job error rate 0.41 % within 1 % (2 of 412 jobs; control 0.38 %)',
      ...quiet,
    },
    {
      ...base,
      guardrail: 'latency_p99:job',
      kind: 'latency',
      measure: 'seconds',
      metric: 'latency_p99',
      status: 'pass',
      value: 47.1,
      baseline_value: 41,
      threshold: 61.5,
      formula: 'p99 > 1.5 p99_c and P(X >= x | x + x_c, n/(n + n_c)) <= 0.05 (exact, x slower than p99_c)',
      message: 'p99 latency of jobs 47.1 s within 61.5 s (control 41 s; 412 jobs against 7,912)',
      ...quiet,
    },
    {
      ...base,
      guardrail: 'error_rate:job:within',
      kind: 'fast_trip',
      within_seconds: 10,
      metric: 'error_rate',
      status: 'pass',
      value: 0,
      n: 9,
      baseline_value: 0,
      baseline_n: 212,
      threshold: 0.5,
      formula: 'x/n > 0.5, n >= 10 within 10 s',
      windows: { ...base.windows, needed: 1 },
      message: 'job error rate 0 % within 50 % (0 of 9 jobs; control 0 %)',
      ...quiet,
    },
    {
      ...base,
      guardrail: 'error_rate:job:sequential',
      kind: 'sequential_rate',
      alpha: 0.01,
      metric: 'error_rate',
      method: 'sequential',
      status: bad ? 'breach' : 'pass',
      value: bad ? 0.031 : 0.0041,
      baseline_value: 0.0038,
      threshold: 0.0138,
      formula: 'e(x of n, p0 = 0.01) >= k(k + 1)/0.01 in epoch k (one-sided beta-binomial e-processes)',
      windows: { ...base.windows, needed: 1 },
      message: bad
        ? 'job error rate 3.1 % > 1.38 % (17 of 548 jobs; control 0.4 %)'
        : 'job error rate 0.41 % within 1.38 %',
      ...quiet,
    },
    {
      ...base,
      guardrail: 'signal:fvd',
      kind: 'signal',
      measure: 'signal',
      metric: 'signal:fvd',
      action: 'pause',
      status: 'no_data',
      value: null,
      n: 0,
      baseline_value: 212,
      baseline_n: 240,
      threshold: 233,
      formula: 'mean > mean_c + 0.1 |mean_c|, n >= 200',
      windows: { ...base.windows, needed: 1 },
      message: 'fvd: no candidate samples for 18 min',
    },
  ]
}
