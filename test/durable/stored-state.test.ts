/** What a controller finds in its storage: complete and of today's schema, or not touched. */
import { expect, it } from 'vitest'
import { migrateStoredState } from '../../src/durable/controller/stored-state.ts'
import { canary } from '../core/release-fixtures.ts'

it('a controller that has stored nothing is idle, with nothing published and nothing pushed', () => {
  expect(migrateStoredState({})).toMatchObject({
    schema: 1,
    state: { state: 'idle', version: 0 },
    published: { overlay: {}, version: 0 },
    pushedVersion: -1,
    verdicts: [],
  })
})

it('what is missing in storage is filled in', () => {
  const stored = { state: canary(5), pushedVersion: 7 }
  expect(migrateStoredState(stored)).toEqual({ ...migrateStoredState({}), ...stored })
})

it('what a newer build has stored is refused, so that an older one overwrites nothing', () => {
  expect(() => migrateStoredState({ schema: 2 })).toThrow('schema 2')
})
