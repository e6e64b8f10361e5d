/** What an answer to the ledger's own poll says where it shows no job: nothing may be held against who answers his users only. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { readConfig } from '../../src/config/load.ts'
import { replicaHash } from '../../src/config/replica.ts'
import { Backend } from '../../src/durable/ledger/backend.ts'
import { jobProtocolOf, PROTOCOL_NAMES } from '../../src/protocols/index.ts'

const url = 'http://backend.test'
const own = { url, auth: 'ARM_KEY', forward_authorization: true }

afterEach(() => vi.restoreAllMocks())

function backend(): Backend {
  const arms = { control: own, candidate: { url, forward_authorization: true } }
  const read = readConfig({ RELEASE_A: { name: 'a', protocol: 'openai-videos', arms } }, PROTOCOL_NAMES)
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  const release = read.config.releases[0]!
  return new Backend({ ARM_KEY: 'key-of-control' } as unknown as Env, release, jobProtocolOf(release)!)
}

test.each([
  [200, 'failed', 'failed'],
  [302, 'failed', 'closed'],
  [400, 'failed', 'closed'],
  [401, 'closed', 'closed'],
  [403, 'closed', 'closed'],
  [404, 'gone', 'gone'],
  [405, 'failed', 'closed'],
  [410, 'gone', 'gone'],
  [429, 'busy', 'busy'],
  [503, 'failed', 'failed'],
])('%i: %s, and %s where only its users have credentials', async (status, withOwn, withNone) => {
  vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response('{}', { status })))
  const states = (['control', 'candidate'] as const).map((arm) =>
    backend().poll({ arm, replica: replicaHash(url), prefix: '' }, 'v-1', 1000),
  )
  expect((await Promise.all(states)).map(({ state }) => state)).toEqual([withOwn, withNone])
})
