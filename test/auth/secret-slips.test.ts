import { describe, expect, it } from 'vitest'
import { secretSlips } from '../../src/auth/secret-slips.ts'
import { hashToken } from '../../src/auth/tokens.ts'

const GOOD = {
  tokens: JSON.stringify([{ name: 'ci', role: 'operator', sha256: hashToken('a') }]),
  eventKeys: JSON.stringify([{ name: 'page', sha256: hashToken('b') }]),
  cookieKey: 'a-new-key-of-some-length, an-old-key-of-some-length',
  webhookKey: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
}
const pathsOf = (more: Partial<typeof GOOD>) => secretSlips({ ...GOOD, ...more }).map(({ path }) => path)

describe('what is wrong with secrets written by hand', () => {
  it('is nothing where they are right or not set', () => {
    expect(pathsOf({})).toEqual([])
    const none = { tokens: undefined, eventKeys: undefined, cookieKey: undefined, webhookKey: undefined }
    expect(secretSlips(none)).toEqual([])
  })

  it.each<[Partial<typeof GOOD>, string[]]>([
    [{ tokens: '[{"name":"typo","role":"Admin","sha256":"x"}]' }, ['SLUICE_TOKENS.0.sha256', 'SLUICE_TOKENS.0.role']],
    [{ tokens: 'oops' }, ['SLUICE_TOKENS']],
    [{ eventKeys: '[{"name":"page"}]' }, ['SLUICE_EVENT_KEYS.0.sha256']],
    [{ cookieKey: '["a-new-key-of-some-length", "short' }, ['SLUICE_COOKIE_KEY', 'SLUICE_COOKIE_KEY.1']],
    [{ webhookKey: 'whsec_!!, another' }, ['SLUICE_WEBHOOK_KEY.0']],
  ])('is named by its place: %j', (more, paths) => {
    expect(pathsOf(more)).toEqual(paths)
  })

  it('is told without a word of the secret', () => {
    const slips = JSON.stringify(secretSlips({ ...GOOD, cookieKey: 'hunter2', webhookKey: 'whsec_hunter2!' }))
    expect(slips).not.toContain('hunter2')
  })
})
