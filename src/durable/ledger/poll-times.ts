/** When open jobs are to be polled, and when they were last seen open: those columns of the job table. Asks no backend. */
import type { Arm } from '../../core/arm.ts'
import type { JobRow } from '../job-shapes.ts'

/** Jobs that wait for each other's polls only. */
export interface Queue {
  arm: Arm
  shadow: boolean
}

/** Jobs that are not to be started now: those at these replicas, and these themselves. */
export interface NotThese {
  replicas: readonly number[]
  ids: readonly number[]
}

export class PollTimes {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Open jobs of a queue that are to be polled by now, a bounded number, the longest overdue first. */
  due({ arm, shadow }: Queue, now: number, limit: number, but: NotThese): JobRow[] {
    const replicas = but.replicas.length === 0 ? '' : `AND replica NOT IN (${but.replicas.map(Number).join(', ')})`
    const ids = but.ids.length === 0 ? '' : 'AND id NOT IN (SELECT value FROM json_each(?))'
    const due = `SELECT * FROM jobs WHERE status = 'open' AND arm = ? AND shadow = ? AND poll_at <= ? ${replicas} ${ids} ORDER BY poll_at LIMIT ?`
    const excluded = but.ids.length === 0 ? [] : [JSON.stringify(but.ids)]
    return [...this.#sql.exec<JobRow>(due, arm, Number(shadow), now, ...excluded, limit)]
  }

  nextDueAt({ arm, shadow }: Queue): number | null {
    const next = "SELECT MIN(poll_at) AS at FROM jobs WHERE status = 'open' AND arm = ? AND shadow = ?"
    return this.#sql.exec<{ at: number | null }>(next, arm, Number(shadow)).one().at
  }

  reschedule(key: string, at: number, polls: number): void {
    this.#sql.exec("UPDATE jobs SET poll_at = ?, polls = ? WHERE key = ? AND status = 'open'", at, polls, key)
  }

  /** Gives an open job until then, unix ms; it is still due. */
  extend(key: string, deadlineAt: number, pollAt: number): void {
    this.#sql.exec('UPDATE jobs SET deadline_at = ?, poll_at = ? WHERE key = ?', deadlineAt, pollAt, key)
  }

  /**
   * A job was seen open at `openAt`, and is to be polled at `pollAt`, though no later than its deadline: `timeoutMs` after
   * its submit unless it has one of its own. False where no open job goes by this key. Unix ms.
   */
  seenOpen(key: string, openAt: number, pollAt: number, timeoutMs: number, now: number): boolean {
    const seen = `UPDATE jobs SET open_at = ?, polls = 0, poll_at = MIN(?, MAX(COALESCE(deadline_at, submitted_at + ?), ?))
      WHERE key = ? AND status = 'open'`
    return this.#sql.exec(seen, openAt, pollAt, timeoutMs, now, key).rowsWritten > 0
  }

  /** It was polled and seen open at `openAt`; false where something else has become of it since it was read. */
  polled({ id, polls, poll_at: dueAt }: JobRow, openAt: number, pollAt: number): boolean {
    const polled =
      "UPDATE jobs SET open_at = ?, poll_at = ?, polls = ? WHERE id = ? AND poll_at = ? AND status = 'open'"
    return this.#sql.exec(polled, openAt, pollAt, polls + 1, id, dueAt).rowsWritten > 0
  }

  /** When a job was seen open, or looked for in vain. */
  stillOpen(key: string, at: number): void {
    this.#sql.exec('UPDATE jobs SET open_at = ? WHERE key = ?', at, key)
  }
}
