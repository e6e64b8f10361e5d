/**
 * What is read of the ledger's jobs: one by its backend's id, a client's own list, what the control plane and the
 * controller show. Changes nothing and asks no backend.
 */
import type { JobView, Page, PairView } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { replicaUrl } from '../../config/replica.ts'
import { canBeRescued, mayStillArrive } from '../../core/rescue-plan.ts'
import type { BlastCounts, BlastQuestion } from '../../core/rollback-cost.ts'
import type { JobProtocol } from '../../protocols/protocol.ts'
import type { JobFilter } from '../controller-rpc.ts'
import type { Caller, LedgerJob, ListCursor, ListedJob } from '../rpc.ts'
import type { CountsReport, CountsRange } from '../window-store.ts'
import type { FunnelView } from './funnel.ts'
import { type JobRow, ledgerJob } from './job-row.ts'
import type { Overdue } from './job-table.ts'

/**
 * The caller's own job, the latest where two backends have used the id. `'taken'`: the id is known as other users' only,
 * or as a shadow copy at one of the named replicas.
 */
export function findJob(
  sql: SqlStorage,
  upstreamId: string,
  { owners, anonymous, copiesAt }: Caller,
  replica?: number,
): LedgerJob | 'taken' | null {
  const isThere = `upstream_id = ?${replica === undefined ? '' : ' AND replica = ?'}`
  const there = [upstreamId, ...(replica === undefined ? [] : [replica])]
  const [own] = sql.exec<JobRow>(
    `SELECT * FROM jobs WHERE ${isThere} AND shadow = 0
     AND (owner IN (${owners.map(() => '?').join(', ')}) OR (? AND anonymous = 1 AND client_id = upstream_id))
     ORDER BY submitted_at DESC LIMIT 1`,
    ...there,
    ...owners,
    Number(anonymous),
  )
  if (own) return ledgerJob(own)
  // As JSON, since a query takes a hundred values at most.
  const [others] = sql.exec(
    `SELECT 1 FROM jobs WHERE ${isThere} AND (shadow = 0 OR replica IN (SELECT value FROM json_each(?))) LIMIT 1`,
    ...there,
    JSON.stringify(copiesAt),
  )
  return others ? 'taken' : null
}

export interface ListQuestion {
  owners: readonly string[]
  after: ListCursor | null
  limit: number
  order: 'asc' | 'desc'
}

/** `pending`: on its way to control. */
type ListRow = JobRow & { pending: number }

/** Without jobs that are gone, unless they are on their way to control; one that goes on there stands there only. */
export function listJobs(
  sql: SqlStorage,
  { owners, after, limit, order }: ListQuestion,
  { isRescuing, now }: { isRescuing: boolean; now: number },
): ListedJob[] {
  const holders = owners.map(() => '?').join(', ')
  const sign = order === 'asc' ? '>' : '<'
  const pending = 'EXISTS (SELECT 1 FROM bodies WHERE bodies.key = jobs.key AND try_at IS NOT NULL)'
  const rows = sql.exec<ListRow>(
    `SELECT *, ${pending} AS pending FROM jobs WHERE owner IN (${holders}) AND shadow = 0 AND rescued_upstream IS NULL
     AND (gone = 0 OR ${pending})
     ${after ? `AND (submitted_at, client_id) ${sign} (?, ?)` : ''} ORDER BY submitted_at ${order}, client_id ${order} LIMIT ?`,
    ...owners,
    ...(after ? [after.submittedAt, after.clientId] : []),
    limit,
  )
  return [...rows].map((row) => ({ ...ledgerJob(row), end: endOf(row, isRescuing, now), openAt: row.open_at }))
}

/** How the job ended for its client; null while it is open for it, or where only its backend could tell. */
function endOf(row: ListRow, isRescuing: boolean, now: number): ListedJob['end'] {
  const { outcome, ended_at: at } = row
  if (at === null || (outcome !== 'ok' && outcome !== 'job_failed' && outcome !== 'content_refused')) return null
  // Of a failure that control may yet make good nothing is told before that is settled.
  const mayGoOn = isRescuing && row.arm === 'candidate' && canBeRescued(outcome)
  return mayGoOn && (row.pending || mayStillArrive(row.submitted_at, now)) ? null : { outcome, at }
}

export function jobViews(sql: SqlStorage, filter: JobFilter, cursor: string | null, limit: number): Page<JobView> {
  const conditions: string[] = []
  const values: (string | number)[] = []
  const where = (condition: string, value: string | number) => {
    conditions.push(condition)
    values.push(value)
  }
  if (filter.arm) where('arm = ?', filter.arm)
  if (filter.status) where('status = ?', filter.status)
  if (filter.shadow !== undefined) where('shadow = ?', Number(filter.shadow))
  return paged(rowsAfter(sql, conditions, values, cursor, limit), limit, (row) => ({
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
  }))
}

export function pairViews(
  sql: SqlStorage,
  release: ReleaseConfig,
  protocol: JobProtocol,
  cursor: string | null,
  limit: number,
): Page<PairView> {
  // A copy's row can be there a flush before that of the job it was copied from; it is a pair once both are.
  const whole = 'EXISTS (SELECT 1 FROM jobs AS control WHERE control.key = jobs.pair)'
  const rows = rowsAfter(sql, ["shadow = 1 AND upstream_id != ''", whole], [], cursor, limit)
  const side = (row: JobRow) => {
    const url = replicaUrl(release.arms[row.arm], row.replica) ?? ''
    const { upstream_id: id, prefix } = row
    const address = { upstreamId: id, prefix, model: release.arms[row.arm].model }
    const { path } = protocol.contentCall?.(address) ?? protocol.pollCall(address)
    return { id, url: url + path, status: row.status, seconds: row.seconds }
  }
  return paged(rows, limit, (row) => {
    const control = sql.exec<JobRow>('SELECT * FROM jobs WHERE key = ?', row.pair).one()
    return { job_id: row.client_id, control: side(control), candidate: side(row), at: iso(row.submitted_at) }
  })
}

function rowsAfter(
  sql: SqlStorage,
  conditions: string[],
  values: (string | number)[],
  cursor: string | null,
  limit: number,
): JobRow[] {
  const [at, key] = cursor?.split(/\|(.*)/s) ?? []
  const all = [...conditions, ...(at && key ? ['(submitted_at, key) < (?, ?)'] : [])]
  const where = all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''
  const after = at && key ? [Number(at), key] : []
  return [
    ...sql.exec<JobRow>(
      `SELECT * FROM jobs ${where} ORDER BY submitted_at DESC, key DESC LIMIT ?`,
      ...values,
      ...after,
      limit + 1,
    ),
  ]
}

function paged<T>(rows: JobRow[], limit: number, view: (row: JobRow) => T): Page<T> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { items: page.map(view), next: rows.length > limit && last ? `${last.submitted_at}|${last.key}` : null }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** What the controller's tick asks for beside the windows: jobs of this kind open for longer count as slow from now on. */
export interface LedgerQuestion extends CountsRange {
  overdue: Overdue | null
}

export interface LedgerReport extends CountsReport, FunnelView {
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
