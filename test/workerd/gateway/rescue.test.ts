/** With `rescue = true` clients never see the candidate fail: control takes over under the id that they hold, and counts say who failed. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { DataPlane, inStillTime, releaseTable } from '../../support/workerd/data-plane.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

/** Whose rescue is on in wrangler.toml, too, where the ledger reads it. */
const RELEASE = 'objects'
const PATH = '/v1/videos'

interface Made {
  prompt: string
  status: string
}

/** Two backends that number their jobs alike, v_1, v_2, …, and make a video of the prompt's text. */
function setup() {
  const jobs: Record<string, Map<string, Made>> = { control: new Map(), candidate: new Map() }
  const state = {
    refusals: [] as number[],
    statusAt: { control: 'completed', candidate: 'failed' } as Record<string, string>,
  }
  const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE, { rescue: true }) }, ({ method, url, body }) => {
    const arm = url.host.replace('.test', '')
    const [, id, below] = /\/v1\/videos(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname) ?? []
    const made = jobs[arm]!
    if (method === 'POST') {
      const refusal = arm === 'control' ? state.refusals.shift() : undefined
      if (refusal) return Response.json({ error: {} }, { status: refusal })
      if (id !== undefined && made.get(id)?.status !== 'completed') return Response.json({ error: {} }, { status: 400 })
      const { prompt } = JSON.parse(body) as { prompt: string }
      made.set(`v_${made.size + 1}`, { prompt, status: state.statusAt[arm]! })
      return shown(`v_${made.size}`, arm === 'candidate' && prompt === 'at once' ? 'failed' : 'queued')
    }
    const job = made.get(id ?? '')
    if (!job) return Response.json({ error: {} }, { status: 404 })
    if (method === 'DELETE') made.delete(id!)
    if (below) return new Response(`video of ${job.prompt}`, { headers: { 'content-type': 'video/mp4' } })
    return shown(id!, job.status)
  })
  plane.canary(RELEASE, 100)
  const submit = (as: string, prompt = as) => plane.send('POST', PATH, { as, body: { prompt } })
  const poll = (as: string, id: string) => plane.send('GET', `${PATH}/${id}`, { as })
  const resubmits = () => plane.callsOf('POST').filter(({ url }) => url.host === 'control.test')
  return { plane, state, submit, poll, resubmits }
}

function shown(id: string, status: string): Response {
  const error = status === 'failed' ? { code: 'oom', message: 'CUDA out of memory' } : null
  return Response.json({ id, object: 'video', status, error })
}

inStillTime()

let at: ReturnType<typeof setup>
beforeEach(() => {
  at = setup()
})

describe('jobs whose candidate always fails', () => {
  it('are completed videos of each user’s own prompt, failures of the candidate, and one submit to control each', async () => {
    const users = Array.from({ length: 12 }, (_, i) => `owner-${i}`)
    const ids: string[] = []
    for (const user of users) ids.push((await at.submit(user)).id)
    for (const [i, user] of users.entries()) {
      const polled = await at.poll(user, ids[i]!)
      expect([polled.status, polled.id, JSON.parse(polled.text).status]).toEqual([200, ids[i], 'completed'])
      const film = await at.plane.send('GET', `${PATH}/${ids[i]}/content`, { as: user })
      expect(film.text).toBe(`video of ${user}`)
    }
    const keys = at.resubmits().map(({ headers }) => headers.get('idempotency-key'))
    expect([keys.length, new Set(keys).size, keys.every((key) => key?.startsWith('rescue-'))]).toEqual([12, 12, true])
    expect(await counted(ledger(), 'job')).toEqual({ requests: 12, outcomes: { job_failed: 12 } })
  })
})

describe('a job that was rescued', () => {
  it('is deleted at control, and gone from polls and lists', async () => {
    at.state.statusAt['control'] = 'in_progress'
    const { id } = await at.submit('deletes')
    expect((await at.poll('deletes', id)).arm).toBe('control')
    const deleted = await at.plane.send('DELETE', `${PATH}/${id}`, { as: 'deletes' })
    expect([deleted.status, deleted.arm, deleted.id]).toEqual([200, 'control', id])
    expect(at.plane.callsOf('DELETE').map(({ url }) => url.host)).toEqual(['control.test'])
    vi.setSystemTime(Date.now() + 1000)
    expect((await at.poll('deletes', id)).status).toBe(404)
    expect(JSON.parse((await at.plane.send('GET', PATH, { as: 'deletes' })).text).data).toEqual([])
  })

  it('is remixed at control', async () => {
    const { id } = await at.submit('remixes')
    await at.poll('remixes', id)
    const remix = await at.plane.send('POST', `${PATH}/${id}/remix`, { as: 'remixes', body: { prompt: 'at night' } })
    expect([remix.status, remix.arm]).toEqual([200, 'control'])
    expect(JSON.parse((await at.poll('remixes', remix.id)).text).status).toBe('completed')
  })

  it('is never shown as failed by a list, nor by a poll after it', async () => {
    const { id } = await at.submit('lists')
    const seen: string[] = []
    for (let i = 0; i < 3; i++) {
      const { data } = JSON.parse((await at.plane.send('GET', PATH, { as: 'lists' })).text)
      expect(data.map((job: { id: string }) => job.id)).toEqual([id])
      seen.push(data[0].status)
      vi.setSystemTime(Date.now() + 6000)
    }
    expect(seen).not.toContain('failed')
    expect(seen.at(-1)).toBe('completed')
    expect(JSON.parse((await at.poll('lists', id)).text).status).toBe('completed')
  })

  it('is under way for its client though it had failed when it was submitted', async () => {
    const submitted = await at.submit('at-once', 'at once')
    expect([submitted.status, JSON.parse(submitted.text).status]).toEqual([200, 'in_progress'])
    expect(JSON.parse((await at.poll('at-once', submitted.id)).text).status).toBe('completed')
  })

  it('that control puts off is under way for its client meanwhile', async () => {
    at.state.refusals = [503]
    const { id } = await at.submit('waits')
    const polled = await at.poll('waits', id)
    expect([polled.status, JSON.parse(polled.text).status]).toEqual([200, 'in_progress'])
    expect(at.resubmits()).toHaveLength(1)
  })
})
