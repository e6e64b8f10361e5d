/**
 * Jobs that are open for so long that they count as slow before they have ended. Of both arms: of two that are equal, the
 * one whose slow jobs are seen at their end only would be the faster one until those have ended. Control's are counted
 * beside its latencies: what the candidate is held against is how long control's jobs took, and not how old they were.
 */
import { ARMS } from '../../core/arm.ts'
import type { JobRow } from '../job-shapes.ts'
import type { WindowStore } from '../window-store.ts'
import { CLIP_WORK, countedSlow } from './job-ends.ts'

/** Which open jobs count as slow, and from which age on; per clip where a job's size is known. `shadow`: of the candidate its copies. */
export interface Overdue {
  epoch: number
  /** When that epoch began, unix ms: jobs from well before it are of others, and are not even read. */
  sinceMs: number
  shadow: boolean
  seconds: number
  perClipSeconds: number | null
}

/** Values of `overdue`. */
export const COUNTED_AS_SLOW = 1
export const ASKED_FOR = 2

/** How much earlier than its epoch a job may have been submitted, by the clock of its isolate. */
const CLOCKS_APART_MS = 60_000

/**
 * Each job of this kind that was still open beyond its age counts as slow from now on, once: its latency will be that at
 * least. One that nobody has looked at since then is to be looked at now: it may have ended long ago.
 * The age holds the time in the queue, so it must be beyond what control's whole jobs take, too.
 */
export function markOverdue(
  sql: SqlStorage,
  windows: WindowStore,
  { epoch, sinceMs, shadow, seconds, perClipSeconds }: Overdue,
  at: number,
): void {
  const perWorkMs = perClipSeconds === null ? null : (perClipSeconds * 1000) / CLIP_WORK
  const ageMs = (row: JobRow) => Math.max(seconds * 1000, (row.work ?? 0) * (perWorkMs ?? 0))
  const askFor = 'UPDATE jobs SET overdue = ?, poll_at = MIN(COALESCE(poll_at, ?), ?) WHERE key = ?'
  const open = `SELECT * FROM jobs WHERE status = 'open' AND arm = ?8 AND epoch = ?1 AND shadow = ?2 AND overdue IN (0, ?3)
    AND upstream_id != '' AND submitted_at >= ?4 AND submitted_at < ?5 - ?7
    AND submitted_at < ?5 - COALESCE(MAX(work * ?6, ?7), ?7) LIMIT 500`
  const rows = ARMS.flatMap((arm) => {
    const isCopy = Number(shadow && arm === 'candidate')
    const bounds = [ASKED_FOR, sinceMs - CLOCKS_APART_MS, at, perWorkMs, seconds * 1000]
    return sql.exec<JobRow>(open, epoch, isCopy, ...bounds, arm).toArray()
  })
  for (const row of rows) {
    if ((row.open_at ?? 0) < row.submitted_at + ageMs(row)) {
      if (row.overdue !== ASKED_FOR) sql.exec(askFor, ASKED_FOR, at, at, row.key)
      continue
    }
    sql.exec('UPDATE jobs SET overdue = ? WHERE key = ?', COUNTED_AS_SLOW, row.key)
    windows.add([countedSlow(row, at)], at)
  }
}
