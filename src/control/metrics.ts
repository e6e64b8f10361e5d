/** What the controllers know → families of metrics for Prometheus. Their names and labels are a contract: alert rules go by them. */
import { ARM_ERRORS } from '../core/outcome.ts'
import { type CountedRow, emptyCounters, mergeCounters, type Series } from '../core/window.ts'
import type { SignalSum } from '../durable/controller-rpc.ts'
import type { ReleaseView, VerdictView } from '../api/index.ts'
import { type Family, histogramSamples, type Labels } from './prometheus-text.ts'

/** Of one release, as its controller answers. */
export interface ReleaseMetrics {
  view: ReleaseView
  totals: readonly CountedRow[]
  rollbacks: readonly { cause: string; n: number }[]
  telemetryLost: number
  signals: readonly SignalSum[]
  /** Null where this isolate has routed nothing yet. */
  snapshotAgeSeconds: number | null
}

/** Seconds. Jobs of these models take from seconds to most of an hour. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const JOB_BOUNDS = [0.5, 1, 2.5, 5, 10, 20, 30, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600]
/** Zero for what has not happened yet, so that the first time is an increase to Prometheus. */
const NO_ERRORS = Object.fromEntries(ARM_ERRORS.map((error) => [error, 0]))
/** Why shadow copies are lost, as the gateway and the ledgers count it. */
const DROP_REASONS = [
  'refers_to_job',
  'body_too_large',
  'isolate_memory',
  'copy_failed',
  'lease_expired',
  'max_in_flight',
  'max_jobs_per_day',
  'rolled_back',
  'job_timeout',
  'not_observed',
  'submit_unanswered',
  ...['http_5xx', 'saturated', 'timeout', 'unreachable', 'bad_output', 'client_error'].map((end) => `submit_${end}`),
]
const NO_DROPS = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]))
const VERDICT_VALUES: Partial<Record<string, number>> = { pass: 1, breach: -1 }

type Samples = Family['samples']
type Each = (release: ReleaseMetrics, labels: Labels) => Samples

/** `silent`: names of the releases whose controllers do not answer. */
export function metricFamilies(releases: readonly ReleaseMetrics[], silent: readonly string[]): Family[] {
  const family = (type: Family['type'], name: string, help: string, each: Each): Family => ({
    name: `sluice_${name}`,
    type,
    help,
    samples: releases.flatMap((release) => each(release, { release: release.view.name })),
  })
  /** One sample a release. */
  const gauge = (name: string, help: string, read: (release: ReleaseMetrics) => number | null) =>
    family('gauge', name, help, (release, labels) => one(labels, read(release)))
  /** One a guardrail. */
  const ofGuardrails = (name: string, help: string, read: (verdict: VerdictView) => number | null) =>
    family('gauge', name, help, ({ view }, labels) =>
      view.verdicts.flatMap((verdict) => one({ ...labels, guardrail: verdict.guardrail }, read(verdict))),
    )
  /** One a name that something is counted under. */
  const counts = (name: string, help: string, label: string, read: (view: ReleaseView) => Record<string, number>) =>
    family('counter', name, help, ({ view }, labels) =>
      Object.entries(read(view)).flatMap(([key, n]) => one({ ...labels, [label]: key }, n)),
    )
  const answered = [...releases.map(({ view }) => [view.name, 1] as const), ...silent.map((name) => [name, 0] as const)]
  return [
    {
      name: 'sluice_controller_up',
      type: 'gauge',
      help: 'Whether the controller of the release answered this scrape; where not, it has no other sample.',
      samples: answered.map(([release, value]) => ({ labels: { release }, value })),
    },
    family('counter', 'requests_total', 'Requests, and jobs as operation="job", by how they ended.', requests),
    family('histogram', 'request_duration_seconds', 'Time to the response headers.', durations(false)),
    family('histogram', 'job_duration_seconds', 'Time from submit to the terminal status.', durations(true)),
    gauge('release_percent', 'Percent of subjects that the candidate is meant to have.', ({ view }) => view.percent),
    gauge('split_actual', 'Percent of recent submits that the candidate had.', ({ view }) => view.actual_percent),
    family('gauge', 'release_info', 'State and stage of the release; always 1.', ({ view }, labels) =>
      one({ ...labels, state: view.state, stage: view.stage }, 1),
    ),
    ofGuardrails('guardrail_verdict', '1 pass, 0 not judged, -1 breach.', ({ status }) => VERDICT_VALUES[status] ?? 0),
    ofGuardrails('guardrail_value', 'What the guardrail measured on the candidate.', ({ value }) => value),
    ofGuardrails('guardrail_threshold', 'What the guardrail allows.', ({ threshold }) => threshold),
    family(
      'counter',
      'rollbacks_total',
      'Rollbacks by what caused them: a guardrail, manual, experiment, unreadable (storage), removed (from the file).',
      rollbackCounts,
    ),
    counts('shadow_dropped_total', 'Shadow copies that were not made, by reason.', 'reason', ({ shadow }) => ({
      ...NO_DROPS,
      ...shadow.dropped,
    })),
    counts('shadow_funnel_total', 'Shadow copies of all runs, by how far they came.', 'step', (v) => v.shadow.funnel),
    gauge('shadow_in_flight', 'Shadow jobs that have not ended.', ({ view }) => view.shadow.in_flight),
    gauge('next_check_timestamp_seconds', 'When guardrails are judged next; unix time.', ({ view }) =>
      view.next_check_at === null ? null : Date.parse(view.next_check_at) / 1000,
    ),
    gauge('snapshot_age_seconds', 'Age of what the answering isolate routes by.', (r) => r.snapshotAgeSeconds),
    family('counter', 'telemetry_lost_total', 'Events that were not counted.', ({ telemetryLost }, labels) =>
      one(labels, telemetryLost),
    ),
    family('gauge', 'signal', 'Mean of a posted signal in the newest epoch that has any.', signalMeans),
  ]
}

/** No sample where nothing was measured: a zero would be a claim. */
function one(labels: Labels, value: number | null): Samples {
  return value === null ? [] : [{ labels, value }]
}

/** Zero again for what has not happened yet. */
function rollbackCounts({ view, rollbacks }: ReleaseMetrics, labels: Labels): Samples {
  const causes = ['manual', 'experiment', 'unreadable', ...view.verdicts.map(({ guardrail }) => guardrail)]
  const counts = new Map(causes.map((cause) => [cause, 0]))
  for (const { cause, n } of rollbacks) counts.set(cause, n)
  return [...counts].map(([cause, value]) => ({ labels: { ...labels, cause }, value }))
}

function signalMeans({ signals }: ReleaseMetrics, labels: Labels): Samples {
  const newest = Map.groupBy(signals, ({ arm, metric }) => `${arm}|${metric}`)
  return [...newest.values()].map((sums) => {
    const { arm, metric, mean } = sums.reduce((a, b) => (b.epoch > a.epoch ? b : a))
    return { labels: { ...labels, arm, metric }, value: mean }
  })
}

function requests(release: ReleaseMetrics, labels: Labels): Samples {
  return merged(release).flatMap(({ series, counters }) => {
    const ends = Object.entries({ ...NO_ERRORS, ...counters.outcomes })
    const good = ends.reduce((left, [, n]) => left - n, counters.requests)
    return [['ok', good] as const, ...ends].map(([outcome, value]) => ({
      labels: { ...labels, ...seriesLabels(series), outcome },
      value,
    }))
  })
}

function durations(jobs: boolean): Each {
  const bounds = jobs ? JOB_BOUNDS : REQUEST_BOUNDS
  return (release, labels) =>
    merged(release)
      .filter(({ series }) => (series.operation === 'job') === jobs)
      .flatMap(({ series, counters: { sketches } }) =>
        sketches.latency ? histogramSamples(sketches.latency, bounds, { ...labels, ...seriesLabels(series) }) : [],
      )
}

/** Over epochs, which are no label. */
function merged({ totals }: ReleaseMetrics): CountedRow[] {
  const rows = new Map<string, CountedRow>()
  for (const { series, counters } of totals) {
    const key = Object.values(seriesLabels(series)).join('|')
    let row = rows.get(key)
    if (!row) rows.set(key, (row = { series, counters: emptyCounters() }))
    mergeCounters(row.counters, counters)
  }
  return [...rows.values()]
}

function seriesLabels({ stage, arm, operation, shadow }: Series): Labels {
  return { stage, arm, operation, shadow: String(shadow) }
}
