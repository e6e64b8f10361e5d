/** What jobs cost a ledger that are open and far from being due: nothing, however many they are. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { expect, it, vi } from 'vitest'
import { NOTHING_REPORTED } from '../../src/durable/job-shapes.ts'
import { Bodies } from '../../src/durable/ledger/bodies.ts'
import { JobTable } from '../../src/durable/ledger/job-table.ts'
import { WindowStore } from '../../src/durable/window-store.ts'
import { eachTestAnew, T0 } from '../support/workerd/controller-driver.ts'
import { meter } from '../support/workerd/meter.ts'
import { entry, ledger } from '../support/workerd/objects.ts'

eachTestAnew()

const OPEN = 5000
const BODY = { bytes: new Uint8Array(200), contentType: 'application/json', path: '/v1/videos' }

/** Rows that two questions of ticks, two flushes and two alarms read with so many open jobs. */
async function read(object: ReturnType<typeof ledger>, open: number): Promise<Record<string, number>> {
  for (let first = 0; first < open; first += 1000) {
    const jobs = Array.from({ length: 1000 }, (_, i) => {
      const isCandidate = i % 2 === 0
      const arm = isCandidate ? ('candidate' as const) : ('control' as const)
      return entry(`open-${first + i}`, { arm, rescue: isCandidate ? BODY : null })
    })
    await object.flush({ submitted: jobs, seen: [] })
  }
  const counted = await meter(object)
  const rows: Record<string, number> = {}
  for (const seconds of [2, 3]) {
    vi.setSystemTime(T0 + seconds * 1000)
    const recent = { epoch: 1, operations: ['submit', 'job'] as const, cutsMs: [T0 - 10_000] }
    const overdue = { epoch: 1, sinceMs: T0, shadow: false, seconds: 5, perClipSeconds: 1 }
    const span = { fromMs: T0 + seconds * 1000 - 1000, toMs: T0 + seconds * 1000 }
    const steps = {
      tick: () => object.report({ ...span, recent, overdue }),
      flush: () => object.flush({ submitted: [entry(`one-${seconds}`)], seen: [] }),
      alarm: () => runDurableObjectAlarm(object),
    }
    for (const [name, step] of Object.entries(steps)) {
      await step()
      rows[name] = (rows[name] ?? 0) + (await counted()).read
    }
  }
  return rows
}

it('a tick, a flush and an alarm read as little with thousands of open jobs as with none', async () => {
  const few = await read(ledger(240), 0)
  const many = await read(ledger(241), OPEN)
  for (const [step, rows] of Object.entries(many)) expect(rows, step).toBeLessThan(few[step]! + 300)
})

it('bodies of ended jobs are found among those of many open ones, some of them at a time', async () => {
  await runInDurableObject(ledger(242) as DurableObjectStub<never>, (_, { storage: { sql } }) => {
    const jobs = new JobTable(sql, new WindowStore(sql, 1000, async () => undefined))
    const bodies = new Bodies(sql)
    for (let i = 0; i < 100; i++) {
      const job = entry(`${100 + i}`)
      jobs.add(job)
      const row = jobs.ofOwner(job)!
      bodies.keep(row.key, BODY)
      if (i % 30 === 7) jobs.end(row, 'ok', NOTHING_REPORTED, { seenAt: T0 }, T0)
    }
    const left = () => sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM bodies').one().n
    const swept = [1, 2, 3, 4, 5].map(() => {
      bodies.dropEnded(T0 + 1, 40)
      return left()
    })
    expect(swept).toEqual([98, 97, 96, 96, 96])
  })
})
