/** Arms that speak different dialects of openai-videos, vLLM-Omni and SGLang: one client sees no difference but the video. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { counted, ledger } from '../../support/workerd/objects.ts'
import { type BackendCall, DataPlane, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'

inStillTime()

/** How jobs have ended, as their ledger counts. */
const ends = () => counted(ledger(), 'job')

interface Made {
  polls: number
  prompt: string
}

const isForm = ({ headers }: BackendCall) => headers.get('content-type')?.startsWith('multipart/') === true

async function promptOf(call: BackendCall): Promise<string> {
  if (!isForm(call)) return (JSON.parse(call.body) as { prompt: string }).prompt
  const bytes = new TextEncoder().encode(call.body)
  const form = await new Response(bytes, { headers: { 'content-type': call.headers.get('content-type')! } }).formData()
  return form.get('prompt') as string
}

/** As its sources have it: forms only, a failed job under the error's own status, no cancelled state. */
function vllmOmni() {
  const jobs = new Map<string, Made>()
  const stopping = () => Response.json({ error: { message: 'Cancellation in progress', code: 409 } }, { status: 409 })
  return async (call: BackendCall): Promise<Response> => {
    const id = call.url.pathname.split('/')[3]
    if (call.method === 'POST') {
      if (!isForm(call))
        return Response.json({ error: { message: 'prompt: Field required', code: 400 } }, { status: 400 })
      const made = `video_gen_${jobs.size}`
      jobs.set(made, { polls: 0, prompt: await promptOf(call) })
      return Response.json({ id: made, object: 'video', status: 'queued', progress: 0, seconds: '4', error: null })
    }
    const job = jobs.get(id!)
    if (!job) return Response.json({ error: { message: `Video '${id}' not found`, code: 404 } }, { status: 404 })
    if (call.method === 'DELETE') {
      jobs.delete(id!)
      return job.prompt === 'slow to stop' ? stopping() : Response.json({ id, deleted: true, object: 'video.deleted' })
    }
    const fails = job.prompt === 'too big'
    const error = fails ? { code: 500, message: 'CUDA out of memory' } : null
    const status = job.polls++ === 0 ? 'in_progress' : fails ? 'failed' : 'completed'
    const isOver = status === 'failed'
    return Response.json({ id, object: 'video', status, error: isOver ? error : null }, { status: isOver ? 500 : 200 })
  }
}

/** As its forks have it: `processing`, errors without a code, the job itself in answer to a deletion, FastAPI's errors. */
function sglang() {
  const jobs = new Map<string, Made>()
  return async (call: BackendCall): Promise<Response> => {
    const id = call.url.pathname.split('/')[3]
    if (call.method === 'POST') {
      const made = `sgl-${jobs.size}`
      jobs.set(made, { polls: 0, prompt: await promptOf(call) })
      return Response.json({ id: made, object: 'video', status: 'queued', file_path: `/srv/${made}.mp4`, error: null })
    }
    const job = jobs.get(id!)
    if (!job) return Response.json({ detail: 'Video not found' }, { status: 404 })
    if (call.method === 'DELETE') {
      jobs.delete(id!)
      return Response.json({ id, object: 'video', status: 'deleted' })
    }
    const fails = job.prompt === 'too big'
    const status = job.polls++ === 0 ? 'processing' : fails ? 'failed' : 'completed'
    const error = status === 'failed' ? { message: 'CUDA out of memory' } : null
    return Response.json({ id, object: 'video', status, error })
  }
}

function setup() {
  const backends = { control: vllmOmni(), candidate: sglang() }
  const arms = {
    control: { url: 'http://control.test', encoding: 'multipart' },
    candidate: { url: 'http://candidate.test', rename: { num_frames: 'extra_body.num_frames' } },
  }
  const plane = new DataPlane(
    { RELEASE_A: { name: 'objects', protocol: 'openai-videos', arms, legacy_ids: 'control' } },
    (call) => backends[call.url.host.replace('.test', '') as 'control' | 'candidate'](call),
  )
  return plane
}

describe.each(['control', 'candidate'] as const)('a client of the %s', (arm) => {
  const as = { as: 'ann', headers: arm === 'candidate' ? TO_CANDIDATE : {} }
  const submit = (plane: DataPlane, prompt: string) =>
    plane.send('POST', '/v1/videos', { ...as, body: { prompt, num_frames: 81 } })
  const poll = async (plane: DataPlane, id: string) => {
    // Polls of the same moment share a call.
    vi.setSystemTime(Date.now() + 1000)
    const { status, text } = await plane.send('GET', `/v1/videos/${id}`, { as: 'ann' })
    return { http: status, ...(JSON.parse(text) as Record<string, unknown>) }
  }

  it('submits JSON and waits by words that it knows', async () => {
    const plane = setup()
    const { id, status, text } = await submit(plane, 'a fox')
    expect([status, (JSON.parse(text) as { status: string }).status]).toEqual([200, 'queued'])
    expect(text).not.toContain('file_path')
    expect(await poll(plane, id)).toMatchObject({ http: 200, id, status: 'in_progress' })
    expect(await poll(plane, id)).toMatchObject({ http: 200, id, status: 'completed' })
    expect(plane.counted('submit')).toEqual({ [`${arm} ok`]: 1 })
  })

  it('reads of a failure as a job, with a code and a message', async () => {
    const plane = setup()
    const { id } = await submit(plane, 'too big')
    await poll(plane, id)
    expect(await poll(plane, id)).toMatchObject({
      http: 200,
      status: 'failed',
      error: { code: expect.anything() as unknown, message: 'CUDA out of memory' },
    })
  })

  it('deletes a job and reads that it is deleted', async () => {
    const plane = setup()
    const { id } = await submit(plane, 'a fox')
    const { text } = await plane.send('DELETE', `/v1/videos/${id}`, { as: 'ann' })
    expect(JSON.parse(text)).toMatchObject({ id, deleted: true, object: 'video.deleted' })
    expect(await poll(plane, id)).toMatchObject({ http: 404 })
    expect(await ends()).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })
})

describe('a deletion that is not answered by one', () => {
  const submit = (plane: DataPlane, prompt: string) => plane.send('POST', '/v1/videos', { as: 'ann', body: { prompt } })

  it('of a job that takes its time to stop, as vLLM-Omni says, counts as cancelled at once', async () => {
    const plane = setup()
    const { id } = await submit(plane, 'slow to stop')
    const { status, text } = await plane.send('DELETE', `/v1/videos/${id}`, { as: 'ann' })
    expect([status, text]).toEqual([409, '{"error":{"message":"Cancellation in progress","code":409}}'])
    expect(await ends()).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it('and after which the job is gone has cancelled it, however it was answered', async () => {
    const plane = setup()
    const { id } = await submit(plane, 'a fox')
    const answer = plane.answer
    plane.answer = async (call) => (await answer(call), null)
    expect(await plane.send('DELETE', `/v1/videos/${id}`, { as: 'ann' })).toMatchObject({ status: 502 })
    plane.answer = answer
    vi.setSystemTime(Date.now() + 1000)
    expect(await plane.send('GET', `/v1/videos/${id}`, { as: 'ann' })).toMatchObject({ status: 404 })
    expect(await ends()).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it.each(['a poll at another isolate', 'the ledger’s own poll'])('is known as cancelled to %s, too', async (who) => {
    const [plane, other] = [setup(), setup()]
    const { id } = await submit(plane, 'a fox')
    const answer = plane.answer
    plane.answer = async (call) => (await answer(call), null)
    expect(await plane.send('DELETE', `/v1/videos/${id}`, { as: 'ann' })).toMatchObject({ status: 502 })
    // For all that anybody knows it goes on.
    other.answer = () => null
    expect((await other.send('GET', '/v1/videos', { as: 'ann' })).text).toContain(id)
    other.answer = answer
    if (who.startsWith('a poll')) {
      vi.setSystemTime(Date.now() + 1000)
      expect(await other.send('GET', `/v1/videos/${id}`, { as: 'ann' })).toMatchObject({ status: 404 })
    } else {
      vi.setSystemTime(Date.now() + 600_000)
      await runDurableObjectAlarm(ledger())
    }
    expect(await ends()).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })
})
