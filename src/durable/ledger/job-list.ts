/** A client's own jobs for its list, with what is known of each without asking its backend. Only reads. */
import { canBeRescued, mayStillArrive } from '../../core/rescue-plan.ts'
import type { ListCursor, ListedJob } from '../rpc.ts'
import { type JobRow, ledgerJob } from './job-row.ts'

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
