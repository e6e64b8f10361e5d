/// <reference types="@cloudflare/workers-types" />
/** What an object's work costs in rows. */
import { runInDurableObject } from 'cloudflare:test'

/** Counts all that an object's SQL and alarms write from now on; the answer tells and begins anew. */
export async function meter(object: DurableObjectStub): Promise<() => Promise<{ written: number; read: number }>> {
  let cursors: Pick<SqlStorageCursor<never>, 'rowsRead' | 'rowsWritten'>[] = []
  let alarms = 0
  await runInDurableObject(object, (_, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql)
    const setAlarm = storage.setAlarm.bind(storage)
    const counted = (...given: Parameters<typeof exec>) => {
      const cursor = exec(...given)
      cursors.push(cursor as never)
      return cursor
    }
    Object.assign(storage.sql, { exec: counted })
    Object.assign(storage, { setAlarm: (at: number) => (alarms++, setAlarm(at)) })
  })
  return () =>
    runInDurableObject(object, () => {
      const written = cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, alarms)
      const read = cursors.reduce((sum, cursor) => sum + cursor.rowsRead, 0)
      ;[cursors, alarms] = [[], 0]
      return { written, read }
    })
}
