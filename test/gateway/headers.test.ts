/** What may go to a backend, to a shadow, and back to the client. */
import { describe, expect, it } from 'vitest'
import type { ArmConfig } from '../../src/config/release-schema.ts'
import { requestIdOf, toBackend, toClient, toShadow } from '../../src/gateway/headers.ts'

const ARM: ArmConfig = {
  urls: ['http://backend.test'],
  model: null,
  mapping: null,
  encoding: 'as_sent',
  timeoutMs: 1000,
  syncTimeoutMs: 1000,
  auth: null,
  forwardAuthorization: false,
  costPerGpuSecond: null,
}

const CLIENT = new Headers({
  accept: 'application/json',
  authorization: 'Bearer of-the-user',
  'content-type': 'application/json',
  cookie: 'sluice_sid=1.2; session=secret',
  connection: 'keep-alive',
  'cf-connecting-ip': '203.0.113.9',
  'x-forwarded-for': '203.0.113.9',
  'idempotency-key': 'k-1',
  range: 'bytes=0-1',
  'x-sluice-arm': 'candidate',
  'x-sluice-shadow': '1',
  'x-user-id': 'anna',
  'x-vendor': 'wanted',
})

function sent(arm: Partial<ArmConfig> = {}, authorization: string | null = null, mayForwardAuthorization = true) {
  const outgoing = {
    requestId: 'r-1',
    arm: { ...ARM, ...arm },
    authorization,
    mayForwardAuthorization,
    passesOrigin: true,
  }
  return toBackend(CLIENT, ['x-vendor'], outgoing)
}

describe('to a backend', () => {
  it('go the headers of the allow-list, those of the protocol, the request id, and nothing else', () => {
    expect(sent()).toEqual({
      accept: 'application/json',
      'content-type': 'application/json',
      'idempotency-key': 'k-1',
      range: 'bytes=0-1',
      'x-request-id': 'r-1',
      'x-vendor': 'wanted',
    })
  })

  it.each([true, false])(
    'goes what a browser asks for its page only where the backend is to answer it: %s',
    (passes) => {
      const asked = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
      const outgoing = {
        requestId: 'r-1',
        arm: ARM,
        authorization: null,
        mayForwardAuthorization: true,
        passesOrigin: passes,
      }
      const headers = toBackend(new Headers(asked), [], outgoing)
      expect(headers).toEqual({ 'x-request-id': 'r-1', ...(passes ? asked : {}) })
    },
  )

  it("goes the arm's own token in place of the user's credentials", () => {
    expect(sent({ forwardAuthorization: true }, 'Key of-the-arm')['authorization']).toBe('Key of-the-arm')
  })

  it("go the user's credentials only where the arm is configured so, and never those for Sluice itself", () => {
    expect(sent({ forwardAuthorization: true })['authorization']).toBe('Bearer of-the-user')
    expect(sent({ forwardAuthorization: true }, null, false)).not.toHaveProperty('authorization')
    expect(sent()).not.toHaveProperty('authorization')
  })
})

describe('to a shadow', () => {
  it('goes nothing of the user', () => {
    expect(toShadow('multipart/form-data; boundary=b', 'r-1', 'k-1', null)).toEqual({
      accept: 'application/json',
      'content-type': 'multipart/form-data; boundary=b',
      'idempotency-key': 'shadow-k-1',
      'x-request-id': 'shadow-r-1',
      'x-sluice-shadow': '1',
    })
    expect(toShadow('text/plain', 'r-1', 'k-1', 'Key of-the-arm')['authorization']).toBe('Key of-the-arm')
  })
})

describe('to the client', () => {
  it('comes what the backend said, less hop-by-hop headers, its cookies and what claims to be ours', () => {
    const upstream = new Headers({
      'content-type': 'video/mp4',
      'content-range': 'bytes 0-1/2',
      etag: '"e"',
      connection: 'close',
      'keep-alive': 'timeout=5',
      server: 'uvicorn',
      'set-cookie': 'backend=1',
      'x-powered-by': 'vllm',
      'x-request-id': 'of-the-backend',
      'x-sluice-arm': 'forged',
    })
    expect(toClient(upstream)).toEqual({
      'content-type': 'video/mp4',
      'content-range': 'bytes 0-1/2',
      etag: '"e"',
    })
  })
})

describe('the request id', () => {
  it.each(['abc', 'A-1_2.3:4', 'x'.repeat(128)])('of the client is kept if it is well-formed: %s', (id) =>
    expect(requestIdOf(new Headers({ 'x-request-id': id }), () => 'new')).toBe(id),
  )

  it.each(['', 'x'.repeat(129), 'a b', 'a"b', 'é'])('is a new one for %j', (id) => {
    expect(requestIdOf(new Headers({ 'x-request-id': id }), () => 'new')).toBe('new')
  })
})
