/** What a release's controller offers the control plane, in the API's own values. The data plane needs none of it. */
import type {
  ActionCommand,
  ConfigView,
  HistoryEntry,
  JobFilter,
  JobView,
  Page,
  PairView,
  ReleaseView,
} from '../api/index.ts'
import type { ReportView, ScoreView } from '../api/experiment.ts'
import type { Arm } from '../core/arm.ts'
import type { DailySum } from '../core/daily-sums.ts'
import type { ErrorCode, ErrorDetail } from '../core/errors.ts'
import type { Snapshot } from '../core/release.ts'
import type { CountedRow, WindowRow } from '../core/window.ts'
import type { RowsTaken } from './experiment-rpc.ts'

export interface Refusal {
  ok: false
  code: ErrorCode
  message: string
  details: ErrorDetail[]
}
export type Answer<T> = { ok: true; value: T } | Refusal

export interface Actor {
  /** `token:NAME`, `user:SUBJECT` or `system:…`. */
  who: string
  /** Version that the caller believes to be current (`If-Match`); null: any. */
  ifMatch: number | null
}

/** One per release: the only writer of its state, effective config and audit. */
export interface ReleaseControllerRpc {
  snapshot(): Promise<Snapshot>
  view(): Promise<Answer<ReleaseView>>
  act(command: ActionCommand, actor: Actor): Promise<Answer<ReleaseView>>
  /** Newest first; `cursor` is the `next` of the page before. */
  history(cursor: string | null, limit: number): Promise<Page<HistoryEntry>>
  config(): Promise<Answer<ConfigView>>
  /** Compare-and-set: `baseVersion` is the overlay version that the draft was made from. */
  publish(
    overlay: Record<string, unknown>,
    baseVersion: number,
    reason: string,
    actor: Actor,
    origin?: PublicationOrigin,
  ): Promise<Answer<ConfigView>>
  /** Newest first: those before a version, or those that came of these change requests. */
  publications(asked: { before: number | null; limit: number } | { changes: number[] }): Promise<Publication[]>
  /** The highest number of a change request that was ever published; 0: none was. */
  lastPublishedChange(): Promise<number>
  /** Merged windows of shards and ledgers with `fromMs <= start < toMs`. */
  windows(fromMs: number, toMs: number): Promise<{ windowMs: number; rows: WindowRow[] }>
  /** Sums since the release was first started, for Prometheus counters and histograms. */
  totals(): Promise<CountedRow[]>
  jobs(filter: JobFilter, cursor: string | null, limit: number): Promise<Page<JobView>>
  pairs(cursor: string | null, limit: number): Promise<Page<PairView>>
  rollbacks(): Promise<{ cause: string; n: number }[]>
  /** Quality, resources, cost; an id seen before is not counted again, a name too many is refused. By row numbers. */
  addSignals(rows: SignalRow[]): Promise<RowsTaken>
  signals(): Promise<SignalSum[]>
  /** Signals of both sides of shadow pairs, newest first. */
  scores(cursor: string | null, limit: number): Promise<Page<ScoreView>>
  /** The A/B report as it stands. */
  report(): Promise<Answer<ReportView>>
  /** The same, after the tests were tried on control's own subjects. */
  selfCheck(): Promise<Answer<ReportView>>
  /** What the report is made of, by day. */
  dailySums(): Promise<Answer<DailySum[]>>
  telemetryLost(): Promise<number>
}

/** What a publication came of, where it was no plain change by one person. */
export interface PublicationOrigin {
  /** The change request that it is. */
  change?: { id: number; title: string; author: string; approved_by: string[] }
  /** The version whose overlay it brings back. */
  restored?: number
  /** Published by one person although the release asks for two. */
  break_glass?: boolean
}

/** One published overlay, `before` being the one that it took the place of. */
export interface Publication extends PublicationOrigin {
  version: number
  at: string
  who: string
  reason: string
  overlay: Record<string, unknown>
  before: Record<string, unknown>
}

/** `row` numbers it in the answer. */
export interface SignalRow {
  row: number
  arm: Arm
  metric: string
  value: number
  /** Unix ms; null: now. */
  atMs: number | null
  id: string | null
  /** Of the job that it is about; null: the running epoch. */
  epoch: number | null
  /** The client's id of a control job: this is about it, or about its copy. */
  pair?: string | null
}

/** All values of one metric in one epoch: `m2` is Σ(v − mean)². */
export interface SignalSum {
  epoch: number
  arm: Arm
  metric: string
  n: number
  mean: number
  m2: number
  last: number
  lastAtMs: number
}
