/**
 * The experiment of a release: asks the ledgers for sums over subjects, has the core make the report, keeps what must
 * be kept (the reading at the planned end, the last decision) and tells when the decision changes. Acts on nothing.
 */
import type { ReportView } from '../../api/experiment.ts'
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { hash32 } from '../../core/assignment.ts'
import { type DailySum, dailySums } from '../../core/daily-sums.ts'
import { SluiceError } from '../../core/errors.ts'
import type { Evidence } from '../../core/experiment.ts'
import { edgesOf, sumsOf } from '../../core/metric-sums.ts'
import { isSplit, presentRung } from '../../core/release.ts'
import { buildReport, type Report } from '../../core/report.ts'
import { excludedDayRanges } from '../../core/report-readiness.ts'
import { type EpochPlace, latestSpan, type Span } from '../../core/report-span.ts'
import { addedParts, selfCheck } from '../../core/self-check.ts'
import { spreadOf } from '../../core/stats/spread.ts'
import { merged, mergedPairs, type Moments, noMoments, noPairs } from '../../core/stats/moments.ts'
import type { SignalSum } from '../controller-rpc.ts'
import type { ExperimentSums, SplitCount } from '../experiment-rpc.ts'
import { within } from '../deadline.ts'
import { note } from './commit.ts'
import { ledgersOf } from './gather.ts'
import type { Signals } from './signals.ts'
import type { ControllerStore } from './store.ts'

const DEADLINE_MS = 4000
const DAY_MS = 86_400_000
/** Of a ledger that is counting anew, in one report. */
const MOST_CALLS = 40
/** Metrics in one self-check: each takes about a tenth of a second. */
const MOST_CHECKED = 10

export class Experiment {
  readonly #env: Env
  readonly #store: ControllerStore
  readonly #signals: Signals
  #evaluatedAt = -Infinity
  #isEvaluating = false

  constructor(env: Env, store: ControllerStore, signals: Signals) {
    this.#env = env
    this.#store = store
    this.#signals = signals
  }

  async report(config: ReleaseConfig): Promise<ReportView> {
    return reportView(await this.#report(config, Date.now()))
  }

  async dailySums(config: ReleaseConfig): Promise<DailySum[]> {
    const places = this.#store.places(this.#store.state.startedAt ?? 0)
    return dailySums(await this.#evidence(config, places, latestSpan(places), Date.now()), config.metrics, dayText)
  }

  /** Tries the report's tests on control's own subjects, and keeps what came of it for as long as the split lasts. */
  async selfCheck(config: ReleaseConfig): Promise<ReportView> {
    const now = Date.now()
    const places = this.#store.places(this.#store.state.startedAt ?? 0)
    const span = latestSpan(places)
    if (!span) return this.report(config)
    const evidence = await this.#evidence(config, places, span, now)
    const metrics = config.metrics
      .filter(({ role, kind }) => role !== 'secondary' && kind !== 'quantile')
      .slice(0, MOST_CHECKED)
    const question = {
      metrics: metrics.map((metric) => ({ ...metric, ...edgesOf(evidence, metric) })),
      today: Math.floor(now / DAY_MS),
    }
    const parts = await Promise.all(
      ledgersOf(this.#env, config).map((ledger) => within(DEADLINE_MS, ledger.experimentParts(question))),
    )
    const checks = metrics.flatMap((metric) => {
      const own = addedParts(parts.flatMap((each) => each[metric.name] ?? []))
      return selfCheck(metric, own, span.percent, config.experiment, hash32(config.name)) ?? []
    })
    this.#store.commit({ stored: { selfCheck: { span: span.epochs[0]!, atMs: now, metrics: checks } } }, now)
    return this.report(config)
  }

  /** Once a window while both arms have traffic, one at a time: takes the reading when it is due, and remembers the decision. */
  async evaluate(config: ReleaseConfig): Promise<void> {
    const now = Date.now()
    const { state } = this.#store
    const isDue = !this.#isEvaluating && now >= this.#evaluatedAt + config.windowMs
    if (!isSplit(state) || config.metrics.length === 0 || !isDue) return
    this.#evaluatedAt = now
    this.#isEvaluating = true
    try {
      await this.#evaluate(config, now)
    } finally {
      this.#isEvaluating = false
    }
  }

  async #evaluate(config: ReleaseConfig, now: number): Promise<void> {
    const { state } = this.#store
    const { epoch } = state
    let report = await this.#report(config, now)
    if (report.readiness.due && report.readiness.read_at === null) report = await this.#report(config, now, true)
    if (this.#store.state.epoch !== epoch) return
    const before = this.#store.decision?.epoch === epoch ? this.#store.decision : null
    const { decision, reasons } = report.decision
    const isNews = before?.decision !== decision && !(before === null && decision === 'continue')
    const stored = { decision: { epoch, decision, message: messageOf(report) } }
    if (!isNews) return this.#store.commit({ stored }, now)
    const acts = presentRung(state, config.ladder)?.gate === 'experiment' && config.advance === 'auto'
    const evidence = { decision, reasons, advises_only: !acts, report: reportView(report) }
    const reason = `${decision}: ${messageOf(report)}`
    const entry = { who: 'system:experiment', action: 'decision', reason, evidence }
    this.#store.commit({ stored, ...note(this.#store.state, config, 'decision', entry) }, now)
  }

  /** `take`: what is read now is the reading at the planned end, kept for good. */
  async #report(config: ReleaseConfig, now: number, take = false): Promise<Report> {
    const places = this.#store.places(this.#store.state.startedAt ?? 0)
    const span = latestSpan(places)
    const evidence = await this.#evidence(config, places, span, now)
    if (take && span && span.untilMs === null) {
      const metrics = Object.fromEntries(config.metrics.map((metric) => [metric.name, sumsOf(evidence, metric)]))
      const reading = { span: span.epochs[0]!, atMs: now, metrics }
      this.#store.commit({ stored: { reading } }, now)
      return buildReport({ ...evidence, fixed: reading }, config.metrics, config.experiment)
    }
    return buildReport(evidence, config.metrics, config.experiment)
  }

  async #evidence(config: ReleaseConfig, places: EpochPlace[], span: Span | null, now: number): Promise<Evidence> {
    const ledgers = ledgersOf(this.#env, config)
    const question = {
      epochs: span?.epochs ?? [],
      metrics: config.metrics.map(({ name, kind, observeDays }) => ({ name, kind, observeDays })),
      strata: config.experiment.strata,
      excluded: excludedDayRanges(config.experiment),
      sinceMs: this.#store.state.startedAt ?? 0,
    }
    const sums = await Promise.all(ledgers.map((ledger) => allCounted(() => ledger.experiment(question))))
    const { reading, selfCheck: checked, state } = this.#store
    const fixed = reading && span && reading.span === span.epochs[0] ? reading : null
    const first = places[0]?.epoch ?? 0
    // Since there are more ledgers, whoever was exposed before may be a first one in another of them again.
    const placedSince = state.ledgers.at(-1)?.fromEpoch ?? 0
    return {
      release: config.name,
      now,
      stage: state.stage,
      percent: span?.percent ?? null,
      sinceMs: span?.sinceMs ?? null,
      untilMs: span?.untilMs ?? null,
      splits: addedSplits(
        sums.flatMap(({ splits }) => splits).filter(({ epoch }) => epoch >= placedSince),
        places,
      ),
      crossed: sums.reduce((sum, { crossed }) => sum + crossed, 0),
      days: [...sums.flatMap(({ metrics }) => metrics), ...spreadRows(sums)],
      before: sums.flatMap(({ before }) => before ?? []),
      strata: sums.flatMap(({ strata }) => strata ?? []),
      gpuSeconds: secondsOf(sums),
      costPerGpuSecond: {
        control: config.arms.control.costPerGpuSecond,
        candidate: config.arms.candidate.costPerGpuSecond,
      },
      signals: addedSignals(this.#signals.sums().filter(({ epoch }) => epoch >= first)),
      pairs: this.#signals.pairs.sums(first),
      traits: addedTraits(sums),
      fixed,
      selfCheck: checked && span && checked.span === span.epochs[0] ? checked : null,
    }
  }
}

/** After a change of the metrics a ledger counts its subjects anew, a part of them with each call. */
async function allCounted(ask: () => Promise<ExperimentSums>): Promise<ExperimentSums> {
  let sums = await within(DEADLINE_MS, ask())
  for (let calls = 1; sums.uncounted > 0 && calls < MOST_CALLS; calls++) sums = await within(DEADLINE_MS, ask())
  if (sums.uncounted === 0) return sums
  const message = `the ledger is counting anew what subjects did; ${sums.uncounted} of them are left: ask again in a minute`
  throw new SluiceError('control_plane_unavailable', message)
}

function secondsOf(sums: readonly ExperimentSums[]): Evidence['gpuSeconds'] {
  const seconds = { control: noPairs(), candidate: noPairs() }
  for (const { arm, moments } of sums.flatMap((sum) => sum.gpuSeconds))
    seconds[arm] = mergedPairs(seconds[arm], moments)
  return seconds
}

/** Of all ledgers together, a row a bucket. */
function spreadRows(sums: readonly ExperimentSums[]): Evidence['days'] {
  const all = sums.flatMap(({ spreads }) => spreads ?? [])
  return [...Map.groupBy(all, ({ metric, arm, day }) => `${metric}|${arm}|${day}`).values()].flatMap((its) => {
    const { metric, arm, day } = its[0]!
    const rows = its.flatMap(({ buckets, counts }) => buckets.map((bucket, i) => [bucket, counts[i]!] as const))
    return spreadOf(rows).map(([bucket, n]) => ({ metric, arm, day, bucket, moments: { ...noPairs(), n } }))
  })
}

/** A subject is in one ledger since the last time that there were more of them, so that their counts add up. */
function addedSplits(counts: readonly SplitCount[], places: readonly EpochPlace[]): Evidence['splits'] {
  return [...Map.groupBy(counts, ({ epoch }) => epoch)].map(([epoch, its]) => {
    const place = places.find((each) => each.epoch === epoch)
    const total = (of: (count: SplitCount) => number) => its.reduce((sum, each) => sum + of(each), 0)
    return {
      epoch,
      stage: place?.stage ?? '',
      percent: place?.percent ?? 0,
      n: total(({ n }) => n),
      candidate: total(({ candidate }) => candidate),
      expected: total(({ expected }) => expected),
    }
  })
}

/** Over the epochs of the run: evaluators post what they measured of shadow pairs, too. */
function addedSignals(sums: readonly SignalSum[]): Evidence['signals'] {
  return [...Map.groupBy(sums, ({ metric, arm }) => `${metric}|${arm}`).values()].map((its) => {
    const { metric, arm } = its[0]!
    const newest = its.reduce((a, b) => (b.lastAtMs > a.lastAtMs ? b : a))
    const { n, mean, m2 } = its.reduce<Moments>(merged, noMoments())
    return { metric, arm, n, mean, m2, last: newest.last }
  })
}

function addedTraits(sums: readonly ExperimentSums[]): Evidence['traits'] {
  const all = sums.flatMap(({ traits }) => traits)
  return [...Map.groupBy(all, ({ trait, bucket }) => `${trait}|${bucket}`).values()].map((its) => ({
    trait: its[0]!.trait,
    bucket: its[0]!.bucket,
    control: its.reduce((sum, { control }) => sum + control, 0),
    candidate: its.reduce((sum, { candidate }) => sum + candidate, 0),
  }))
}

function messageOf({ decision }: Report): string {
  return decision.reasons.map(({ message }) => message).join('; ')
}

function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Times as the API writes them. */
function reportView(report: Report): ReportView {
  const isoOrNull = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    ...report,
    at: new Date(report.at).toISOString(),
    since: isoOrNull(report.since),
    until: isoOrNull(report.until),
    readiness: { ...report.readiness, read_at: isoOrNull(report.readiness.read_at) },
    self_check: report.self_check && { ...report.self_check, at: new Date(report.self_check.at).toISOString() },
    series: report.series.map(({ metric, points }) => ({
      metric,
      points: points.map((point) => ({ ...point, day: dayText(point.day) })),
    })),
  }
}
