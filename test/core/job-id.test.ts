/** Signed job ids: what goes in comes out, and nothing that was altered, cut or signed by others is taken for ours. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTagged, type JobTag, openJobId, ownerOf, signJobId } from '../../src/core/job-id.ts'

const key = (text: string) => new TextEncoder().encode(text)
const KEYS = [key('the key of these tests')]
const [OWNER] = ownerOf('header:user-1', KEYS) as [string]

const TAG: JobTag = {
  upstreamId: 'video_gen_0123456789abcdef0123456789abcdef',
  arm: 'candidate',
  release: 0xfedcba98,
  replica: 0xabcd,
  epoch: 17,
  stage: 'canary-5',
  submittedAt: 1_700_000_000_123,
  matched: false,
  owner: OWNER,
  nameless: false,
}

const tags: fc.Arbitrary<JobTag> = fc.record({
  upstreamId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
  arm: fc.constantFrom('control', 'candidate'),
  release: fc.nat(0xffffffff),
  replica: fc.nat(0xffff),
  epoch: fc.nat(0xffffffff),
  stage: fc.oneof(
    fc.constantFrom('idle', 'shadow', 'completed', 'rolled_back'),
    fc.integer({ min: 1, max: 10_000 }).map((hundredths) => `canary-${hundredths / 100}`),
  ),
  submittedAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  matched: fc.boolean(),
  owner: fc.nat(0xffffffff).map((n) => n.toString(16).padStart(12, '0')),
  nameless: fc.boolean(),
})

describe('a signed id', () => {
  it('gives back all that it says, and is safe in a path', () => {
    fc.assert(
      fc.property(tags, (tag) => {
        const id = signJobId(tag, KEYS)
        expect(id).toMatch(/^slc_[\w-]+_slc$/)
        expect(isTagged(id)).toBe(true)
        expect(openJobId(id, KEYS)).toEqual(tag)
      }),
    )
  })

  it('with any one character altered to any other opens nothing, and is still known as ours', () => {
    const id = signJobId(TAG, KEYS)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~ é'
    for (let i = 0; i < id.length; i++) {
      for (const char of alphabet) {
        if (char === id.charAt(i)) continue
        const altered = id.slice(0, i) + char + id.slice(i + 1)
        expect([altered, openJobId(altered, KEYS), isTagged(altered)]).toEqual([altered, null, true])
      }
    }
  })

  it('with a character more, less or exchanged with its neighbour opens nothing', () => {
    const id = signJobId(TAG, KEYS)
    for (let i = 0; i <= id.length; i++) {
      expect(openJobId(`${id.slice(0, i)}A${id.slice(i)}`, KEYS)).toBeNull()
      if (i < id.length) expect(openJobId(id.slice(0, i) + id.slice(i + 1), KEYS)).toBeNull()
      const swapped = id.slice(0, i) + id.charAt(i + 1) + id.charAt(i) + id.slice(i + 2)
      if (i + 1 < id.length && swapped !== id) expect(openJobId(swapped, KEYS)).toBeNull()
    }
  })

  it('signed with another key opens nothing', () => {
    expect(openJobId(signJobId(TAG, [key('another key')]), KEYS)).toBeNull()
  })

  it('stays valid after its key was rotated to second place, and not after it was taken out', () => {
    const id = signJobId(TAG, KEYS)
    expect(openJobId(id, [key('the new key'), ...KEYS])).toEqual(TAG)
    expect(openJobId(id, [key('the new key')])).toBeNull()
  })

  it('is signed with the first key', () => {
    const id = signJobId(TAG, [key('the new key'), ...KEYS])
    expect(openJobId(id, [key('the new key')])).toEqual(TAG)
  })

  it('made of parts of two ids opens nothing', () => {
    const one = signJobId(TAG, KEYS)
    const other = signJobId({ ...TAG, owner: 'aaaaaaaaaaaa' }, KEYS)
    const macAt = one.length - '_slc'.length - 16
    expect(openJobId(other.slice(0, macAt) + one.slice(macAt), KEYS)).toBeNull()
  })

  it.each(['', 'slc_', '_slc', 'slc__slc', `slc_${'A'.repeat(16)}_slc`, `slc_${'A'.repeat(400)}_slc`])(
    'is not this: %j',
    (text) => expect(openJobId(text, KEYS)).toBeNull(),
  )
})

describe('ids of backends', () => {
  it.each(['video_gen_0123456789abcdef', 'video_123', '550e8400-e29b-41d4-a716-446655440000', 'x'])(
    'are not taken for ours: %s',
    (id) => expect(isTagged(id)).toBe(false),
  )
})

describe('an owner', () => {
  it('is 12 hex digits for each key, differs by subject, source and key, and does not tell the subject', () => {
    const owners = ['header:anna', 'header:ben', 'cookie:anna'].flatMap((subject) =>
      ownerOf(subject, [...KEYS, key('older')]),
    )
    expect(new Set(owners).size).toBe(6)
    for (const owner of owners) expect(owner).toMatch(/^[0-9a-f]{12}$/)
  })
})
