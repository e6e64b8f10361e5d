/** Seconds of ended jobs by subject, summed up by SQLite itself as jobs end, since jobs are forgotten after a week. */

/** The table and its triggers. Whoever's sum changes is put into `uncounted`. */
export function keepJobCosts(sql: SqlStorage): void {
  sql.exec(`CREATE TABLE IF NOT EXISTS job_costs (owner TEXT, epoch INTEGER, arm TEXT, seconds REAL, succeeded INTEGER,
    PRIMARY KEY (owner, epoch, arm)) WITHOUT ROWID`)
  const seconds = (row: string) => `COALESCE(${row}.run_seconds, ${row}.seconds, 0)`
  const ended = (row: string) => `(${row}.status != 'open')`
  const change = (after: string, before: string | null) => `
    INSERT INTO job_costs VALUES (${after}.owner, ${after}.epoch, ${after}.arm,
      ${seconds(after)}${before ? ` - ${ended(before)} * ${seconds(before)}` : ''},
      (${after}.status = 'succeeded')${before ? ` - (${before}.status = 'succeeded')` : ''})
    ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds, succeeded = succeeded + excluded.succeeded;
    INSERT OR IGNORE INTO uncounted VALUES (${after}.owner);`
  const when = `NEW.shadow = 0 AND NEW.status != 'open' AND NEW.owner IS NOT NULL`
  const trigger = (name: string, after: string, before: string | null) =>
    sql.exec(
      `CREATE TRIGGER IF NOT EXISTS ${name} AFTER ${after} ON jobs WHEN ${when} BEGIN ${change('NEW', before)} END`,
    )
  trigger('job_cost_added', 'INSERT', null)
  trigger('job_cost_changed', 'UPDATE OF status', 'OLD')
}
