/** Jobs and shadow pairs as the control plane lists them, newest first; `cursor` is the time and key of the last row. */
import type { JobView, Page, PairView } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { replicaUrl } from '../../config/replica.ts'
import type { JobProtocol } from '../../protocols/protocol.ts'
import type { JobFilter } from '../controller-rpc.ts'
import type { JobRow } from './job-row.ts'

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
