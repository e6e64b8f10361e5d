/** Sealed job ids: what goes in comes out, nothing of it can be read, and what was altered, cut or sealed by others is not ours. */
import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type IdKeys, idKeys } from '../../src/core/id-keys.ts'
import {
  type FileTag,
  isTagged,
  type JobTag,
  openFileId,
  openJobId,
  ownerOf,
  sealFileId,
  sealJobId,
} from '../../src/core/job-id.ts'

const KEYS = idKeys(['the key of these tests'])
const [OWNER] = ownerOf('header:user-1', KEYS) as [string]

const TAG: JobTag = {
  upstreamId: 'video_gen_0123456789abcdef0123456789abcdef',
  arm: 'candidate',
  release: 0xfedcba98,
  replica: 0xabcd,
  epoch: 17,
  stage: 'canary-5',
  submittedAt: 1_700_000_000_123,
  owner: OWNER,
  anonymous: false,
}

/** Sealed when the format was made: a change that it does not survive cuts clients off from their running jobs. */
const ISSUED =
  'slc_Xopqg-0PVqu5vrZWmEYTXJ-mg7euEdbhMcDGhwD0omY_wp-SGO2TWpuoMwwhR5o_PxqI6UCYegeSRAQSQWqfLGctOfs1AxAjOAU-hlxD7g_slc'

/** Sealed by a build that marked control's share of the split in the first byte (bit 4). */
const ISSUED_WITH_UNUSED_BIT =
  'slc_BJJIQdUHLPm8Y_6TrpaAU7jBDVz6gIvJGMmKOl7GgYm04Nazqnqst4fGst-a4QSZe5lxGO-4inuCnV01n15BDjhB6_ObtH-zC8u6UY_F8A_slc'

const tags: fc.Arbitrary<JobTag> = fc.record({
  upstreamId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 512 }),
  arm: fc.constantFrom('control', 'candidate'),
  release: fc.nat(0xffffffff),
  replica: fc.nat(0xffff),
  epoch: fc.nat(0xffffffff),
  stage: fc.oneof(
    fc.constantFrom('idle', 'shadow', 'completed', 'rolled_back'),
    fc.integer({ min: 1, max: 10_000 }).map((hundredths) => `canary-${hundredths / 100}`),
  ),
  submittedAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  owner: fc.nat(0xffffffff).map((n) => n.toString(16).padStart(12, '0')),
  anonymous: fc.boolean(),
})

it('is opened once, however often it is asked for', () => {
  const [key] = KEYS
  let opened = 0
  const mac = (message: Uint8Array) => (opened++, key!.jobIds.mac(message))
  const counted: IdKeys = [{ ...key!, jobIds: { ...key!.jobIds, mac } }]
  expect([1, 2, 3].map(() => openJobId(ISSUED, counted))).toEqual([1, 2, 3].map(() => openJobId(ISSUED, KEYS)))
  expect(opened).toBe(1)
})

describe('a sealed id', () => {
  it('gives back all that it says, and is safe in a path', () => {
    fc.assert(
      fc.property(tags, (tag) => {
        const id = sealJobId(tag, KEYS)
        expect(id).toMatch(/^slc_[\w-]+_slc$/)
        expect(isTagged(id)).toBe(true)
        expect(openJobId(id, KEYS)).toEqual(tag)
      }),
    )
  })

  it('with any one character altered to any other opens nothing, and is still known as ours', () => {
    const id = sealJobId(TAG, KEYS)
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
    const id = sealJobId(TAG, KEYS)
    for (let i = 0; i <= id.length; i++) {
      expect(openJobId(`${id.slice(0, i)}A${id.slice(i)}`, KEYS)).toBeNull()
      if (i < id.length) expect(openJobId(id.slice(0, i) + id.slice(i + 1), KEYS)).toBeNull()
      const swapped = id.slice(0, i) + id.charAt(i + 1) + id.charAt(i) + id.slice(i + 2)
      if (i + 1 < id.length && swapped !== id) expect(openJobId(swapped, KEYS)).toBeNull()
    }
  })

  it('sealed with another key opens nothing', () => {
    expect(openJobId(sealJobId(TAG, idKeys(['another key'])), KEYS)).toBeNull()
  })

  it('stays valid after its key was rotated to second place, and not after it was taken out', () => {
    const id = sealJobId(TAG, KEYS)
    expect(openJobId(id, [...idKeys(['the new key']), ...KEYS])).toEqual(TAG)
    expect(openJobId(id, idKeys(['the new key']))).toBeNull()
  })

  it('is sealed with the first key', () => {
    const id = sealJobId(TAG, [...idKeys(['the new key']), ...KEYS])
    expect(openJobId(id, idKeys(['the new key']))).toEqual(TAG)
  })

  it('made of parts of two ids opens nothing', () => {
    const one = sealJobId(TAG, KEYS)
    const other = sealJobId({ ...TAG, owner: 'aaaaaaaaaaaa' }, KEYS)
    for (let at = 'slc_'.length + 1; at < one.length - '_slc'.length; at++)
      expect(openJobId(other.slice(0, at) + one.slice(at), KEYS)).toBeNull()
  })

  it.each(['', 'slc_', '_slc', 'slc__slc', `slc_${'A'.repeat(16)}_slc`, `slc_${'A'.repeat(400)}_slc`])(
    'is not this: %j',
    (text) => expect(openJobId(text, KEYS)).toBeNull(),
  )
})

/** Every reading of an id in base64, whichever character it is begun at, beside the id itself; one byte a character. */
function readings(id: string): string[] {
  const sealed = id.slice('slc_'.length, -'_slc'.length)
  const texts = [sealed, id, ...[1, 2, 3].map((at) => sealed.slice(at))]
  return [id, ...texts.map((text) => Buffer.from(text, 'base64url').toString('latin1'))]
}

/** What could be recognised of some bytes: themselves, backwards, in hex, in base64 at each alignment. */
function traces(bytes: Buffer): string[] {
  const each = [bytes, Buffer.from(bytes.toReversed())]
  return each.flatMap((one) => [
    one.toString('latin1'),
    one.toString('hex'),
    ...[0, 1, 2].map((at) => one.subarray(at).toString('base64url').slice(0, -1)).filter((text) => text.length > 6),
  ])
}

const sealedPart = (id: string) => id.slice('slc_'.length, -'_slc'.length)

function charsInPlace(a: string, b: string): number {
  return Array.from(a).filter((char, i) => char === b.charAt(i)).length
}

function longestShared(a: string, b: string): number {
  let longest = 0
  for (let at = 0; at < a.length; at++)
    while (at + longest < a.length && b.includes(a.slice(at, at + longest + 1))) longest++
  return longest
}

describe('of what an id wraps', () => {
  const bytesOf = (hex: string) => Buffer.from(hex, 'hex')
  const hexOf = (n: number, bytes: number) => n.toString(16).padStart(bytes * 2, '0')

  it('nothing can be read, in no spelling', () => {
    fc.assert(
      fc.property(tags, (tag) => {
        const shown = readings(sealJobId(tag, KEYS))
        const id = Buffer.from(tag.upstreamId)
        const pieces = [id, id.subarray(-16), id.subarray(0, 16)].filter((piece) => piece.length >= 6)
        const facts = [bytesOf(tag.owner), bytesOf(hexOf(tag.submittedAt, 6)), Buffer.from(tag.owner)]
        for (const trace of [...pieces, ...facts].flatMap(traces))
          expect(shown.filter((text) => text.includes(trace))).toEqual([])
      }),
    )
  })

  it('two ids show nothing in common, however little their tags differ', () => {
    const changes: ((tag: JobTag) => JobTag)[] = [
      (tag) => ({ ...tag, upstreamId: `${tag.upstreamId}0` }),
      (tag) => ({ ...tag, arm: tag.arm === 'control' ? 'candidate' : 'control' }),
      (tag) => ({ ...tag, submittedAt: tag.submittedAt === 0 ? 1 : tag.submittedAt - 1 }),
      (tag) => ({ ...tag, epoch: tag.epoch === 0 ? 1 : tag.epoch - 1 }),
      (tag) => ({ ...tag, anonymous: !tag.anonymous }),
      (tag) => ({ ...tag, owner: 'ffffffffffff' }),
    ]
    fc.assert(
      fc.property(tags, fc.constantFrom(...changes), (tag, change) => {
        const [one, other] = [sealedPart(sealJobId(tag, KEYS)), sealedPart(sealJobId(change(tag), KEYS))]
        expect(longestShared(one, other)).toBeLessThan(8)
        // One character in 64 is the same by chance.
        expect(charsInPlace(one, other)).toBeLessThan(8 + one.length / 16)
      }),
    )
  })

  it('the same tag gives the same id, and other keys another', () => {
    expect(sealJobId(TAG, KEYS)).toBe(sealJobId({ ...TAG }, KEYS))
    const [one, other] = [KEYS, idKeys(['another key'])].map((keys) => sealedPart(sealJobId(TAG, keys)))
    expect(longestShared(one!, other!)).toBeLessThan(8)
  })

  it('is sealed as node’s own crypto does it: HKDF-SHA256, HMAC-SHA256 cut to 96 bits, ChaCha20 (RFC 8439)', () => {
    const keyFor = (use: string) =>
      Buffer.from(hkdfSync('sha256', 'the key of these tests', Buffer.alloc(32), `sluice 1 ${use}`, 32))
    const sealed = Buffer.from(sealedPart(sealJobId(TAG, KEYS)), 'base64url')
    const [iv, cipher] = [sealed.subarray(0, 12), sealed.subarray(12)]
    const counterAndNonce = Buffer.concat([Buffer.alloc(4), iv])
    const plain = createDecipheriv('chacha20', keyFor('job id cipher'), counterAndNonce).update(cipher)
    expect(plain.subarray(25).toString()).toBe(TAG.upstreamId)
    expect(plain.subarray(19, 25).toString('hex')).toBe(TAG.owner)
    expect(createHmac('sha256', keyFor('job id mac')).update(plain).digest().subarray(0, 12)).toEqual(iv)
  })

  it('ids that were issued stay good: this one is from before', () => {
    expect(openJobId(ISSUED, KEYS)).toEqual(TAG)
    expect(sealJobId(TAG, KEYS)).toBe(ISSUED)
  })

  it('an id that carries a bit which is no longer used opens, and the bit says nothing', () => {
    expect(openJobId(ISSUED_WITH_UNUSED_BIT, KEYS)).toEqual({ ...TAG, arm: 'control' })
  })
})

describe("a file's id", () => {
  const file: FileTag = {
    upstreamId: '/files/out/a%20b.mp4',
    arm: 'candidate',
    release: 7,
    replica: 9,
    owner: OWNER,
    anonymous: true,
  }

  it('is no job, and a job’s id is no file, whatever the backend’s id looks like', () => {
    const id = sealFileId(file, KEYS)
    expect(openFileId(id, KEYS)).toMatchObject(file)
    expect([isTagged(id), openJobId(id, KEYS)]).toEqual([true, null])
    const job = sealJobId({ ...TAG, upstreamId: '/files/out.mp4' }, KEYS)
    expect(openJobId(job, KEYS)?.upstreamId).toBe('/files/out.mp4')
    expect(openFileId(job, KEYS)).toBeNull()
  })
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
      ownerOf(subject, [...KEYS, ...idKeys(['older'])]),
    )
    expect(new Set(owners).size).toBe(6)
    for (const owner of owners) expect(owner).toMatch(/^[0-9a-f]{12}$/)
  })
})
