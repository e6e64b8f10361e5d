/** Sums over the ledger's jobs that the controller shows: what is open, and what a rollout cost its users. */
import type { BlastCounts, BlastQuestion } from '../../core/rollback-cost.ts'
import type { Report, Span } from '../window-store.ts'
import type { FunnelView } from './funnel.ts'
import type { Overdue } from './job-table.ts'

/** What the controller's tick asks for beside the windows: jobs of this kind open for longer count as slow from now on. */
export interface LedgerQuestion extends Span {
  overdue: Overdue | null
}

export interface LedgerReport extends Report, FunnelView {
  open: OpenJobs
  /** Shadow copies admitted since midnight UTC. */
  shadowToday: number
}

export interface OpenJobs {
  /** Candidate jobs of users: what drains after a rollback. */
  candidate: number
  oldestCandidateAt: number | null
  shadow: number
}

export function openJobs(sql: SqlStorage): OpenJobs {
  const [row] = sql.exec<{ candidate: number; oldest: number | null; shadow: number }>(
    `SELECT COALESCE(SUM(arm = 'candidate' AND shadow = 0), 0) AS candidate,
       MIN(CASE WHEN arm = 'candidate' AND shadow = 0 THEN submitted_at END) AS oldest,
       COALESCE(SUM(shadow), 0) AS shadow FROM jobs WHERE status = 'open'`,
  )
  return { candidate: row!.candidate, oldestCandidateAt: row!.oldest, shadow: row!.shadow }
}

/** Exposed is whoever was dealt to the candidate, as the experiment knows it, or has a job there. */
export function blastCounts(sql: SqlStorage, question: BlastQuestion): BlastCounts {
  const failed = "status IN ('failed', 'lost', 'timeout') AND outcome != 'content_refused'"
  const { startedAt, decidedAt, untilMs, lastEpoch } = question
  const until = untilMs ?? Number.MAX_SAFE_INTEGER
  const [row] = sql.exec<{
    failed: number
    rescued: number
    seconds: number
    first: number | null
    first_copy: number | null
    misrouted: number | null
    open: number
  }>(
    `SELECT COALESCE(SUM(shadow = 0 AND ${failed}), 0) AS failed,
       COALESCE(SUM(rescued_upstream IS NOT NULL), 0) AS rescued,
       COALESCE(SUM(CASE WHEN shadow = 1 OR (${failed}) THEN COALESCE(run_seconds, seconds, 0) END), 0) AS seconds,
       MIN(CASE WHEN shadow = 0 AND ${failed} THEN ended_at END) AS first,
       MIN(CASE WHEN shadow = 1 AND epoch = ?1 AND ${failed} THEN ended_at END) AS first_copy,
       MAX(CASE WHEN shadow = 0 AND epoch <= ?1 AND submitted_at > ?2 THEN submitted_at END) AS misrouted,
       COALESCE(SUM(status = 'open' OR key IN (SELECT key FROM bodies WHERE try_at IS NOT NULL)), 0) AS open
     FROM jobs WHERE arm = 'candidate' AND submitted_at >= ?3 AND submitted_at < ?4`,
    lastEpoch,
    decidedAt,
    startedAt,
    until,
  )
  const [exposed] = sql.exec<{ n: number }>(
    `SELECT COUNT(*) AS n FROM (
       SELECT owner FROM jobs WHERE arm = 'candidate' AND shadow = 0 AND submitted_at >= ?1 AND submitted_at < ?2
       UNION SELECT owner FROM exposures WHERE arm = 'candidate' AND at >= ?1 AND at < ?2)`,
    startedAt,
    until,
  )
  return {
    subjectsExposed: exposed!.n,
    jobsFailed: row!.failed,
    jobsRescued: row!.rescued,
    gpuSecondsLost: row!.seconds,
    firstFailureAt: row!.first,
    firstCopyFailureAt: row!.first_copy,
    lastMisroutedSubmitAt: row!.misrouted,
    open: row!.open,
  }
}
