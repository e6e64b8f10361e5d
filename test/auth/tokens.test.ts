import { describe, expect, it } from 'vitest'
import { isBrokenList, signingKeys, webhookKeyBytes } from '../../src/auth/keys.ts'
import { atLeast, roleOf } from '../../src/auth/roles.ts'
import { bearerOf, findToken, hashToken, readTokens } from '../../src/auth/tokens.ts'

const sha256 = hashToken('secret')
const one = { name: 'ci', role: 'operator', sha256 }

function issuesOf(secret: string): string[] {
  return readTokens(secret).issues.map(({ path, message }) => `${path}: ${message}`)
}

function namesIn(...entries: unknown[]): string[] {
  return readTokens(JSON.stringify(entries)).entries.map(({ name }) => name)
}

describe('SLUICE_TOKENS', () => {
  it('that is not set means that there are no tokens', () => {
    expect(readTokens(undefined)).toEqual({ entries: [], issues: [], unreadable: false })
    expect(readTokens('  ')).toEqual({ entries: [], issues: [], unreadable: false })
  })

  it('is read with hashes in either case, and blanks around them', () => {
    const { entries, issues } = readTokens(JSON.stringify([{ ...one, sha256: ` ${sha256.toUpperCase()}\n` }]))
    expect(entries).toEqual([one])
    expect(issues).toEqual([])
  })

  it.each([
    ['nonsense', 'SLUICE_TOKENS: not JSON'],
    ['{"name":"ci"}', 'SLUICE_TOKENS: not a JSON list'],
  ])('that is no list holds nothing, and says so: %s', (secret, expected) => {
    expect(readTokens(secret)).toMatchObject({ entries: [], unreadable: true })
    expect(issuesOf(secret)).toEqual([expected])
  })

  it.each<[unknown, string]>([
    [{ ...one, name: 'typo', role: 'Admin' }, 'SLUICE_TOKENS.1.role: "typo" is left out'],
    [{ ...one, name: 'typo', role: 'root' }, 'SLUICE_TOKENS.1.role: "typo" is left out'],
    [{ ...one, name: 'typo', sha256: 'abc' }, 'SLUICE_TOKENS.1.sha256: "typo" is left out'],
    [{ ...one, name: 'typo', token: 'plain' }, 'SLUICE_TOKENS.1.token: "typo" is left out'],
    [{ ...one, name: 'a plain secret?' }, 'SLUICE_TOKENS.1.name: left out'],
    [{ name: 'typo' }, 'SLUICE_TOKENS.1.role: "typo" is left out'],
    [null, 'SLUICE_TOKENS.1: left out'],
    ['plain', 'SLUICE_TOKENS.1: left out'],
    [[one], 'SLUICE_TOKENS.1'],
  ])('leaves out by itself what is wrong, names it, and quotes no secret: %j', (entry, expected) => {
    const last = { ...one, name: 'last' }
    expect(namesIn(one, entry, last)).toEqual(['ci', 'last'])
    const issues = issuesOf(JSON.stringify([one, entry, last])).join('\n')
    expect(issues).toContain(expected)
    for (const secret of [sha256, 'plain', 'abc', 'root']) expect(issues).not.toContain(secret)
  })

  it('holds a name twice, so that a token can be rotated, and no oftener', () => {
    const [first, second, third] = ['new', 'old', 'older'].map((token) => ({ ...one, sha256: hashToken(token) }))
    const { entries, issues } = readTokens(JSON.stringify([first, second, third]))
    expect(entries).toEqual([first, second])
    expect(issues).toMatchObject([
      { path: 'SLUICE_TOKENS.2.name', code: 'name_repeated', message: expect.stringContaining('"ci" is left out') },
    ])
  })

  it('holds 200 entries at most, and says where it stops', () => {
    const many = Array.from({ length: 201 }, (_, i) => ({ ...one, name: `n${i}` }))
    expect(namesIn(...many)).toHaveLength(200)
    expect(issuesOf(JSON.stringify(many))).toEqual([expect.stringContaining('SLUICE_TOKENS.200')])
  })
})

describe('a presented token', () => {
  const tokens = [
    { name: 'first', role: 'viewer' as const, sha256: hashToken('one') },
    { name: 'second', role: 'admin' as const, sha256: hashToken('two') },
  ]

  it('is found by its hash', () => {
    expect(findToken(tokens, 'one')?.name).toBe('first')
    expect(findToken(tokens, 'two')?.name).toBe('second')
  })

  it('is not found when it is wrong, empty, its own hash, or too long', () => {
    for (const presented of ['three', '', 'One', hashToken('one'), 'x'.repeat(9000)]) {
      expect(findToken(tokens, presented)).toBeNull()
    }
  })

  it('stands in the bearer header, and nowhere else', () => {
    expect(bearerOf('Bearer abc')).toBe('abc')
    expect(bearerOf('bearer  abc ')).toBe('abc')
    for (const header of [null, '', 'abc', 'Basic abc', 'Bearer', 'Bearer a b', `Bearer ${'x'.repeat(9000)}`]) {
      expect(bearerOf(header)).toBeNull()
    }
  })
})

describe('roles', () => {
  it('include the ones before them', () => {
    expect(atLeast('operator', 'tester')).toBe(true)
    expect(atLeast('operator', 'operator')).toBe(true)
    expect(atLeast('tester', 'operator')).toBe(false)
  })

  it('are read from a claim; what is no role gives none', () => {
    expect(roleOf('admin')).toBe('admin')
    expect(roleOf(['everyone', 'viewer', 'operator'])).toBe('operator')
    for (const claim of [undefined, null, 'root', 7, {}, [], ['root'], ['constructor']])
      expect(roleOf(claim)).toBeNull()
  })
})

describe('signing keys', () => {
  it('are one or two, the new one first, as text or as a JSON list', () => {
    expect(signingKeys(undefined)).toEqual([])
    expect(signingKeys('only')).toEqual(['only'])
    expect(signingKeys('new, old')).toEqual(['new', 'old'])
    expect(signingKeys('["new","old"]')).toEqual(['new', 'old'])
  })

  it.each(['["new","old"', '["new,"old"]', "['new','old']", '["new","old",]', '[new, old]'])(
    'are read as far as it goes where the list has a slip: %s',
    (secret) => {
      expect(signingKeys(secret)).toEqual(['new', 'old'])
      expect(isBrokenList(secret)).toBe(true)
    },
  )

  it('of webhooks are base64 after whsec_, and what is none is no key', () => {
    expect(webhookKeyBytes('whsec_AQI=')).toEqual(new Uint8Array([1, 2]))
    expect(webhookKeyBytes('ab')).toEqual(new Uint8Array([97, 98]))
    for (const key of ['whsec_', 'whsec_not base64!', 'whsec_AQI=#']) expect(webhookKeyBytes(key)).toBeNull()
  })
})
