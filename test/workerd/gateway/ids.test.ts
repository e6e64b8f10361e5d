/** Whatever a backend calls its job: either the client's id for it is found again, or the client is told at once. */
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { anyText } from '../../support/any-text.ts'
import { codeOf, DataPlane } from '../../support/workerd/data-plane.ts'

/** The ledger is one for both modes, and knows a job by its backend: so each mode has backends of its own. */
const release = (mode: string) => {
  const arms = { control: { url: `http://control.${mode}.test` }, candidate: { url: `http://candidate.${mode}.test` } }
  const match = { models: ['wan-t2v'] }
  return { RELEASE_A: { name: 'wan22', protocol: 'openai-videos', match, arms, id_mode: mode } }
}

const ODD = [
  ...['/', '/etc/passwd', '/v-1.mp4', '//v', '/%2e', 'a/b', 'a/../b', 'a/', 'a\\b', '\\a', 'a;b', ';', 'a\u0000b'],
  ...['\u0000', '\n', 'a\r\nb', '\u0085', '\u202e', '\ufeff', '%', '%2F', '%252f', '%2e%2e', 'a%00', '%zz', '😀', 'ü'],
  ...[
    'sync',
    'edits',
    'characters',
    'content',
    'a?b',
    'a#b',
    'a b',
    ' ',
    '...',
    '. ',
    '~',
    'slc_a',
    'a_slc',
    'slc__slc',
  ],
  ...['x'.repeat(512), '/'.repeat(512), '視'.repeat(512), '', '.', '..', 'x'.repeat(513), '\ud800'],
]
const ids = fc.oneof(
  fc.constantFrom(...ODD),
  anyText({ maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(...'/\\;%.?#&=+ \u0000\u0001é2F'.split('')), minLength: 1, maxLength: 12 }),
)

afterEach(() => vi.restoreAllMocks())

/** A backend whose one job is called so; it decodes a path as servers do. */
function backendOf(id: string) {
  return ({ method, url }: { method: string; url: URL }) => {
    const asked = url.pathname.split('/').slice(3)
    if (method === 'POST') return Response.json({ id, object: 'video', status: 'queued' })
    const isIt = asked.length === 1 && decodeURIComponent(asked[0]!) === id
    return isIt ? Response.json({ id, object: 'video', status: 'completed' }) : new Response('{}', { status: 404 })
  }
}

describe.each(['tagged', 'native'])('with %s ids', (mode) => {
  async function submitAndPoll(id: string): Promise<string> {
    const plane = new DataPlane(release(mode), backendOf(id))
    const submit = await plane.submit('ann')
    if (submit.status !== 200) {
      expect([submit.status, await codeOf(submit)]).toEqual([502, 'upstream_invalid'])
      expect(submit.headers.get('x-should-retry')).toBe('false')
      expect(plane.counted('submit')).toEqual({ 'control bad_output': 1 })
      return 'refused'
    }
    const shown = (await submit.json<{ id: string }>()).id
    const own = { headers: { 'x-user-id': 'ann' } }
    const poll = await plane.request('GET', `/v1/videos/${encodeURIComponent(shown)}`, own)
    expect([id, poll.status, (await poll.json<{ id: string }>()).id]).toEqual([id, 200, shown])
    vi.restoreAllMocks()
    return 'found'
  }

  it('a job is found again by the id that its client got, or refused as no job', async () => {
    await fc.assert(
      fc.asyncProperty(ids, async (id) => void (await submitAndPoll(id))),
      { numRuns: 200, seed: 12, examples: ODD.map((id) => [id]) },
    )
  })

  it('an id that could be a path of its own is a job’s where it is sealed', async () => {
    expect(await submitAndPoll('/files/v-1')).toBe(mode === 'tagged' ? 'found' : 'refused')
    expect(await submitAndPoll('v-1')).toBe('found')
    expect(await submitAndPoll('a%2Fb')).toBe('found')
  })

  it('somebody else’s bare id leads nowhere, however it is spelt', async () => {
    const plane = new DataPlane(release(mode), backendOf(`v-of-ann-${mode}`))
    expect((await plane.submit('ann')).status).toBe(200)
    const calls = plane.calls.length
    for (const spelt of ['videos/ID', 'Videos/ID', 'videos/ID%20', 'videos/%20ID', 'videos/ID%0A', 'videos/ID%C2%A0'])
      for (const method of ['GET', 'DELETE', 'PUT']) {
        const path = `/v1/${spelt.replace('ID', `v-of-ann-${mode}`)}`
        const answer = await plane.request(method, path, { headers: { 'x-user-id': 'bob' } })
        expect([method, path, answer.status]).toEqual([method, path, 404])
      }
    expect(plane.calls.slice(calls).map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([])
  })
})
