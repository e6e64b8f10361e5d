/**
 * What the Durable Objects offer each other, the gateway and the control plane: small values,
 * never prompts or bodies. Refusals are values; a rejected call means a bug or the platform.
 */
import type { ActionCommand, ConfigView, HistoryEntry, JobView, PairView, ReleaseView } from '../control/api.ts'
import type { Arm } from '../core/assignment.ts'
import type { ErrorCode, ErrorDetail } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { Counters, Measure, Series } from '../core/window.ts'

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
  history(cursor: string | null, limit: number): Promise<{ items: HistoryEntry[]; next: string | null }>
  config(): Promise<Answer<ConfigView>>
  /** Compare-and-set: `baseVersion` is the overlay version that the draft was made from. */
  publish(
    overlay: Record<string, unknown>,
    baseVersion: number,
    reason: string,
    actor: Actor,
  ): Promise<Answer<ConfigView>>
  /** Merged windows of shards and ledgers with `fromMs <= start < toMs`. */
  windows(
    fromMs: number,
    toMs: number,
  ): Promise<{ windowMs: number; rows: { startMs: number; series: Series; counters: Counters }[] }>
  /** Sums since the release was first started, for Prometheus counters and histograms. */
  totals(): Promise<{ series: Series; counters: Counters }[]>
  jobs(filter: JobFilter, cursor: string | null, limit: number): Promise<{ items: JobView[]; next: string | null }>
  pairs(cursor: string | null, limit: number): Promise<{ items: PairView[]; next: string | null }>
  rollbacks(): Promise<{ cause: string; n: number }[]>
  telemetryLost(): Promise<number>
}

export interface JobFilter {
  arm?: Arm
  status?: JobView['status']
  shadow?: boolean
}

/** What one isolate counted since its last flush. `source` and `seq` make a repeated flush harmless. */
export interface CounterBatch {
  source: string
  seq: number
  rows: { series: Series; counters: Counters }[]
  /** Events that were dropped since, by an overload or a failed flush. */
  lost: number
}

/** N per release. */
export interface CounterShardRpc {
  /** Answers with the newest snapshot known here, null before the controller has pushed one. */
  flush(batch: CounterBatch): Promise<Snapshot | null>
  snapshot(): Promise<Snapshot | null>
}

/** A submit that a backend accepted. Ids are the backend's own. */
export interface JobEntry {
  upstreamId: string
  /** Hash of the subject, so that a list finds the caller's own. */
  owner: string
  arm: Arm
  /** Short hash of the replica's URL. */
  replica: string
  stage: string
  epoch: number
  matched: boolean
  submittedAt: number
  /** frames × pixels; null where unknown. */
  work: number | null
  /** Id that the client holds. */
  clientId: string
}

/** A job seen in an answer on its way to a client. */
export interface JobSighting {
  upstreamId: string
  arm: Arm
  owner: string
  /** Null while it is still open. */
  outcome: Outcome | null
  seconds: Partial<Record<Measure, number>>
  at: number
}
