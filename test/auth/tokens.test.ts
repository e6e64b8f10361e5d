import { describe, expect, it } from 'vitest'
import { signingKeys } from '../../src/auth/keys.ts'
import { atLeast, roleOf } from '../../src/auth/roles.ts'
import { bearerOf, findToken, hashToken, readTokens } from '../../src/auth/tokens.ts'

const sha256 = hashToken('secret')
const one = { name: 'ci', role: 'operator', sha256 }

function issuesOf(secret: string): string[] {
  const read = readTokens(secret)
  return read.ok ? [] : read.issues.map(({ path, message }) => `${path}: ${message}`)
}

describe('SLUICE_TOKENS', () => {
  it('that is not set means that there are no tokens', () => {
    expect(readTokens(undefined)).toEqual({ ok: true, tokens: [] })
    expect(readTokens('  ')).toEqual({ ok: true, tokens: [] })
  })

  it('is read with hashes in either case', () => {
    const read = readTokens(JSON.stringify([{ ...one, sha256: sha256.toUpperCase() }]))
    expect(read).toEqual({ ok: true, tokens: [one] })
  })

  it.each([
    ['nonsense', 'SLUICE_TOKENS: not JSON'],
    ['{"name":"ci"}', 'SLUICE_TOKENS'],
    [JSON.stringify([{ ...one, role: 'root' }]), 'SLUICE_TOKENS.0.role'],
    [JSON.stringify([{ ...one, sha256: 'abc' }]), 'SLUICE_TOKENS.0.sha256'],
    [JSON.stringify([{ ...one, token: 'plain' }]), 'SLUICE_TOKENS.0.token'],
    [JSON.stringify([one, one]), 'two tokens have the same name'],
  ])('with a mistake names the place and never the secret: %s', (secret, expected) => {
    const issues = issuesOf(secret)
    expect(issues.join('\n')).toContain(expected)
    expect(issues.join('\n')).not.toContain(sha256)
    expect(issues.join('\n')).not.toContain('plain')
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
})
