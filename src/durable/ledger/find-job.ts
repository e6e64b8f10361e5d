/** A job by its backend's id alone, which says neither whose it is nor where: for those only who may know of it. */
import type { Caller, LedgerJob } from '../rpc.ts'
import { type JobRow, ledgerJob } from './job-row.ts'

/**
 * The caller's own job, the latest where two backends have used the id. `'taken'`: the id is known as other users' only,
 * or as a shadow copy at one of the named replicas.
 */
export function findJob(
  sql: SqlStorage,
  upstreamId: string,
  { owners, nameless, copiesAt }: Caller,
  replica?: number,
): LedgerJob | 'taken' | null {
  const isThere = `upstream_id = ?${replica === undefined ? '' : ' AND replica = ?'}`
  const there = [upstreamId, ...(replica === undefined ? [] : [replica])]
  const [own] = sql.exec<JobRow>(
    `SELECT * FROM jobs WHERE ${isThere} AND shadow = 0
     AND (owner IN (${owners.map(() => '?').join(', ')}) OR (? AND nameless = 1 AND client_id = upstream_id))
     ORDER BY submitted_at DESC LIMIT 1`,
    ...there,
    ...owners,
    Number(nameless),
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
