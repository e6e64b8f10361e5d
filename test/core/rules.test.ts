/** Which rule speaks of a request: every attribute by itself, several together, and facts that are missing. */
import { describe, expect, it } from 'vitest'
import { type Attributes, firstMatch, type Rule, type When } from '../../src/core/rules.ts'

function attributes(over: Partial<Attributes> = {}, headers: Record<string, string> = {}): Attributes {
  return {
    claims: {},
    country: null,
    model: null,
    promptChars: null,
    durationSeconds: null,
    header: (name) => headers[name] ?? null,
    ...over,
  }
}

const speaks = (when: When, about: Attributes, subject = 'anna') =>
  firstMatch([{ when, arm: 'candidate' }], subject, about) !== undefined

describe('a rule', () => {
  it.each<[string, When, Attributes, Attributes]>([
    [
      'claim',
      { claim: 'tier', in: ['pro', 'internal'] },
      attributes({ claims: { tier: 'pro' } }),
      attributes({ claims: { tier: 'free' } }),
    ],
    [
      'claim that is a list',
      { claim: 'groups', in: ['beta'] },
      attributes({ claims: { groups: ['x', 'beta'] } }),
      attributes({ claims: { groups: ['x'] } }),
    ],
    [
      'claim that is no text',
      { claim: 'level', in: ['3'] },
      attributes({ claims: { level: 3 } }),
      attributes({ claims: { level: 4 } }),
    ],
    [
      'claim that only has to be there',
      { claim: 'tier' },
      attributes({ claims: { tier: 'any' } }),
      attributes({ claims: { tier: null } }),
    ],
    [
      'header',
      { header: 'x-tenant', in: ['acme'] },
      attributes({}, { 'x-tenant': 'acme' }),
      attributes({}, { 'x-tenant': 'other' }),
    ],
    ['header that only has to be there', { header: 'x-tenant' }, attributes({}, { 'x-tenant': '' }), attributes()],
    ['country', { country: ['DE', 'FR'] }, attributes({ country: 'FR' }), attributes({ country: 'US' })],
    ['model', { model: ['wan-t2v'] }, attributes({ model: 'wan-t2v' }), attributes({ model: 'wan-i2v' })],
    [
      'length of the prompt',
      { promptChars: { min: 10, max: 20 } },
      attributes({ promptChars: 20 }),
      attributes({ promptChars: 21 }),
    ],
    [
      'duration',
      { durationSeconds: { min: 8 } },
      attributes({ durationSeconds: 8 }),
      attributes({ durationSeconds: 7.9 }),
    ],
  ])('goes by %s', (_, when, matching, other) => {
    expect(speaks(when, matching)).toBe(true)
    expect(speaks(when, other)).toBe(false)
    expect(speaks(when, attributes())).toBe(false)
  })

  it('goes by the subject', () => {
    expect(speaks({ subject: ['anna'] }, attributes(), 'anna')).toBe(true)
    expect(speaks({ subject: ['anna'] }, attributes(), 'ben')).toBe(false)
  })

  it('needs all of its conditions', () => {
    const when: When = { claim: 'tier', in: ['pro'], promptChars: { max: 100 }, subject: ['anna'] }
    expect(speaks(when, attributes({ claims: { tier: 'pro' }, promptChars: 100 }))).toBe(true)
    expect(speaks(when, attributes({ claims: { tier: 'pro' }, promptChars: 101 }))).toBe(false)
    expect(speaks(when, attributes({ claims: { tier: 'pro' }, promptChars: 100 }), 'ben')).toBe(false)
  })

  it('is not met by names that every object has', () => {
    expect(speaks({ claim: 'constructor', in: ['x'] }, attributes())).toBe(false)
    expect(speaks({ claim: 'toString' }, attributes())).toBe(false)
    expect(speaks({ claim: '__proto__' }, attributes())).toBe(false)
  })

  it('comes before those behind it', () => {
    const rules: Rule[] = [
      { when: { country: ['DE'] }, arm: 'control' },
      { when: { subject: ['anna'] }, weight: 2 },
      { when: { country: ['DE', 'FR'] }, arm: 'candidate' },
    ]
    expect(firstMatch(rules, 'anna', attributes({ country: 'DE' }))).toBe(rules[0])
    expect(firstMatch(rules, 'anna', attributes({ country: 'FR' }))).toBe(rules[1])
    expect(firstMatch(rules, 'ben', attributes({ country: 'FR' }))).toBe(rules[2])
    expect(firstMatch(rules, 'ben', attributes({ country: 'US' }))).toBeUndefined()
  })
})
