/**
 * What counter shards and ledgers offer the gateway, the controller and the control plane: small values, never prompts
 * or bodies. Refusals are values; a rejected call means a bug or the platform.
 */
import type { Arm } from '../core/arm.ts'
import type { Trait } from '../core/experiment.ts'
import type { FailedTimes } from '../core/failed-submits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { CountedRow, Series } from '../core/window.ts'
import type { EventRow, RowsTaken } from './experiment-rpc.ts'
import type { BackendPlace, JobName, JobUpdate, LedgerJob, ListedJob, ReportedSeconds } from './job-shapes.ts'

/** What one isolate counted since its last flush. `source` and `seq` make a repeated flush harmless. */
export interface CounterBatch {
  source: string
  seq: number
  rows: (CountedRow & { failed?: FailedTimes })[]
  /** Events that were dropped since, by an overload or a failed flush. */
  lost: number
}

/** N per release. */
export interface CounterShardRpc {
  /** Answers with the newest snapshot known here, null before the controller has pushed one. */
  flush(batch: CounterBatch): Promise<Snapshot | null>
  /** The same, with what ledgers are to be told: an isolate that has something for many of them makes one call. */
  post(batch: CounterBatch, letters: [ledger: number, batch: LedgerBatch][]): Promise<PostAnswer>
  snapshot(): Promise<Snapshot | null>
}

/** Who names a job by nothing but its backend's id, and what that id could lead to. */
export interface Caller {
  /** All names that the caller has. */
  owners: string[]
  /** The caller shows no identity: a job of such a caller is its as well, where the backend's id is what was issued. */
  anonymous: boolean
  /** Replicas at which a shadow copy of this id is somebody else's; no caller has any. */
  copiesAt: number[]
}

/** Where a job of the candidate is by now: on at control, on its way there, or (null) where its id says. */
export type RescueStatus = ({ state: 'at_control' } & BackendPlace) | { state: 'pending' } | null

/** A subject dealt to an arm by its hash, with 0 < percent < 100: told with its first submit in an epoch. */
export interface Exposure {
  owner: string
  arm: Arm
  epoch: number
  /** The chance in percent that it had of being the candidate's. */
  percent: number
  at: number
  /** Coarse facts about the first submit, to tell whether the candidate's traffic is like all traffic. */
  traits: Record<Trait, string | null>
}

/** A download whose answer shows no video. Only the ledger knows whether there should be one, so it counts the request. */
export interface MissingVideo {
  job: JobName
  /** As the request is counted: stage and epoch are those that it was routed by. */
  request: Series
  /** Until the answer's headers. */
  seconds: number
  /** Unix ms. */
  sentAt: number
}

export interface LedgerBatch {
  submitted: LedgerJob[]
  seen: JobUpdate[]
  exposed?: Exposure[]
  missing?: MissingVideo[]
  /** Jobs that their owners have asked to be stopped, and whose backends have not said what came of it. */
  stopping?: JobName[]
  /** Steps of the shadow funnel that the isolate counted: `eligible`, `sampled`, `dropped:REASON`. */
  steps?: Record<string, number>
  copies?: CopyBatch
}

export interface FlushAnswer {
  lease: CopyLease | null
}

export interface PostAnswer {
  snapshot: Snapshot | null
  /** In the letters' order; null where a ledger has not said that it has taken its own. */
  answers: (FlushAnswer | null)[]
}

/** A shadow copy as the isolate that has sent it knows it; told until a flush of it has arrived. */
export interface CopyEntry {
  /** The job that it copies, and its size. */
  control: LedgerJob
  /** Unix ms. */
  sentAt: number
  /** What became of its submit; null while that is under way. */
  result: CopyResult | null
}

export type CopyResult = (BackendPlace & { end?: CopyEnd }) | { outcome: Outcome }

/** How a copy ended whose submit was answered with its end. `at` in unix ms. */
export interface CopyEnd {
  outcome: Outcome
  reported: ReportedSeconds
  at: number
}

/** What one isolate tells a ledger of its copies, and what it asks for. `source` and `seq` make a late flush harmless. */
export interface CopyBatch {
  source: string
  seq: number
  /** As the isolate knows the release. */
  epoch: number
  caps: ShadowCaps
  /** All that the ledger has not said yes to. */
  sent: CopyEntry[]
  /** Copies that the isolate may still begin by what it was granted; it gives the others back. */
  free: number
  /** Copies that wait for a grant. */
  waiting: number
  /** How many more it is likely to begin before its next flush. */
  spare: number
}

export type CopyRefusal = 'max_in_flight' | 'max_jobs_per_day' | 'rolled_back'

/** How many more copies an isolate may begin, and for how long from its question on it may begin any. */
export interface CopyLease {
  granted: number
  forMs: number
  /** Why it was granted less than it has asked for. */
  refusal: CopyRefusal | null
}

export interface ListCursor {
  submittedAt: number
  clientId: string
}

/** Of the whole release, as the running configuration has them. */
export interface ShadowCaps {
  maxInFlight: number
  maxJobsPerDay: number
  jobTimeoutMs: number
  /** So many ledgers share the others; missing in what earlier builds tell. */
  ledgers?: number
}

/** One request's hold on a key. */
export interface Hold {
  /** Its own, at random: nobody else settles what it claimed. */
  token: string
  /** Until when the claim is worth making, unix ms: whoever asked gives up then, and sends nothing. */
  byMs: number
}

/** An error that a repeated submit is answered with. */
export interface StoredError {
  httpStatus: number
  contentType: string
  /** Small: the gateway caps it. */
  body: Uint8Array<ArrayBuffer>
}

/** What became of a key claimed for a submit. */
export type Claim =
  | { status: 'new' }
  | { status: 'in_flight' }
  | { status: 'mismatch' }
  | { status: 'job'; clientId: string }
  | { status: 'error'; error: StoredError }
  /** The first submit may have arrived, and how it ended was never told. */
  | { status: 'unknown' }
  /** Asked after `byMs`: nothing was claimed. */
  | { status: 'late' }

export type ClaimEnd =
  | { job: { clientId: string } }
  /** A backend may have begun something: the same error is answered again. */
  | { error: StoredError }
  /** Nothing was begun: the key is free again. */
  | { release: true }

/** Sharded by subject; one per release by default. */
export interface JobLedgerRpc {
  /** Answers with what the isolate may copy from now on, where it has asked for that. */
  flush(batch: LedgerBatch): Promise<FlushAnswer>
  /** The same of several isolates; null for a batch that could not be taken, which spoils no other. */
  flushAll(batches: LedgerBatch[]): Promise<(FlushAnswer | null)[]>
  /** What subjects did. */
  addEvents(rows: EventRow[]): Promise<RowsTaken>
  /** The owners' jobs that their backends still have or that are on their way to control; one more than `limit` if there are more. */
  list(owners: string[], after: ListCursor | null, limit: number, order: 'asc' | 'desc'): Promise<ListedJob[]>
  /**
   * The caller's own job with this backend's id, at this replica where that is known; `'taken'` where the id is known
   * here as somebody else's only, null where it is not known.
   */
  find(upstreamId: string, caller: Caller, replica?: number): Promise<LedgerJob | 'taken' | null>
  claim(owner: string, key: string, fingerprint: string, hold: Hold): Promise<Claim>
  /** The same without claiming; null where the key is free. */
  recall(owner: string, key: string, fingerprint: string): Promise<Claim | null>
  settle(owner: string, key: string, token: string, end: ClaimEnd): Promise<void>
  /** Copies of these control jobs were measured, which the funnel counts once each. False for a job without a copy. */
  score(copied: BackendPlace[]): Promise<boolean[]>
  /** Where a failed job of the candidate goes on, after a wait for its submit to control where that is under way. */
  rescue(job: JobName, waitMs: number): Promise<RescueStatus>
  /** The same by what is known already. */
  jobLocation(job: JobName): Promise<RescueStatus>
}
