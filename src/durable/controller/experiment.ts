/**
 * The experiment of a release: asks the ledgers for sums over subjects, has the core make the report, keeps what must
 * be kept (the reading at the planned end, the last decision) and tells when the decision changes. Acts on nothing.
 */
import type { ReportView } from '../../api/experiment.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { hash32 } from '../../core/assignment.ts'
import { type DailySum, dailySums } from '../../core/daily-sums.ts'
import { DAY_MS, edgesOf, sumsOf } from '../../core/metric-sums.ts'
import { isSplit, presentRung } from '../../core/release.ts'
import { buildReport, type Report } from '../../core/report/index.ts'
import { addedParts, selfCheck } from '../../core/self-check.ts'
import { within } from '../deadline.ts'
import { iso } from '../job-shapes.ts'
import { note } from './commit.ts'
import { ledgersOf } from './gather.ts'
import type { ControllerParts } from './parts.ts'
import { evidenceOf, spanOf, SUMS_DEADLINE_MS } from './report-evidence.ts'
import { isoOrNull } from './view.ts'

/** Metrics in one self-check: each takes about a tenth of a second. */
const MOST_CHECKED = 10

export class Experiment {
  readonly #parts: ControllerParts
  #evaluatedAt = -Infinity
  #isEvaluating = false

  constructor(parts: ControllerParts) {
    this.#parts = parts
  }

  async report(config: ReleaseConfig): Promise<ReportView> {
    return reportView(await this.#report(config, Date.now()))
  }

  async dailySums(config: ReleaseConfig): Promise<DailySum[]> {
    return dailySums(await evidenceOf(this.#parts, config, Date.now()), config.metrics, dayText)
  }

  /** Tries the report's tests on control's own subjects, and keeps what came of it for as long as the split lasts. */
  async selfCheck(config: ReleaseConfig): Promise<ReportView> {
    const now = Date.now()
    const span = spanOf(this.#parts)
    if (!span) return this.report(config)
    const evidence = await evidenceOf(this.#parts, config, now)
    const metrics = config.metrics
      .filter(({ role, kind }) => role !== 'secondary' && kind !== 'quantile')
      .slice(0, MOST_CHECKED)
    const question = {
      metrics: metrics.map((metric) => ({ ...metric, ...edgesOf(evidence, metric) })),
      today: Math.floor(now / DAY_MS),
    }
    const parts = await Promise.all(
      ledgersOf(this.#parts.env, config).map((ledger) => within(SUMS_DEADLINE_MS, ledger.experimentParts(question))),
    )
    const checks = metrics.flatMap((metric) => {
      const own = addedParts(parts.flatMap((each) => each[metric.name] ?? []))
      return selfCheck(metric, own, span.percent, config.experiment, hash32(config.name)) ?? []
    })
    this.#parts.store.commit({ stored: { selfCheck: { span: span.epochs[0]!, atMs: now, metrics: checks } } }, now)
    return this.report(config)
  }

  /** Once a window while both arms have traffic, one at a time: takes the reading when it is due, and remembers the decision. */
  async evaluate(config: ReleaseConfig): Promise<void> {
    const now = Date.now()
    const { state } = this.#parts.store
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
    const { state } = this.#parts.store
    const { epoch } = state
    let report = await this.#report(config, now)
    if (report.readiness.due && report.readiness.read_at === null) report = await this.#report(config, now, true)
    if (this.#parts.store.state.epoch !== epoch) return
    const { decision: last } = this.#parts.store.stored
    const before = last?.epoch === epoch ? last : null
    const { decision, reasons } = report.decision
    const isNews = before?.decision !== decision && !(before === null && decision === 'continue')
    const stored = { decision: { epoch, decision, message: messageOf(report) } }
    if (!isNews) return this.#parts.store.commit({ stored }, now)
    const acts = presentRung(state, config.ladder)?.gate === 'experiment' && config.advance === 'auto'
    const evidence = { decision, reasons, advises_only: !acts, report: reportView(report) }
    const reason = `${decision}: ${messageOf(report)}`
    const entry = { who: 'system:experiment', action: 'decision', reason, evidence }
    this.#parts.store.commit({ stored, ...note(this.#parts.store.state, config, 'decision', entry) }, now)
  }

  /** `take`: what is read now is the reading at the planned end, kept for good. */
  async #report(config: ReleaseConfig, now: number, take = false): Promise<Report> {
    const span = spanOf(this.#parts)
    const evidence = await evidenceOf(this.#parts, config, now)
    const { metrics, experiment } = config
    if (!take || span?.untilMs !== null) return buildReport(evidence, metrics, experiment)
    const sums = Object.fromEntries(metrics.map((metric) => [metric.name, sumsOf(evidence, metric)]))
    const fixed = { span: span.epochs[0]!, atMs: now, metrics: sums }
    this.#parts.store.commit({ stored: { reading: fixed } }, now)
    return buildReport({ ...evidence, fixed }, metrics, experiment)
  }
}

function messageOf({ decision }: Report): string {
  return decision.reasons.map(({ message }) => message).join('; ')
}

function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Times as the API writes them. */
function reportView(report: Report): ReportView {
  return {
    ...report,
    at: iso(report.at),
    since: isoOrNull(report.since),
    until: isoOrNull(report.until),
    readiness: { ...report.readiness, read_at: isoOrNull(report.readiness.read_at) },
    self_check: report.self_check && { ...report.self_check, at: iso(report.self_check.at) },
    series: report.series.map(({ metric, points }) => ({
      metric,
      points: points.map((point) => ({ ...point, day: dayText(point.day) })),
    })),
  }
}
