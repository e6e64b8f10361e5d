/** Invented figures for the dashboard's tests: repeatable, with the shapes that real traffic has. */
import type { HistoryEntry, ReleaseView } from '../../src/api/index.ts'
import type { Arm } from '../../src/core/arm.ts'
import type { Verdict } from '../../src/core/guardrails/index.ts'
import { isRunning, type ReleaseState } from '../../src/core/release.ts'
import { addTo, emptySketch, type Sketch } from '../../src/core/sketch.ts'
import type { Counters, WindowRow } from '../../src/core/window.ts'

export type Traffic = 'healthy' | 'failing' | 'silent'

/** Windows of both arms; the candidate's share follows the history. */
export function countedIn(
  history: readonly HistoryEntry[],
  traffic: Traffic,
  fromMs: number,
  toMs: number,
  windowMs: number,
): WindowRow[] {
  const rows: WindowRow[] = []
  if (history.length === 0) return rows
  const began = Date.parse(history.at(-1)!.at) - 40 * 60_000
  for (let at = Math.ceil(Math.max(fromMs, began) / windowMs) * windowMs; at < toMs; at += windowMs) {
    const { to } = history.find((entry) => Date.parse(entry.at) <= at) ?? { to: { stage: 'idle', percent: 0 } }
    const sum = Math.round((60 + 4 * wave(at, 3)) * (windowMs / 30_000))
    const candidate = Math.round((sum * to.percent) / 100) + (to.percent > 0 ? 1 : 0)
    const shadow = to.stage === 'shadow'
    const rate = traffic === 'failing' && toMs - at < 6 * 60_000 ? 0.08 : 0.004
    for (const operation of ['submit', 'job'] as const) {
      const add = (arm: Arm, requests: number, errorRate: number, seconds: number, isCopy: boolean) => {
        const series = { stage: to.stage, epoch: 1, arm, operation, shadow: isCopy }
        rows.push({ startMs: at, series, counters: counted(at, operation, requests, errorRate, seconds) })
      }
      add('control', sum - candidate, 0.0038, 41, false)
      if (candidate > 0 || shadow) add('candidate', shadow ? sum : candidate, rate, 46, shadow)
    }
  }
  return rows
}

function counted(at: number, operation: 'submit' | 'job', requests: number, rate: number, seconds: number): Counters {
  const errors = Math.max(0, Math.round(requests * rate + 0.4 * wave(at + seconds, 2)))
  const p99 = (operation === 'job' ? seconds : 0.08) * (1 + 0.04 * wave(at + requests, 5))
  const latency = sketchOf([0.6, 0.6, 0.6, 1, 1].map((part) => part * p99))
  return {
    requests,
    outcomes: { client_error: 1, ...(errors > 0 ? { [operation === 'job' ? 'job_failed' : 'http_5xx']: errors } : {}) },
    sketches: {
      latency,
      ...(operation === 'job' ? { queue: sketchOf([3, 3, 3, 8, 8].map((part) => part + wave(at, part))) } : {}),
    },
  }
}

function sketchOf(seconds: readonly number[]): Sketch {
  const sketch = emptySketch()
  for (const each of seconds) addTo(sketch, each)
  return sketch
}

/** A repeatable wobble in [-1, 1]. */
function wave(seed: number, speed: number): number {
  return Math.sin((seed / 30_000) * speed) * Math.cos(seed / 77_000)
}

/** What the view tells beside the state: copies, jobs that still finish, and what a rollback has cost. */
export function figuresOf(state: ReleaseState, view: ReleaseView, traffic: Traffic): Partial<ReleaseView> {
  const isRolledBack = state.state === 'rolled_back'
  const iso = (ms: number) => new Date(ms).toISOString()
  return {
    actual_percent:
      state.state === 'canary'
        ? Number((state.percent * 1.02).toFixed(1))
        : isRunning(state) || isRolledBack
          ? 0
          : null,
    shadow: {
      ...view.shadow,
      in_flight: state.state === 'shadow' ? 7 : 0,
      today: 3990,
      dropped: state.startedAt === null ? {} : { max_in_flight: 812, body_too_large: 10 },
      funnel: { eligible: 4812, sampled: 4812, admitted: 3990, submitted: 3988, finished: 3951, scored: 212 },
    },
    draining: isRolledBack ? { jobs: 3, oldest_seconds: 130 } : null,
    blast_radius:
      isRolledBack && traffic === 'failing'
        ? {
            subjects_exposed: 8,
            jobs_failed: 9,
            jobs_rescued: 7,
            gpu_seconds_lost: 423,
            first_failure_at: iso(state.since - 300_000),
            decided_at: iso(state.since),
            last_misrouted_submit_at: iso(state.since + 800),
          }
        : null,
  }
}

/** Verdicts of a running release, as the guardrails would give them for such traffic. */
export function verdictsOf(state: ReleaseState, traffic: Traffic, nowMs: number): Verdict[] {
  if (!isRunning(state)) return []
  const bad = traffic === 'failing'
  const base = {
    operation: 'job' as const,
    method: 'threshold' as const,
    action: 'rollback' as const,
    measure: 'share' as const,
    withinSeconds: null,
    alpha: null,
    note: null,
    n: 412,
    baselineN: 7912,
    windows: {
      fromMs: nowMs - 300_000,
      toMs: nowMs,
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
      baselineValue: 0.0038,
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
      baselineValue: 41,
      threshold: 61.5,
      formula: 'p99 > 1.5 p99_c and P(X >= x | x + x_c, n/(n + n_c)) <= 0.05 (exact, x slower than p99_c)',
      message: 'p99 latency of jobs 47.1 s within 61.5 s (control 41 s; 412 jobs against 7,912)',
      ...quiet,
    },
    {
      ...base,
      guardrail: 'error_rate:job:within',
      kind: 'fast_trip',
      withinSeconds: 10,
      metric: 'error_rate',
      status: 'pass',
      value: 0,
      n: 9,
      baselineValue: 0,
      baselineN: 212,
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
      baselineValue: 0.0038,
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
      baselineValue: 212,
      baselineN: 240,
      threshold: 233,
      formula: 'mean > mean_c + 0.1 |mean_c|, n >= 200',
      windows: { ...base.windows, needed: 1 },
      message: 'fvd: no candidate samples for 18 min',
    },
  ]
}
