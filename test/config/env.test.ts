/** The configuration together with the secrets that it names. */
import { describe, expect, it } from 'vitest'
import { armToken, configOf, type Env } from '../../src/config/env.ts'

const PROTOCOLS = ['openai-videos']
const ARMS = { control: { url: 'https://old.example', auth: 'WAN21_TOKEN' }, candidate: { url: 'https://new.example' } }

function env(more: Record<string, unknown> = {}): Env {
  const release = { name: 'wan22', protocol: 'openai-videos', arms: ARMS }
  const secrets = { SLUICE_COOKIE_KEY: 'a-cookie-key-for-tests-only', WAN21_TOKEN: 'new-token, old-token' }
  return { ...secrets, RELEASE_A: release, ...more } as unknown as Env
}

function pathsOf(given: Env): string[] {
  const read = configOf(given, PROTOCOLS)
  return read.ok ? [] : read.issues.map(({ path }) => path)
}

describe('the environment', () => {
  it('must hold a key to sign with, of some length', () => {
    expect(pathsOf(env())).toEqual([])
    expect(pathsOf(env({ SLUICE_COOKIE_KEY: 'short' }))).toEqual(['SLUICE_COOKIE_KEY'])
    expect(pathsOf(env({ SLUICE_COOKIE_KEY: undefined }))).toEqual(['SLUICE_COOKIE_KEY'])
  })

  it('must hold each secret that an arm names', () => {
    expect(pathsOf(env({ WAN21_TOKEN: undefined }))).toEqual(['RELEASE_A.arms.control.auth'])
  })

  it('is read once', () => {
    const given = env()
    expect(configOf(given, PROTOCOLS)).toBe(configOf(given, PROTOCOLS))
  })

  it("gives the new one of an arm's two tokens, and none where none is named", () => {
    expect(armToken(env(), 'WAN21_TOKEN')).toBe('new-token')
    expect(armToken(env(), null)).toBeNull()
    expect(armToken(env({ WAN21_TOKEN: ', old-token\n' }), 'WAN21_TOKEN')).toBe('old-token')
    expect(pathsOf(env({ WAN21_TOKEN: ' , ' }))).toEqual(['RELEASE_A.arms.control.auth'])
  })
})
