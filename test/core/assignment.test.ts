/** Who gets which arm: the hash rule against reference vectors, and what must hold of it for everybody. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign, hash32, isCandidate, isShadowed, positionOf } from '../../src/core/assignment.ts'
import type { Snapshot } from '../../src/core/release.ts'
import { NOTHING_KNOWN } from '../../src/core/rules.ts'
import vectors from '../vectors/assignment.json' with { type: 'json' }

function snapshot(over: Partial<Snapshot> = {}): Snapshot {
  return {
    schema: 1,
    release: 'wan22_t2v_abtest',
    state: 'canary',
    stage: 'canary-5',
    percent: 5,
    epoch: 1,
    version: 1,
    shadow: { sample: 0, maxBodyBytes: 0, maxInFlight: 0, maxJobsPerDay: 0, jobTimeoutMs: 0 },
    rules: [],
    failover: false,
    ...over,
  }
}

const subjects = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
const percents = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100)
const armAt = (subject: string, percent: number) => assign(snapshot({ percent }), subject, NOTHING_KNOWN).arm

describe('the hash rule', () => {
  it('gives hash and bucket of every reference vector', () => {
    expect(vectors.length).toBeGreaterThan(1900)
    const wrong = vectors.filter(({ experiment, user, hash32: hash, bucket100 }) => {
      const text = `${experiment}_${user}`
      return hash32(text) !== hash || Math.floor(positionOf(experiment, user)) !== bucket100
    })
    expect(wrong).toEqual([])
  })

  it('at 50 % is the well-known `h mod 100 < 50 → A, else B` for every reference vector', () => {
    const wrong = vectors.filter(({ experiment, user, hash32: hash }) => {
      const { arm } = assign(snapshot({ release: experiment, percent: 50 }), user, NOTHING_KNOWN)
      return arm !== (hash % 100 < 50 ? 'control' : 'candidate')
    })
    expect(wrong).toEqual([])
  })

  it('is that of sha256 as node has it, for any text', () => {
    fc.assert(
      fc.property(subjects, (text) => {
        expect(hash32(text)).toBe(Number.parseInt(createHash('sha256').update(text).digest('hex').slice(0, 8), 16))
      }),
    )
  })

  it('keeps everybody on the candidate as the percent grows', () => {
    fc.assert(
      fc.property(subjects, percents, percents, (subject, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        if (armAt(subject, low) === 'candidate') expect(armAt(subject, high)).toBe('candidate')
      }),
    )
  })

  it('sends nobody to the candidate at 0 % and everybody at 100 %', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        expect([armAt(subject, 0), armAt(subject, 100)]).toEqual(['control', 'candidate'])
      }),
    )
  })

  it('takes exactly the hundredths that a percent asks for, whatever its binary fraction', () => {
    for (const percent of [0.01, 0.25, 0.3, 1, 5, 33.33, 49.99, 99.9, 99.99]) {
      const taken = Array.from({ length: 10_000 }, (_, i) => i / 100).filter((position) =>
        isCandidate(position, percent),
      )
      expect([percent, taken.length]).toEqual([percent, Math.round(percent * 100)])
    }
  })
})

describe('the order of decision', () => {
  const always = { ...NOTHING_KNOWN, claims: { tier: 'internal' } }
  const rules = [{ when: { claim: 'tier', in: ['internal'] }, arm: 'candidate' as const }]

  it.each(['idle', 'shadow', 'rolled_back'] as const)('is control in %s, before any rule', (state) => {
    expect(assign(snapshot({ state, percent: 0, rules }), 'u', always)).toMatchObject({ arm: 'control', reason: state })
  })

  it('is the first rule that matches, then the hash', () => {
    expect(assign(snapshot({ rules, percent: 0 }), 'u', always)).toMatchObject({ arm: 'candidate', reason: 'rule' })
    expect(assign(snapshot({ rules, percent: 0 }), 'u', NOTHING_KNOWN)).toMatchObject({
      arm: 'control',
      reason: 'hash',
    })
    const both = [...rules, { when: { claim: 'tier' }, arm: 'control' as const }]
    expect(assign(snapshot({ rules: both.toReversed(), percent: 0 }), 'u', always).arm).toBe('control')
  })

  it('is the hash at a multiple of the percent where a rule has a weight', () => {
    fc.assert(
      fc.property(subjects, percents, fc.double({ min: 0, max: 30, noNaN: true }), (subject, percent, weight) => {
        const weighted = snapshot({ percent, rules: [{ when: { claim: 'tier' }, weight }] })
        const expected = isCandidate(positionOf('wan22_t2v_abtest', subject), Math.min(100, percent * weight))
        expect(assign(weighted, subject, always)).toMatchObject({
          arm: expected ? 'candidate' : 'control',
          reason: 'rule',
        })
        expect(assign(weighted, subject, NOTHING_KNOWN).arm).toBe(armAt(subject, percent))
      }),
    )
  })
})

describe('sampling for the shadow', () => {
  const requests = Array.from({ length: 10_000 }, (_, i) => `request-${i}`)

  it('takes its share within four standard deviations, the same requests each time', () => {
    const taken = requests.filter((id) => isShadowed('r', id, 0.1))
    expect(Math.abs(taken.length - 1000)).toBeLessThanOrEqual(4 * Math.sqrt(10_000 * 0.1 * 0.9))
    expect(requests.filter((id) => isShadowed('r', id, 0.1))).toEqual(taken)
    expect(taken.every((id) => isShadowed('r', id, 0.5))).toBe(true)
  })

  it('takes all at 1 and none at 0', () => {
    expect(requests.filter((id) => isShadowed('r', id, 1))).toHaveLength(10_000)
    expect(requests.filter((id) => isShadowed('r', id, 0))).toHaveLength(0)
  })

  it('does not follow the split: of those sampled, as many are candidates as of all', () => {
    const sampled = requests.filter((id) => isShadowed('r', id, 0.5))
    const candidates = sampled.filter((id) => isCandidate(positionOf('r', id), 20)).length
    expect(Math.abs(candidates - sampled.length * 0.2)).toBeLessThan(4 * Math.sqrt(sampled.length * 0.2 * 0.8))
  })
})
