/** What is read of the ledger's jobs, by clients, control plane and controller. Changes nothing, asks no backend. */
import type { JobFilter, JobView, Page, PairView } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { replicaUrl } from '../../config/replica.ts'
import { canBeRescued, mayStillArrive } from '../../core/rescue-plan.ts'
import type { BlastCounts, BlastQuestion } from '../../core/rollback-cost.ts'
import type { JobProtocol } from '../../protocols/protocol.ts'
import type { Caller, JobLedgerRpc } from '../rpc.ts'
import type { CountsRange } from '../counts-report.ts'
import type { JobRow, LedgerJob, ListedJob } from '../job-shapes.ts'
import { COPIED_KEY, IDS_A_MS, iso, toJobView, toLedgerJob } from '../job-shapes.ts'
import type { Overdue } from './overdue-jobs.ts'

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
  // Keys begin with the backend's id, and so may others.
  const isThere = `key > ?1 || '|' AND key < ?1 || '}' AND upstream_id = ?1 AND shadow = 0 AND (?2 IS NULL OR replica = ?2)`
  const there = [upstreamId, replica ?? null]
  const [own] = sql.exec<JobRow>(
    `SELECT * FROM jobs WHERE ${isThere}
     AND (owner IN (SELECT value FROM json_each(?3)) OR (?4 AND anonymous = 1 AND client_id = upstream_id))
     ORDER BY submitted_at DESC LIMIT 1`,
    ...there,
    JSON.stringify(owners),
    Number(anonymous),
  )
  if (own) return toLedgerJob(own)
  const [others] = sql.exec(`SELECT 1 FROM jobs WHERE ${isThere} LIMIT 1`, ...there)
  if (others) return 'taken'
  const at = replica === undefined ? copiesAt : copiesAt.filter((each) => each === replica)
  const copies = `SELECT 1 FROM jobs WHERE upstream_id = ? AND shadow = 1
    AND replica IN (SELECT value FROM json_each(?)) LIMIT 1`
  const [copy] = sql.exec(copies, upstreamId, JSON.stringify(at))
  return copy ? 'taken' : null
}

/** `pending`: on its way to control. */
type ListRow = JobRow & { pending: number }

/**
 * Without jobs that are gone, unless they are on their way to control; one that goes on there stands there only. One more
 * than `limit` where there are more.
 */
export function listJobs(
  sql: SqlStorage,
  [owners, after, limit, order]: Parameters<JobLedgerRpc['list']>,
  { isRescuing, now }: { isRescuing: boolean; now: number },
): ListedJob[] {
  const holders = owners.map(() => '?').join(', ')
  const sign = order === 'asc' ? '>' : '<'
  const pending = 'EXISTS (SELECT 1 FROM bodies WHERE bodies.key = jobs.key AND try_at IS NOT NULL)'
  const rows = sql.exec<ListRow>(
    `SELECT *, ${pending} AS pending FROM jobs WHERE owner IN (${holders}) AND shadow = 0 AND rescued_upstream IS NULL
     AND (gone < 1 OR ${pending})
     ${after ? `AND (submitted_at, client_id) ${sign} (?, ?)` : ''} ORDER BY submitted_at ${order}, client_id ${order} LIMIT ?`,
    ...owners,
    ...(after ? [after.submittedAt, after.clientId] : []),
    limit + 1,
  )
  return [...rows].map((row) => ({ ...toLedgerJob(row), end: endOf(row, isRescuing, now), openAt: row.open_at }))
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
  const { arm, status, shadow } = filter
  const given = Object.entries({ arm, status, shadow }).filter(([, value]) => value !== undefined)
  // Only what was asked for stands there: past a "this or anything" no index would be used.
  const wanted = ['TRUE', ...given.map(([column], i) => `${column} = ?${i + 3}`)].join(' AND ')
  const values = given.map(([, value]) => (typeof value === 'boolean' ? Number(value) : value))
  return paged(rowsAfter(sql, cursor, limit, wanted, values), limit, toJobView)
}

export function pairViews(
  sql: SqlStorage,
  release: ReleaseConfig,
  protocol: JobProtocol,
  cursor: string | null,
  limit: number,
): Page<PairView> {
  // A copy's row can be there a flush before that of the job it was copied from; it is a pair once both are.
  const whole = `EXISTS (SELECT 1 FROM jobs AS control WHERE control.key = ${COPIED_KEY})`
  const rows = rowsAfter(sql, cursor, limit, `shadow = 1 AND upstream_id != '' AND ${whole}`)
  const side = (row: JobRow) => {
    const url = replicaUrl(release.arms[row.arm], row.replica) ?? ''
    const { upstream_id: id, prefix } = row
    const address = { upstreamId: id, prefix, model: release.arms[row.arm].model }
    const { path } = protocol.contentCall?.(address) ?? protocol.pollCall(address)
    return { id, url: url + path, status: row.status, seconds: row.seconds }
  }
  return paged(rows, limit, (row) => {
    const copied = `SELECT control.* FROM jobs, jobs AS control WHERE jobs.key = ? AND control.key = ${COPIED_KEY}`
    const control = sql.exec<JobRow>(copied, row.key).one()
    return { job_id: row.client_id, control: side(control), candidate: side(row), at: iso(row.submitted_at) }
  })
}

/** `wanted` is a condition with `values` from ?3 on. */
function rowsAfter(sql: SqlStorage, cursor: string | null, limit: number, wanted: string, values: unknown[] = []) {
  const before = Number(cursor?.split('|')[1]) || Number.MAX_SAFE_INTEGER
  const next = `SELECT * FROM jobs WHERE id < ?1 AND ${wanted} ORDER BY id DESC LIMIT ?2`
  return [...sql.exec<JobRow>(next, before, limit + 1, ...values)]
}

function paged<T>(rows: JobRow[], limit: number, view: (row: JobRow) => T): Page<T> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { items: page.map(view), next: rows.length > limit && last ? `${last.submitted_at}|${last.id}` : null }
}

/** What the controller's tick asks for beside the windows: jobs of this kind open for longer count as slow from now on. */
export interface LedgerQuestion extends CountsRange {
  overdue: Overdue | null
}

/** Exposed is whoever was dealt to the candidate, as the experiment knows it, or has a job there. */
export function blastCounts(sql: SqlStorage, question: BlastQuestion): BlastCounts {
  const failed = "status IN ('failed', 'lost', 'timeout') AND outcome != 'content_refused'"
  const { startedAt, decidedAt, untilMs, lastEpoch } = question
  const until = untilMs ?? Number.MAX_SAFE_INTEGER
  const counts = `SELECT COALESCE(SUM(shadow = 0 AND ${failed}), 0) AS jobsFailed,
       COALESCE(SUM(rescued_upstream IS NOT NULL), 0) AS jobsRescued,
       COALESCE(SUM(CASE WHEN shadow = 1 OR (${failed}) THEN COALESCE(run_seconds, seconds, 0) END), 0) AS gpuSecondsLost,
       MIN(CASE WHEN shadow = 0 AND ${failed} THEN ended_at END) AS firstFailureAt,
       MIN(CASE WHEN shadow = 1 AND epoch = ?1 AND ${failed} THEN ended_at END) AS firstCopyFailureAt,
       MAX(CASE WHEN shadow = 0 AND epoch <= ?1 AND submitted_at > ?2 THEN submitted_at END) AS lastMisroutedSubmitAt,
       COALESCE(SUM(status = 'open' OR key IN (SELECT key FROM bodies WHERE try_at IS NOT NULL)), 0) AS open
     FROM jobs WHERE arm = 'candidate' AND id >= ?3 * ${IDS_A_MS} AND submitted_at >= ?3 AND submitted_at < ?4`
  type Counts = Omit<BlastCounts, 'subjectsExposed'>
  const exposed = `SELECT COUNT(*) AS n FROM (
    SELECT owner FROM jobs WHERE arm = 'candidate' AND shadow = 0 AND id >= ?1 * ${IDS_A_MS}
      AND submitted_at >= ?1 AND submitted_at < ?2
    UNION SELECT owner FROM exposures WHERE arm = 'candidate' AND at >= ?1 AND at < ?2)`
  return {
    ...sql.exec<Counts>(counts, lastEpoch, decidedAt, startedAt, until).one(),
    subjectsExposed: sql.exec<{ n: number }>(exposed, startedAt, until).one().n,
  }
}
