/** Columns that came to a table after it was first made: storage that an earlier version has left behind gets them too. */

/** `columns`: each by its name and its type, with the value that older rows take. */
export function addMissingColumns(
  sql: SqlStorage,
  table: string,
  columns: readonly (readonly [name: string, type: string])[],
): void {
  for (const [name, type] of columns) {
    const [known] = sql.exec('SELECT 1 FROM pragma_table_info(?) WHERE name = ?', table, name)
    if (!known) sql.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`)
  }
}
