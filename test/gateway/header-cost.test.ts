/** Whatever a client writes into its headers is read for what plain ones of their length cost, and nothing throws. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { callerOf, cookieOf, isOwnCredential } from '../../src/auth/caller.ts'
import { hashToken } from '../../src/auth/tokens.ts'
import { ReceivedHeaders } from '../../src/gateway/asked.ts'
import { requestIdOf, toBackend, toClient } from '../../src/gateway/headers.ts'
import { SUBJECT_COOKIE } from '../../src/gateway/subject.ts'
import { expectNoDearerAwaited } from '../support/cost.ts'
import { oddText, repeated } from '../support/odd-texts.ts'

/** What the platform lets through in one header, and more. */
const SIZE = 64 * 1024
const NAMES = ['authorization', 'cookie', 'x-request-id', 'accept', 'range', 'connection', 'content-type', 'origin']
const CONFIG = {
  tokens: [{ name: 'ci', role: 'operator' as const, sha256: hashToken('token') }],
  controlPlane: null,
}
const DEPS = {
  now: () => 0,
  fetch: () => Promise.reject(new Error('a header made the gateway fetch')),
}
const OUTGOING = {
  requestId: 'r',
  arm: { forwardAuthorization: true } as never,
  authorization: null,
  mayForwardAuthorization: true,
  passesOrigin: true,
}

/** All that is read of headers before a body is looked at. */
async function readAll(sent: Headers): Promise<void> {
  const headers = new ReceivedHeaders(sent)
  await isOwnCredential(headers, CONFIG, DEPS)
  await callerOf(headers, CONFIG, DEPS)
  cookieOf(headers.get('cookie'), SUBJECT_COOKIE)
  expect(requestIdOf(headers, () => 'new')).toMatch(/^[\x21-\x7e]{1,200}$/)
  toBackend(headers, ['x-extra'], OUTGOING)
  toClient(headers)
}

test('any header is read, and is no dearer than ten plain ones of its length', async () => {
  const value = oddText(SIZE).map((text) => text.replaceAll(/[^\x20-\x7e]/g, ' ').trim())
  const scheme = fc.constantFrom('', 'Bearer ', 'Basic ', 'Digest ', `${SUBJECT_COOKIE}=`, 'bytes=')
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...NAMES), scheme, value, async (name, begin, text) => {
      const whole = (begin + text).slice(0, SIZE)
      await expectNoDearerAwaited(
        () => readAll(new Headers({ [name]: whole })),
        () => readAll(new Headers({ [name]: repeated('x', whole.length) })),
        name,
      )
    }),
    { numRuns: 150 },
  )
})
