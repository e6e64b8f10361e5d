/** The pages of change requests as a browser without script gets them: who is offered what, and what it says then. */
import { describe, expect, test } from 'vitest'
import { DashboardRelease } from '../support/dashboard-release.ts'

const PAGE = '/_sluice/releases/wan22_t2v_abtest'
type Role = DashboardRelease['role']

/** A release of which `who` asks as `role`. */
function setup({ requireReview = false } = {}) {
  const fake = new DashboardRelease({ requireReview })
  const ask = (who: string, role: Role, path: string, fields?: Record<string, string>, lang = 'en') => {
    Object.assign(fake, { who, role })
    return fake.ask(PAGE + path, { fields, lang })
  }
  const read = async (...args: Parameters<typeof ask>) => (await ask(...args)).text()
  const propose = (who: string, patch: object, title = 'fewer jobs') =>
    ask(who, 'operator', '/config', {
      section: 'publish',
      how: 'propose',
      title,
      reason: 'few at night',
      patch: JSON.stringify(patch),
    })
  return { fake, ask, read, propose }
}

/** Which acts a page offers. */
function offered(html: string): string[] {
  return [...html.matchAll(/name="(?:act|how)" value="(\w+)"/g)].map(([, act]) => act!).sort()
}

describe('a change request', () => {
  test('is made by an operator of what was changed on the configuration page, and everybody sees it', async () => {
    const { ask, read, propose } = setup()
    const review = await read('ann', 'operator', '/config', { section: 'raw', raw: '{"min_jobs":3}', version: '0' })
    expect(offered(review)).toEqual(['propose'])
    expect(review).toMatch(/name="title"[^>]*value="min_jobs"/)
    const untitled = await propose('ann', { min_jobs: 3 }, '')
    expect([untitled.status, await untitled.text()]).toEqual([422, expect.stringContaining('A title is needed')])
    const made = await propose('ann', { min_jobs: 3 })
    expect([made.status, made.headers.get('location')]).toEqual([303, `${PAGE}/changes/1`])
    expect((await propose('ann', { bake: 'soon' })).status).toBe(400)
    const list = await read('eve', 'viewer', '/changes')
    expect(list).toContain('1 open change request')
    expect(list).toMatch(/#1 fewer jobs.*by ann/s)
    const one = await read('eve', 'viewer', '/changes/1')
    expect(one).toMatch(/min_jobs.*50.*file.*3.*live/s)
    expect(offered(one)).toEqual([])
    expect((await ask('eve', 'viewer', '/changes/1', { act: 'comment', revision: '1' })).status).toBe(403)
  })

  test.each([
    ['ann', 'operator', false, ['comment', 'discard', 'edit']],
    ['ann', 'admin', false, ['comment', 'discard', 'edit', 'publish']],
    ['ann', 'admin', true, ['comment', 'discard', 'edit', 'publish']],
    ['ben', 'operator', true, ['approve', 'comment']],
    ['ben', 'admin', true, ['approve', 'comment', 'discard', 'publish']],
    ['ben', 'tester', true, []],
  ] as const)('offers %s, %s, where a review is needed: %s', async (who, role, requireReview, acts) => {
    const { read, propose } = setup({ requireReview })
    await propose('ann', { min_jobs: 3 })
    expect(offered(await read(who, role, '/changes/1'))).toEqual(acts)
  })

  test('is approved, published by a second person, and then stands among the versions', async () => {
    const { ask, read, propose } = setup({ requireReview: true })
    await propose('ann', { min_jobs: 3 })
    const fields = { act: 'approve', revision: '1', comment: 'looks right' }
    expect((await ask('ben', 'operator', '/changes/1', fields)).status).toBe(303)
    expect(await read('eve', 'viewer', '/changes/1')).toMatch(/approved by ben.*looks right/s)
    const own = await ask('ann', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })
    expect([own.status, await own.text()]).toEqual([409, expect.stringContaining('requires a second person')])
    expect((await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })).status).toBe(303)
    const list = await read('eve', 'viewer', '/changes')
    expect(list).toContain('No open change request')
    expect(list).toMatch(/version 1.*by ben.*in effect.*change request.*#1 fewer jobs.*by ann/s)
    expect(await read('eve', 'viewer', '/changes/1')).toContain('What it changed')
  })

  test('that a rebase has left with nothing to change says so, and offers no publishing', async () => {
    const { ask, read, propose } = setup()
    for (let n = 0; n < 2; n++) await propose('ann', { min_jobs: 3 })
    await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })
    await ask('ann', 'operator', '/changes/2', { act: 'rebase', revision: '1', comment: '' })
    const page = await read('ben', 'admin', '/changes/2')
    expect(page).toContain('It would change nothing')
    expect(offered(page)).toEqual(['approve', 'comment', 'discard'])
    expect((await ask('ben', 'admin', '/changes/2', { act: 'publish', revision: '2', comment: '' })).status).toBe(400)
  })

  test('says that it is stale and what moved, and can be rebased, then published', async () => {
    const { ask, read, propose } = setup()
    await propose('ann', { min_jobs: 3 })
    const publish = { section: 'publish', how: 'publish', patch: '{"bake":"1h"}', version: '0', reason: 'slower' }
    expect((await ask('ben', 'admin', '/config', publish)).status).toBe(303)
    const stale = await read('ben', 'admin', '/changes/1')
    expect(stale).toMatch(/id="moved".*Made for version 0, but version 1 is in effect.*bake.*30m.*1h/s)
    expect(offered(stale)).toEqual(['approve', 'comment', 'discard', 'rebase'])
    expect((await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })).status).toBe(409)
    expect((await ask('ben', 'admin', '/changes/1', { act: 'rebase', revision: '1', comment: '' })).status).toBe(303)
    expect((await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '2', comment: '' })).status).toBe(303)
    expect(await read('ben', 'admin', '/config')).toContain('2 keys differ from the file')
  })

  test('that was edited since the page was opened is not published unseen', async () => {
    const { ask, propose } = setup()
    await propose('ann', { min_jobs: 3 })
    const edit = { act: 'edit', revision: '1', title: 'none at all', reason: '', patch: '{"min_jobs":0}' }
    expect((await ask('ann', 'operator', '/changes/1', edit)).status).toBe(303)
    const late = await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })
    expect([late.status, await late.text()]).toEqual([412, expect.stringContaining('It was edited after you opened')])
    const bad = await ask('ann', 'operator', '/changes/1', { ...edit, revision: '2', patch: 'no' })
    expect([bad.status, await bad.text()]).toEqual([400, expect.stringContaining('none at all')])
  })
})

describe('a published version', () => {
  const published = async ({ requireReview }: { requireReview: boolean }) => {
    const at = setup({ requireReview })
    for (const min of [3, 4]) {
      await at.propose('ann', { min_jobs: min })
      const id = min - 2
      await at.ask('ben', 'admin', `/changes/${id}`, { act: 'publish', revision: '1', comment: '' })
    }
    return at
  }

  test('is restored at once by an admin, as a new version', async () => {
    const { ask, read } = await published({ requireReview: false })
    expect(offered(await read('ben', 'admin', '/changes'))).toEqual(['propose', 'publish'])
    const fields = { restore: '1', version: '2', reason: 'too few', how: 'publish' }
    expect((await ask('ben', 'admin', '/changes', { ...fields, restore: '' })).status).toBe(400)
    expect((await ask('ben', 'admin', '/changes', fields)).status).toBe(303)
    expect(await read('ben', 'admin', '/changes')).toMatch(/version 3.*brings back version 1.*too few/s)
  })

  test('is asked for where a review is needed, or by an operator', async () => {
    const { ask, read } = await published({ requireReview: true })
    expect(offered(await read('ann', 'operator', '/changes'))).toEqual(['propose'])
    const alone = await ask('ben', 'admin', '/changes', { restore: '1', version: '2', reason: 'x', how: 'publish' })
    expect(alone.status).toBe(409)
    const asked = await ask('ann', 'operator', '/changes', { restore: '1', version: '2', reason: 'x', how: 'propose' })
    expect([asked.status, asked.headers.get('location')]).toEqual([303, `${PAGE}/changes/3`])
    expect(await read('ben', 'admin', '/changes/3')).toMatch(/Restore version 1.*min_jobs.*4.*3/s)
  })
})

describe('break-glass', () => {
  test('is offered to an admin where a review is needed, and marked where it was used', async () => {
    const { ask, read } = setup({ requireReview: true })
    const review = { section: 'raw', raw: '{"min_jobs":3}', version: '0' }
    expect(await read('ben', 'admin', '/config', review)).toContain('name="break_glass"')
    expect(await read('ann', 'operator', '/config', review)).not.toContain('name="break_glass"')
    const publish = { section: 'publish', how: 'publish', patch: '{"min_jobs":3}', version: '0', reason: 'on fire' }
    const refused = await ask('ben', 'admin', '/config', publish)
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('requires a second person')])
    expect((await ask('ben', 'admin', '/config', { ...publish, break_glass: '1' })).status).toBe(303)
    expect(await read('ben', 'admin', '/changes')).toContain('without the required second person')
  })

  test('lets an admin publish his own request, with a comment, and is offered to him alone', async () => {
    const { ask, read, propose } = setup({ requireReview: true })
    await propose('ann', { min_jobs: 3 })
    expect(await read('ann', 'admin', '/changes/1')).toContain('name="break_glass"')
    for (const [who, role] of [
      ['ann', 'operator'],
      ['ben', 'admin'],
    ] as const)
      expect(await read(who, role, '/changes/1'), `${who}, ${role}`).not.toContain('name="break_glass"')
    const publish = { act: 'publish', revision: '1', break_glass: '1', comment: '' }
    const silent = await ask('ann', 'admin', '/changes/1', publish)
    expect([silent.status, await silent.text()]).toEqual([
      400,
      expect.stringMatching(/role="alert".*<code>comment<\/code> a reason is needed/s),
    ])
    expect((await ask('ann', 'operator', '/changes/1', { ...publish, comment: 'on fire' })).status).toBe(403)
    expect((await ask('ann', 'admin', '/changes/1', { ...publish, comment: 'on fire' })).status).toBe(303)
    expect(await read('ann', 'admin', '/changes')).toMatch(/without the required second person.*on fire/s)
  })

  test('lets an admin restore a version at once', async () => {
    const { ask, read, propose } = setup({ requireReview: true })
    await propose('ann', { min_jobs: 3 })
    await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '' })
    await ask('ben', 'admin', '/config', {
      section: 'publish',
      how: 'publish',
      patch: '{"min_jobs":4}',
      version: '1',
      reason: 'x',
      break_glass: '1',
    })
    expect(await read('ben', 'admin', '/changes')).toContain('name="break_glass"')
    const restore = { restore: '1', version: '2', reason: 'three did', how: 'publish' }
    expect((await ask('ben', 'admin', '/changes', restore)).status).toBe(409)
    expect((await ask('ben', 'admin', '/changes', { ...restore, break_glass: '1' })).status).toBe(303)
    expect(await read('ben', 'admin', '/changes')).toMatch(
      /without the required second person.*brings back version 1.*three did/s,
    )
  })
})

describe('in Chinese', () => {
  test('no page of changes has English words of its own', async () => {
    const { ask, read, propose } = setup({ requireReview: true })
    await propose('ann', { min_jobs: 3 }, '少一些')
    await propose('ann', { bake: '1h' }, '慢一些')
    await ask('ben', 'admin', '/changes/1', { act: 'publish', revision: '1', comment: '好' })
    for (const path of ['/changes', '/changes/1', '/changes/2']) {
      const html = await read('ben', 'admin', path, undefined, 'zh')
      const main = /<main.*<\/main>/s.exec(html)![0].replaceAll(/<(code|q|pre)\b.*?<\/\1>/gs, '')
      const words = main.replaceAll(/<[^>]*>/g, ' ').replaceAll(/wan22_t2v_abtest|\b(ann|ben|Webhook|JSON|UTC)\b/g, '')
      expect(words.match(/[a-z]{3,}/gi) ?? [], path).toEqual([])
    }
  })
})

describe('what others wrote', () => {
  test('is text wherever it stands', async () => {
    const EVIL = `"><script>alert(1)</script>`
    const { fake, read } = setup()
    const { changes } = fake.control.service()
    // Names of tokens are plain, and those of users are their issuer's.
    const by = { who: `jwt:${EVIL}`, role: 'operator' } as const
    await changes.propose(fake.name, { title: EVIL, reason: EVIL, patch: { min_jobs: 3 } }, by)
    await changes.review(fake.name, 1, { verdict: 'comment', revision: 1, comment: EVIL }, by)
    for (const path of ['/changes', '/changes/1']) {
      const html = await read('ann', 'admin', path)
      expect(html).not.toContain('<script>alert')
      expect(html).toContain('&lt;script&gt;')
    }
  })
})
