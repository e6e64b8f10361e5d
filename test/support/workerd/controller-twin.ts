/**
 * A release's controller in memory: versions, refusals, audit and compare-and-set as the real one answers them, so
 * that the control plane can be tried without objects. It knows two moves: start and rollback.
 */
import { detail } from '../../../src/core/errors.ts'
import type { ConfigView, HistoryEntry, JobView, PairView, ReleaseView } from '../../../src/api/index.ts'
import type { Snapshot } from '../../../src/core/release.ts'
import type { WindowRow } from '../../../src/core/window.ts'
import type {
  Answer,
  Publication,
  Refusal,
  ReleaseControllerRpc,
  SignalSum,
} from '../../../src/durable/controller-rpc.ts'
import type { ReportView } from '../../../src/api/experiment.ts'
import { aReport } from '../report-view.ts'
import { aReleaseView } from './release-view.ts'

export class ControllerTwin implements ReleaseControllerRpc {
  state: ReleaseView
  entries: HistoryEntry[] = []
  overlay: Record<string, unknown> = {}
  overlayVersion = 0
  /** Newest first. */
  published: Publication[] = []
  rows: WindowRow[] = []
  windowMs = 60_000
  allJobs: JobView[] = []
  allPairs: PairView[] = []
  rules: Snapshot['rules'] = []

  constructor(name: string) {
    this.state = aReleaseView({ name })
  }

  async snapshot(): Promise<Snapshot> {
    return this.lastSnapshot()
  }

  lastSnapshot(): Snapshot {
    const { name, state, stage, percent, epoch, version } = this.state
    const shadow = { sample: 0, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 5000, jobTimeoutMs: 3_600_000 }
    return {
      schema: 1,
      release: name,
      state,
      stage,
      percent,
      epoch,
      version,
      shadow,
      rules: this.rules,
      failover: false,
    }
  }

  async view(): Promise<Answer<ReleaseView>> {
    return { ok: true, value: this.state }
  }

  async act(...[command, actor]: Parameters<ReleaseControllerRpc['act']>): Promise<Answer<ReleaseView>> {
    const { state } = this
    if (actor.ifMatch !== null && actor.ifMatch !== state.version) return refusal('version_mismatch', 'stale')
    if (!state.legal_actions.includes(command.action)) {
      return refusal('illegal_transition', `${command.action} is not possible in ${state.stage}`, state.legal_actions)
    }
    const next =
      command.action === 'start'
        ? aReleaseView({ ...state, state: 'canary', stage: 'canary-50', percent: 50, legal_actions: ['rollback'] })
        : aReleaseView({ ...state, state: 'rolled_back', stage: 'rolled_back', percent: 0, legal_actions: ['reset'] })
    if (command.dry_run) return { ok: true, value: next }
    this.state = { ...next, version: state.version + 1, epoch: state.epoch + 1, reason: command.reason }
    this.entries.unshift({
      id: String(this.state.version),
      at: '2026-11-24T09:00:00.000Z',
      who: actor.who,
      action: command.action,
      reason: command.reason,
      from: { stage: state.stage, percent: state.percent },
      to: { stage: this.state.stage, percent: this.state.percent },
      epoch: this.state.epoch,
      version: this.state.version,
    })
    return { ok: true, value: this.state }
  }

  async history(cursor: string | null, limit: number): Promise<{ items: HistoryEntry[]; next: string | null }> {
    return paged(this.entries, cursor, limit)
  }

  async config(): Promise<Answer<ConfigView>> {
    return { ok: true, value: this.#configView() }
  }

  async publish(...[overlay, baseVersion, reason, actor, origin]: Parameters<ReleaseControllerRpc['publish']>) {
    if (baseVersion !== this.overlayVersion) return refusal('version_mismatch', 'somebody else was faster')
    const { who } = actor
    const at = '2026-11-24T09:00:00.000Z'
    this.published.unshift({ version: baseVersion + 1, at, who, reason, overlay, before: this.overlay, ...origin })
    this.overlay = overlay
    this.overlayVersion++
    return { ok: true as const, value: this.#configView() }
  }

  async lastPublishedChange() {
    return Math.max(0, ...this.published.map(({ change }) => change?.id ?? 0))
  }

  async publications(asked: Parameters<ReleaseControllerRpc['publications']>[0]) {
    if ('changes' in asked) return this.published.filter(({ change }) => change && asked.changes.includes(change.id))
    return this.published.filter(({ version }) => version < (asked.before ?? Infinity)).slice(0, asked.limit)
  }

  async windows(fromMs: number, toMs: number) {
    const rows = this.rows.filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
    return { windowMs: this.windowMs, rows }
  }

  async totals() {
    return this.rows
  }

  async jobs(...[filter, cursor, limit]: Parameters<ReleaseControllerRpc['jobs']>) {
    const wanted = Object.entries(filter) as [keyof JobView, unknown][]
    const matching = this.allJobs.filter((job) => wanted.every(([key, value]) => job[key] === value))
    return pagedLedger(matching, cursor, limit)
  }

  async pairs(cursor: string | null, limit: number) {
    return pagedLedger(this.allPairs, cursor, limit)
  }

  async rollbacks() {
    return [{ cause: 'error_rate:submit', n: 2 }]
  }

  async addSignals() {
    return { repeated: [], refused: [] }
  }

  async signals(): Promise<SignalSum[]> {
    return []
  }

  async report(): Promise<Answer<ReportView>> {
    return { ok: true, value: aReport(this.state.name) }
  }

  async telemetryLost() {
    return 3
  }

  #configView(): ConfigView {
    const values = Object.entries(this.overlay).map(([key, value]) => [key, { value, source: 'live' as const }])
    const { name } = this.state
    return {
      release: name,
      version: this.overlayVersion,
      values: Object.fromEntries(values),
      overlay: this.overlay,
      published: this.published.map(({ version, at, who, reason }) => ({ version, at, who, reason })),
    }
  }
}

/** With the cursors that one ledger gives. */
function pagedLedger<T>(all: T[], cursor: string | null, limit: number): { items: T[]; next: string | null } {
  const { items, next } = paged(all, /~(\d+)/.exec(cursor ?? '')?.[1] ?? null, limit)
  return { items, next: next && `0~${next}|key` }
}

function paged<T>(all: T[], cursor: string | null, limit: number): { items: T[]; next: string | null } {
  const from = Number(cursor ?? 0)
  return { items: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null }
}

function refusal(code: Refusal['code'], message: string, legal: string[] = []): Refusal {
  return {
    ok: false,
    code,
    message,
    details: legal.map((action) => detail('action', 'legal_action', action, { action })),
  }
}
