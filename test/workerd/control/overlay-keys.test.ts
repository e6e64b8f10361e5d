/** Keys that JavaScript has a meaning for: refused wherever JSON comes in; what got in can be taken out. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { ConfigView } from '../../../src/api/index.ts'
import type { Env } from '../../../src/config/env.ts'

const WAN = 'wan22'
const PATH = `/api/v1/releases/${WAN}/config`

/** `body` is JSON text, since an object literal can't hold every key. */
async function call(method: string, path: string, body?: string) {
  const worker = (exports as unknown as { default: Fetcher }).default
  return worker.fetch(`http://127.0.0.1/_sluice${path}`, {
    method,
    headers: {
      authorization: 'Bearer token-of-admin',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  })
}

interface Refused {
  error: { code: string; details: { path: string }[] }
}

/** Puts a text in the place of what the controller has stored, as a fault may have left it. */
async function store(text: string): Promise<void> {
  const { CONTROLLER } = env as unknown as Env
  const stub = CONTROLLER.get(CONTROLLER.idFromName(WAN))
  await call('GET', PATH).then((answer) => answer.body?.cancel())
  await runInDurableObject(stub as unknown as DurableObjectStub<never>, (_object, state) => {
    state.storage.sql.exec('INSERT OR REPLACE INTO stored_state VALUES (?, ?)', 'published', text)
  })
  await evictDurableObject(stub as unknown as DurableObjectStub<never>)
}

describe('a change with such a key', () => {
  it.each([
    ['{"shadow":{"__proto__":1}}', 'shadow.__proto__'],
    ['{"__proto__":{"bake":"1h"}}', '__proto__'],
    ['{"constructor":1}', 'constructor'],
    ['{"experiment":{"prototype":{}}}', 'experiment.prototype'],
    ['{"guardrails":[{"metric":"error_rate","max":0.1,"constructor":1}]}', 'guardrails.0.constructor'],
    ['{"rules":[{"when":{"__proto__":"x","subject":"a"},"arm":"control"}]}', 'rules.0.when.__proto__'],
    ['{"min_jobs":5,"ladder":[{"percent":5,"__proto__":{"bake":"1h"}}]}', 'ladder.0.__proto__'],
  ])('is refused with its place, and the configuration stays readable: %s', async (body, path) => {
    const answer = await call('PATCH', PATH, body)
    expect(answer.status).toBe(400)
    const { error } = await answer.json<Refused>()
    expect(error.details).toContainEqual(expect.objectContaining({ path, code: 'unknown_key' }))
    const read = await call('GET', PATH)
    expect(read.status).toBe(200)
    expect((await read.json<ConfigView>()).overlay).toEqual({})
  })

  it.each([
    ['POST', `/api/v1/releases/${WAN}/actions`, '{"action":"pause","__proto__":1}'],
    ['POST', `${PATH}/changes`, '{"title":"a","reason":"b","patch":{"shadow":{"__proto__":1}}}'],
    ['POST', `${PATH}/changes/abc/discard`, '{"revision":1,"comment":"","constructor":1}'],
    ['POST', '/api/v1/events', `[{"release":"${WAN}","subject":"a","metric":"play","value":1,"__proto__":{}}]`],
    ['POST', '/api/v1/signals', `{"release":"${WAN}","arm":"control","metric":"m","value":1,"prototype":{}}`],
  ])('is refused at every other entry point: %s %s', async (method, path, body) => {
    const answer = await call(method, path, body)
    expect(answer.status).toBe(400)
    await answer.body?.cancel()
  })

  it('nested beyond what any configuration needs is refused before anything walks down it', async () => {
    const deep = `{"rules":${'['.repeat(5000)}${']'.repeat(5000)}}`
    for (const [method, path, body] of [
      ['PATCH', PATH, deep],
      ['POST', `${PATH}/changes`, `{"title":"a","reason":"b","patch":${deep}}`],
      ['POST', `/api/v1/releases/${WAN}/actions`, deep],
    ] as const) {
      const answer = await call(method, path, body)
      expect(answer.status).toBe(400)
      await answer.body?.cancel()
    }
  })
})

describe('a stored overlay that can not be read', () => {
  it.each([
    ['{"version":3,"overlay":{"shadow":{"__proto__":1}}}', 'shadow.__proto__'],
    ['{"version":3,"overlay":{"bake":"soon","min_jobs":5}}', 'bake'],
    ['{"version":3,"overlay":{"of_an_older_build":1}}', 'of_an_older_build'],
    ['{"version":3,"overlay":null}', 'overlay'],
    ['{"version":3,"overlay":[1]}', 'overlay'],
    ['{"version":"x"}', 'overlay'],
    ['null', 'overlay'],
    ['{"version":3,"over', 'overlay'],
  ])('is told, the file acts, and it can be dropped: %s', async (text, path) => {
    await store(text)
    const read = await call('GET', PATH)
    expect(read.status).toBe(200)
    const view = await read.json<ConfigView>()
    expect(view.set_aside?.map((issue) => issue.path)).toContain(path)
    expect(view.values['min_jobs']).toMatchObject({ value: 0, source: 'file' })
    const release = await call('GET', `/api/v1/releases/${WAN}`)
    expect(release.status).toBe(200)
    await release.body?.cancel()

    const dropped = await call('DELETE', `${PATH}?reason=fix`)
    expect(dropped.status).toBe(200)
    expect(await dropped.json()).toMatchObject({ overlay: {}, version: view.version + 1 })
    const history = await call('GET', `/api/v1/releases/${WAN}/history?limit=5`)
    expect(history.status).toBe(200)
    await history.body?.cancel()
    const after = await call('GET', PATH)
    expect((await after.json<ConfigView>()).set_aside).toBeUndefined()
  })

  it('of which a part is wrong is fixed by a change of that part', async () => {
    await store('{"version":9,"overlay":{"bake":"soon","min_jobs":5}}')
    const answer = await call('PATCH', PATH, '{"bake":null}')
    expect(await answer.json()).toMatchObject({ overlay: { min_jobs: 5 }, version: 10 })
  })
})
