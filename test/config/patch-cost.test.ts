/** Whatever is sent as a change of the live configuration is read for what a plain one of its length costs. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { cases } from '../support/property-cases.ts'
import { readConfig } from '../../src/config/load.ts'
import { odditiesOf } from '../../src/config/odd-keys.ts'
import { OVERLAY_KEYS, patchOverlay } from '../../src/config/overlay.ts'
import { publishable } from '../../src/config/publishable.ts'
import { PROTOCOL_NAMES } from '../../src/protocols/index.ts'
import { expectNoDearer } from '../support/cost.ts'
import { oddText, repeated } from '../support/odd-texts.ts'

/** Twice what the control plane takes as a body. */
const SIZE = 128 * 1024
const RULE = '{"when":{"country":"IE"},"arm":"control"}'

const read = readConfig(
  {
    SLUICE: {},
    RELEASE_A: {
      name: 'a',
      protocol: 'http',
      arms: { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } },
    },
  },
  PROTOCOL_NAMES,
)
if (!read.ok) throw new Error(JSON.stringify(read.issues))
const [file] = read.config.releases

/** As the control plane goes about it; the next step is taken only where the one before found nothing wrong. */
function change(text: string): 'refused' | 'published' {
  let patch: unknown
  try {
    patch = JSON.parse(text)
  } catch {
    return 'refused'
  }
  if (odditiesOf(patch).issues.length > 0) return 'refused'
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return 'refused'
  return publishable(file!, patchOverlay({}, patch as Record<string, unknown>), PROTOCOL_NAMES).ok
    ? 'published'
    : 'refused'
}

test('any change is published or refused, and is no dearer than ten plain ones of its length', () => {
  const key = fc.constantFrom(...OVERLAY_KEYS, 'unheard_of', '__proto__')
  fc.assert(
    fc.property(key, oddText(SIZE), fc.boolean(), (name, odd, asText) => {
      const text = `{"${name}":${asText ? JSON.stringify(odd) : odd}}`
      expectNoDearer(
        () => void change(text),
        () => void change(`{"rules":[${repeated(`${RULE},`, text.length)}${RULE}]}`),
        name,
      )
    }),
    cases(60),
  )
})

test('a plain change is published, and a wrong one is refused', () => {
  expect(change('{"min_jobs":7,"bake":"10m"}')).toBe('published')
  expect(change('{"min_jobs":"x"}')).toBe('refused')
})
