/** Sums over the ledger's jobs that the controller shows: what is open, and what a rollout cost its users. */

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

/** `gpuSecondsLost`: run time, or else the whole time, of failed and shadow jobs: GPU seconds where a job holds one GPU. */
export interface BlastCounts {
  subjectsExposed: number
  jobsFailed: number
  jobsRescued: number
  gpuSecondsLost: number
  firstFailureAt: number | null
  lastMisroutedSubmitAt: number | null
}

export function blastCounts(sql: SqlStorage, sinceMs: number, decidedAt: number | null): BlastCounts {
  const failed = "status IN ('failed', 'lost', 'timeout') AND outcome != 'content_refused'"
  const [row] = sql.exec<{
    subjects: number
    failed: number
    rescued: number
    seconds: number
    first: number | null
    misrouted: number | null
  }>(
    `SELECT COUNT(DISTINCT CASE WHEN shadow = 0 THEN owner END) AS subjects,
       COALESCE(SUM(shadow = 0 AND ${failed}), 0) AS failed,
       COALESCE(SUM(rescued_upstream IS NOT NULL), 0) AS rescued,
       COALESCE(SUM(CASE WHEN shadow = 1 OR (${failed}) THEN COALESCE(run_seconds, seconds, 0) END), 0) AS seconds,
       MIN(CASE WHEN ${failed} THEN ended_at END) AS first,
       MAX(CASE WHEN shadow = 0 AND submitted_at > ? THEN submitted_at END) AS misrouted
     FROM jobs WHERE arm = 'candidate' AND submitted_at >= ?`,
    decidedAt ?? Number.MAX_SAFE_INTEGER,
    sinceMs,
  )
  return {
    subjectsExposed: row!.subjects,
    jobsFailed: row!.failed,
    jobsRescued: row!.rescued,
    gpuSecondsLost: row!.seconds,
    firstFailureAt: row!.first,
    lastMisroutedSubmitAt: row!.misrouted,
  }
}
