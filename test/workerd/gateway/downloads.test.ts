/** A finished job without a video: what it counts as, once, whose doing it is, and that its client sees what came. */
import { describe, expect, it } from 'vitest'
import { DataPlane, GATEWAY, inStillTime, releaseTable, until } from '../../support/workerd/data-plane.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const PATH = '/v1/videos'
const as = 'dora'
const VIDEO = { 'content-type': 'video/mp4' }
const JSON_TYPE = { 'content-type': 'application/json' }

type Content = () => Response

const answering =
  (status: number, headers: Record<string, string>, ...pieces: string[]): Content =>
  () => {
    const start = (controller: ReadableStreamDefaultController) => {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    }
    return new Response(status === 304 ? null : new ReadableStream({ start }), { status, headers })
  }

const LACKING: [string, Content][] = [
  ['missing', answering(404, JSON_TYPE, '{"detail":"Video file not found on disk"}')],
  ['gone', answering(410, { 'content-type': 'text/plain' }, 'gone')],
  ['empty', answering(200, { ...VIDEO, 'content-length': '0' })],
  ['empty, of unknown length', answering(200, VIDEO)],
  ['JSON', answering(200, JSON_TYPE, '{"status":"completed"}')],
  ['a page', answering(200, { 'content-type': 'text/html' }, '<html>')],
]

inStillTime()

function setup() {
  const backends = new ScriptedBackends()
  let content: Content = answering(200, VIDEO, 'film')
  const plane = new DataPlane({ RELEASE_A: releaseTable('objects') }, (call) => {
    const { pathname } = call.url
    return pathname.endsWith('/content') || pathname.endsWith('/sync') ? content() : backends.answer(call)
  })
  const finishedJob = async (): Promise<string> => {
    const { id } = await plane.send('POST', PATH, { as, body: { prompt: 'a' } })
    expect((await plane.send('GET', `${PATH}/${id}`, { as })).text).toContain('"completed"')
    return id
  }
  const download = (id: string, query = '', headers: Record<string, string> = {}, method = 'GET') =>
    plane.send(method, `${PATH}/${id}/content${query}`, { as, headers })
  /** Those that the isolate counts, and those that it leaves to the ledger. */
  const contents = async () => {
    const all: Record<string, number> = { ...plane.counted('content') }
    const { requests, outcomes } = await counted(ledger(), 'content')
    const ends = { ...outcomes, ok: requests - Object.values(outcomes).reduce((sum, n) => sum + n, 0) }
    for (const [end, n] of Object.entries(ends)) if (n > 0) all[`control ${end}`] = (all[`control ${end}`] ?? 0) + n
    return all
  }
  return { plane, finishedJob, download, contents, contentIs: (next: Content) => void (content = next) }
}

describe('a finished job without a video', () => {
  it('whose answer is JSON instead shows the client no id and no address of its backend', async () => {
    const { plane, finishedJob, download, contentIs } = setup()
    const id = await finishedJob()
    const raw = plane.calls.at(-1)!.url.pathname.split('/').at(-1)!
    contentIs(
      answering(200, JSON_TYPE, JSON.stringify({ id: raw, url: `http://control.test/v1/videos/${raw}/content` })),
    )
    expect(JSON.parse((await download(id)).text)).toEqual({ id, url: `${GATEWAY}/v1/videos/${id}/content` })
  })

  it.each(LACKING)(
    'is bad output of its arm, as a job and as a download, and the client sees what came: %s',
    async (_, content) => {
      const { finishedJob, download, contents, contentIs } = setup()
      contentIs(content)
      const reply = await download(await finishedJob())
      const direct = content()
      expect([reply.status, reply.text]).toEqual([direct.status, await direct.text()])
      expect(await contents()).toEqual({ 'control bad_output': 1 })
      expect((await counted(ledger(), 'job')).outcomes).toEqual({ bad_output: 1 })
    },
  )

  it('is one error for many downloads, and none once its owner has deleted it', async () => {
    const { plane, finishedJob, download, contents, contentIs } = setup()
    contentIs(LACKING[0]![1])
    const [id, deleted, leaving] = [await finishedJob(), await finishedJob(), await finishedJob()]
    for (let i = 0; i < 20; i++) await download(id)
    await plane.send('DELETE', `${PATH}/${deleted}`, { as })
    await download(deleted)
    // Deleted at the backend, and the answer is slow to say so: all is counted before it comes.
    const answered = Promise.withResolvers<Response>()
    const usual = plane.answer
    plane.answer = (call) => (call.method === 'DELETE' ? answered.promise : usual(call))
    const leaves = plane.send('DELETE', `${PATH}/${leaving}`, { as })
    await until('the backend is asked', () => plane.calls.at(-1)!.method === 'DELETE')
    await download(leaving)
    expect(await contents()).toEqual({ 'control bad_output': 1, 'control client_error': 21 })
    answered.resolve(Response.json({ id: 'gone', status: 'deleted' }))
    expect((await leaves).status).toBe(200)
  })

  it('is not made by what the client asks for', async () => {
    const { finishedJob, download, contents, contentIs } = setup()
    const ask = async (content: Content, ...asked: [string?, Record<string, string>?, string?]) => {
      contentIs(content)
      return download(await finishedJob(), ...asked)
    }
    const ranges = await ask(answering(206, { 'content-type': 'multipart/byteranges; boundary=b0' }, '--b0--'), '', {
      range: 'bytes=0-0,4-4',
    })
    expect([ranges.status, ranges.text]).toEqual([206, '--b0--'])
    const pieces = await ask(answering(200, { 'content-type': 'binary/octet-stream' }, 'a', 'b', 'c'))
    expect(pieces.text).toBe('abc')
    await ask(answering(200, { 'content-type': 'application/mp4', 'content-length': '1' }, 'a'))
    await ask(answering(304, {}), '', { 'if-none-match': '"a"' })
    await ask(answering(200, { ...JSON_TYPE, 'content-length': '0' }), '', {}, 'HEAD')
    await ask(answering(302, { location: 'http://control.test/elsewhere' }))
    expect(await contents()).toEqual({ 'control ok': 6 })
    await ask(answering(404, JSON_TYPE, '{}'), '?variant=thumbnail')
    await ask(answering(416, { 'content-range': 'bytes */9' }), '', { range: 'bytes=9-' })
    await ask(answering(412, {}), '', { 'if-match': '"a"' })
    await ask(answering(404, {}), '', {}, 'HEAD')
    expect(await contents()).toEqual({ 'control ok': 6, 'control client_error': 4 })
  })

  it('is bad output of a synchronous submit too, though not of one that answers with JSON of a job or of a video', async () => {
    const { plane, contentIs } = setup()
    const send = (content: Content) => {
      contentIs(content)
      return plane.send('POST', `${PATH}/sync`, { as, body: { prompt: 'a' } })
    }
    const lacking = LACKING.slice(2)
    for (const [, content] of lacking) expect((await send(content)).status).toBe(200)
    expect(plane.counted('sync')).toEqual({ 'control bad_output': lacking.length })
    const good = [
      answering(200, VIDEO, 'fi', 'lm'),
      answering(200, { ...VIDEO, 'content-length': '4' }, 'film'),
      answering(200, JSON_TYPE, JSON.stringify({ id: 'a', status: 'completed' })),
      answering(200, JSON_TYPE, JSON.stringify({ data: [{ b64_json: 'A'.repeat(70_000) }] })),
    ]
    for (const content of good) expect((await send(content)).text).toMatch(/^film$|completed|AAAA/)
    expect(plane.counted('sync')).toEqual({ 'control bad_output': lacking.length, 'control ok': good.length })
  })
})
