/** What a controller finds in its storage: complete and of today's schema, or not touched. */
import { expect, it } from 'vitest'
import { upgradeKept } from '../../src/durable/controller/kept.ts'
import { canary } from '../core/release-fixtures.ts'

it('a controller that has stored nothing is idle, with nothing published and nothing pushed', () => {
  expect(upgradeKept({})).toMatchObject({
    schema: 1,
    state: { state: 'idle', version: 0 },
    published: { overlay: {}, version: 0 },
    pushedVersion: -1,
    verdicts: [],
  })
})

it('what was stored before it had a schema is taken as the first, and what is missing is filled in', () => {
  const stored = { state: canary(5), pushedVersion: 7 }
  expect(upgradeKept(stored)).toEqual({ ...upgradeKept({}), ...stored })
})

it('what a newer build has stored is refused, so that an older one overwrites nothing', () => {
  expect(() => upgradeKept({ schema: 2 })).toThrow('schema 2')
})
