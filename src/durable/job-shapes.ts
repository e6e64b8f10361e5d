/**
 * A job in its five shapes, and how one becomes another: what its id says (`JobTag`), what its backend's answer shows
 * (`BackendJob`), what isolates and ledgers tell each other (`LedgerJob`, and `JobUpdate` of it), what the ledger keeps
 * (`JobRow`), what the API shows (`JobView`). Runs no SQL.
 */
import type { JobTag } from '../core/job-id.ts'
import type { JobView } from '../api/index.ts'
import type { Arm } from '../core/arm.ts'
import type { Outcome } from '../core/outcome.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { BackendJob, JobEnd } from '../protocols/protocol.ts'
import type { RebuiltSubmit } from '../protocols/submit.ts'

/** A job as its ledger knows it: all that its id says but the release, which is the ledger's own. */
export interface LedgerJob extends Omit<JobTag, 'release'> {
  clientId: string
  /** What stands before the API's own paths where it was submitted, as `/n`; '' where nothing does. */
  prefix: string
  /** frames × pixels; null where unknown. With the submit only, as `rescue` is. */
  work?: number | null
  /** The body as control would take it, kept until the job is terminal (`rescue = true`). */
  rescue?: RebuiltSubmit | null
}

/** A user's job, as its id names it: neither alone is unique, since backends number their jobs alike. */
export type JobName = Pick<LedgerJob, 'arm' | 'replica' | 'upstreamId' | 'owner' | 'epoch'>

/** Where a backend keeps a job. */
export type BackendPlace = Pick<LedgerJob, 'upstreamId' | 'replica'>

/** How long a job took by its backend's own account. */
export type ReportedSeconds = Pick<BackendJob, 'queueSeconds' | 'runSeconds' | 'totalSeconds'>

/** A job seen in an answer on its way to a client. */
export interface JobUpdate {
  job: LedgerJob
  /** Null while it is still open. */
  outcome: Outcome | null
  reported: ReportedSeconds
  at: number
  /** Told by a backend that chose the id itself: it makes no job of one that nobody has submitted. */
  isHearsay?: boolean
}

/** A job in its owner's list, with what is known of it without asking its backend. Unix ms. */
export interface ListedJob extends LedgerJob {
  /** Null while it is open for its client, or where only its backend could tell. */
  end: JobEnd | null
  /** When it was last seen open; null where nobody has looked. */
  openAt: number | null
}

export const NOTHING_REPORTED: ReportedSeconds = { queueSeconds: null, runSeconds: null, totalSeconds: null }

/** One row. Times are unix ms. `key` is unique over arms and replicas. */
export type JobRow = {
  /** Goes by the time of the submit: not below `submitted_at * IDS_A_MS`, and seldom more than a few above. */
  id: number
  key: string
  client_id: string
  /** Empty for a shadow copy whose submit has not been answered yet. */
  upstream_id: string
  arm: Arm
  replica: number
  owner: string
  epoch: number
  stage: string
  anonymous: number
  shadow: number
  /** 0: outside the counters, as a job that goes on at control after its candidate failed. */
  counted: number
  submitted_at: number
  work: number | null
  status: JobView['status']
  outcome: Outcome | null
  seconds: number | null
  run_seconds: number | null
  ended_at: number | null
  /** When the ledger looks by itself. */
  poll_at: number | null
  polls: number
  /** 1: counted as slow while still open, so its latency is not counted again. 2: to be looked at before that. */
  overdue: number
  rescued_upstream: string | null
  rescued_replica: number | null
  /** 1: its backend no longer has it, though it may have ended well before. 2: its owner deleted it. -1: or tried to. */
  gone: number
  /** When it was last known to be open, or looked for in vain; null while nobody has looked. */
  open_at: number | null
  /** When it was first shown to have succeeded, by the clock of whoever saw it; null: not yet. */
  shown_at: number | null
  /** 1: a shadow job that an evaluator has measured. */
  scored: number
  /** When it is given up; null: the release's `job_timeout` after its submit. */
  deadline_at: number | null
  /** Before the API's own paths at its backend, as `/n`. */
  prefix: string
}

/** Ids that each millisecond has. */
export const IDS_A_MS = 1024

export const COLUMNS = `id INTEGER PRIMARY KEY, key TEXT, client_id TEXT, upstream_id TEXT, arm TEXT, replica INTEGER, owner TEXT,
  epoch INTEGER, stage TEXT, anonymous INTEGER, shadow INTEGER, counted INTEGER, submitted_at INTEGER, work REAL,
  status TEXT DEFAULT 'open', outcome TEXT, seconds REAL, run_seconds REAL, ended_at INTEGER, poll_at INTEGER,
  polls INTEGER DEFAULT 0, overdue INTEGER DEFAULT 0, rescued_upstream TEXT, rescued_replica INTEGER, deadline_at INTEGER,
  gone INTEGER DEFAULT 0, scored INTEGER DEFAULT 0, prefix TEXT, open_at INTEGER, shown_at INTEGER`

/** It begins with the backend's id, so that a job is found by that too. */
export function jobKey(arm: Arm, replica: number, upstreamId: string): string {
  return `${upstreamId}|${arm}|${replica}`
}

const COPY = '|copy'

/** A submit is copied once, so its copy goes by its name. */
export function copyKey({ arm, replica, upstreamId }: Pick<LedgerJob, 'arm' | 'replica' | 'upstreamId'>): string {
  return jobKey(arm, replica, upstreamId) + COPY
}

/** In SQL: the key of the control job that a row copies. */
export const COPIED_KEY = `substr(jobs.key, 1, length(jobs.key) - ${COPY.length})`

export function toLedgerJob(row: JobRow): LedgerJob {
  return {
    clientId: row.client_id,
    upstreamId: row.upstream_id,
    arm: row.arm,
    replica: row.replica,
    epoch: row.epoch,
    stage: row.stage,
    submittedAt: row.submitted_at,
    owner: row.owner,
    anonymous: row.anonymous === 1,
    prefix: row.prefix,
  }
}

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

export function toJobView(row: JobRow): JobView {
  return {
    id: row.client_id,
    arm: row.arm,
    stage: row.stage,
    epoch: row.epoch,
    status: row.status,
    outcome: row.outcome,
    shadow: row.shadow === 1,
    rescued: row.rescued_upstream !== null,
    submitted_at: iso(row.submitted_at),
    ended_at: row.ended_at === null ? null : iso(row.ended_at),
    seconds: row.seconds,
  }
}

/** What an answer shows of a job; or its end, where its backend no longer knows it or its client gave it up. `at` in unix ms. */
export function toJobUpdate(job: LedgerJob, shown: BackendJob | 'job_lost' | 'cancelled', at: number): JobUpdate {
  const { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix } = job
  // Without the body, which went with the submit.
  const named = { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix }
  if (typeof shown === 'string') return { job: named, outcome: shown, reported: NOTHING_REPORTED, at }
  return { job: named, outcome: outcomeOf(shown), reported: reportedBy(shown), at }
}

export function reportedBy({ queueSeconds, runSeconds, totalSeconds }: BackendJob): ReportedSeconds {
  return { queueSeconds, runSeconds, totalSeconds }
}
