/** How objects are found by their names. */
import { expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { ledgerAt, shardOf } from '../../src/durable/stubs.ts'

it('the id of an object is hashed once, however often it is called; its stub is a new one each time', () => {
  const hashed: string[] = []
  const namespace = (of: string) => ({
    idFromName: (name: string) => {
      hashed.push(`${of} ${name}`)
      return { name }
    },
    get: (id: object) => ({ id }),
  })
  const env = { COUNTER_SHARD: namespace('shard'), JOB_LEDGER: namespace('ledger') } as unknown as Env
  const stubs = [0, 0, 1].map((index) => shardOf(env, 'wan22', index) as unknown as { id: object })
  for (let i = 0; i < 3; i++) ledgerAt(env, 'wan22', 0)
  expect(hashed).toEqual(['shard wan22|0', 'shard wan22|1', 'ledger wan22|0'])
  expect(stubs[0]).not.toBe(stubs[1])
  expect(stubs.map(({ id }) => id)).toEqual([{ name: 'wan22|0' }, { name: 'wan22|0' }, { name: 'wan22|1' }])
})
