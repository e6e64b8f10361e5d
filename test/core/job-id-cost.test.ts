/** Whatever comes as a job's id is looked at for what a plain one of its length costs. */
import * as fc from 'fast-check'
import { test } from 'vitest'
import { idKeys } from '../../src/core/id-keys.ts'
import { isTagged, openJobId } from '../../src/core/job-id.ts'
import { expectNoDearer } from '../support/cost.ts'
import { oddText, repeated } from '../support/odd-texts.ts'

const KEYS = idKeys(['one', 'another'])
const opened = (id: string) => isTagged(id) && openJobId(id, KEYS)

test('any id opens or does not, and is no dearer than ten plain ones of its length', () => {
  const id = fc.tuple(fc.boolean(), oddText(16 * 1024), fc.boolean())
  fc.assert(
    fc.property(id, ([head, text, tail]) => {
      const ordinary = `slc_${repeated('x', text.length)}_slc`
      const odd = `${head ? 'slc_' : ''}${text}${tail ? '_slc' : ''}`
      expectNoDearer(
        () => opened(odd),
        () => opened(ordinary),
        'an id',
      )
    }),
    { numRuns: 100 },
  )
})
