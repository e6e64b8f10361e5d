/**
 * Change requests over the real gateway, in Chromium and by the command line: a draft, a second person's review, going
 * stale, publishing, restoring; with every role, and where two people are needed.
 */
import { createHash } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChangeDetail, VersionView } from '../../src/api/changes.ts'
import { run } from '../cli/run.ts'
import { seriousViolations } from '../support/axe.ts'
import { complaintsOf, launchBrowser, PATIENCE_MS } from '../support/browser.ts'
import { type Gateway as AnyGateway, Gateway, release, tokenOf } from '../support/processes.ts'

const PEOPLE = { eve: 'viewer', tim: 'tester', ola: 'operator', anna: 'admin', ben: 'admin' }
type Person = keyof typeof PEOPLE
const REVIEWED = 'two_people'
const FREE = 'one_person'
const URLS = { control: 'http://127.0.0.1:1', candidate: 'http://127.0.0.1:1' }

let gateway: AnyGateway
let browser: Browser
let complaints: string[] = []
/** Each in a browser of their own, where they are logged in. */
const pages = new Map<Person, Page>()

beforeAll(async () => {
  const tokens = Object.entries(PEOPLE).map(([name, role]) => ({
    name,
    role,
    sha256: createHash('sha256').update(tokenOf(name)).digest('hex'),
  }))
  gateway = new Gateway({
    releases: {
      A: release(REVIEWED, URLS, { require_review: true, match: { models: ['a'] } }),
      B: release(FREE, URLS),
    },
    secrets: { SLUICE_TOKENS: JSON.stringify(tokens) },
  })
  await gateway.start()
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await gateway?.remove()
})

/** This person's page, led to `path` of a release; who comes for the first time logs in. */
async function visit(person: Person, name: string, path: string): Promise<Page> {
  const known = pages.get(person)
  const page = known ?? (await (await browser.newContext()).newPage())
  page.setDefaultTimeout(PATIENCE_MS)
  complaints = complaintsOf(page)
  await page.goto(`${gateway.url}/_sluice/releases/${name}${path}`)
  if (known) return page
  pages.set(person, page)
  await page.fill('#token', tokenOf(person))
  await page.click('form button')
  await page.waitForURL(`**/releases/${name}${path}`)
  return page
}

async function propose(person: Person, name: string, patch: object, title: string): Promise<Page> {
  const page = await visit(person, name, '/config')
  await page.fill('#field-raw', JSON.stringify(patch))
  await page.click('form:has(#field-raw) button')
  await page.waitForSelector('h1:has-text("Change this?")')
  await page.fill('input[name=title]', title)
  await page.fill('input[name=reason]', 'few at night')
  await page.click('button[value=propose]')
  await page.waitForSelector(`h1:has-text("${title}")`)
  return page
}

const buttons = (page: Page) => page.locator('#reviews button').evaluateAll((all) => all.map(({ id }) => id))

describe('in the browser', () => {
  test('a draft is reviewed and published by a second person, and goes stale when another was faster', async () => {
    const author = await propose('anna', REVIEWED, { min_jobs: 3 }, 'Few jobs')
    // Her own only by break-glass, which she has not ticked.
    expect(await buttons(author)).toEqual(['do-comment', 'do-discard', 'do-publish'])
    expect(await author.isChecked('input[name=break_glass]')).toBe(false)
    expect(await author.textContent('#reviews')).toContain('requires a second person')
    expect(await author.textContent('#diff')).toMatch(/min_jobs\s*0\s*file\s*3\s*live/)
    expect(await seriousViolations(author)).toEqual([])
    await propose('ola', REVIEWED, { bake: '1h' }, 'Slower')

    const viewer = await visit('eve', REVIEWED, '/changes')
    expect(await viewer.textContent('#open-changes')).toMatch(/2 open change requests.*#2 Slower.*#1 Few jobs/s)
    expect(await seriousViolations(viewer)).toEqual([])
    await viewer.click('a:has-text("Few jobs")')
    await viewer.waitForSelector('#diff')
    expect(await viewer.locator('#reviews form').count()).toBe(0)

    const second = await visit('ben', REVIEWED, '/changes/1')
    expect(await buttons(second)).toEqual(['do-comment', 'do-discard', 'do-approve', 'do-publish'])
    await second.fill('input[name=comment]', 'as we said')
    await second.click('#do-approve')
    await second.waitForSelector('h1 :text("approved by ben")')
    await second.click('#do-publish')
    await second.waitForSelector('h1 :text("published")')
    expect(complaints).toEqual([])

    await author.goto(`${gateway.url}/_sluice/releases/${REVIEWED}/changes/2`)
    expect(await author.textContent('#moved')).toMatch(/Made for version 0, but version 1 is in effect.*min_jobs/s)
    expect(await buttons(author)).toEqual(['do-comment', 'do-discard', 'do-rebase', 'do-approve'])
    await author.click('#do-rebase')
    await author.waitForSelector('#do-publish')
    await author.click('#do-publish')
    await author.waitForSelector('h1 :text("published")')
    expect(await author.textContent('main')).toContain('version 2')
  })

  test('an earlier version comes back: asked for where two people are needed, at once where they are not', async () => {
    const asking = await visit('anna', REVIEWED, '/changes')
    await asking.click('#version-1 summary')
    expect(await asking.isChecked('#version-1 input[name=break_glass]')).toBe(false)
    await asking.fill('#version-1 input[name=reason]', 'too slow')
    await asking.click('#version-1 button[value=propose]')
    await asking.waitForSelector('h1:has-text("Restore version 1")')
    const second = await visit('ben', REVIEWED, '/changes/3')
    await second.click('#do-publish')
    await second.waitForSelector('h1 :text("published")')

    for (const title of ['First', 'Second']) {
      const page = await propose('anna', FREE, { min_jobs: title.length }, title)
      await page.click('#do-publish')
      await page.waitForSelector('h1 :text("published")')
    }
    const alone = await visit('anna', FREE, '/changes')
    await alone.click('#version-1 summary')
    await alone.fill('#version-1 input[name=reason]', 'better before')
    await alone.click('#version-1 button[value=publish]')
    await alone.waitForSelector('#version-3 :text("brings back version 1")')
    expect(complaints).toEqual([])
  })

  test('break-glass is one person’s with a reason, and the history says so', async () => {
    const page = await visit('anna', REVIEWED, '/config')
    await page.fill('#field-raw', '{"min_jobs":9}')
    await page.click('form:has(#field-raw) button')
    await page.fill('input[name=reason]', 'on fire')
    await page.click('button[value=publish]')
    await page.waitForSelector('[role=alert]:has-text("requires a second person")')
    await page.fill('input[name=reason]', 'on fire')
    await page.check('input[name=break_glass]')
    await page.click('button[value=publish]')
    await page.waitForSelector('#drift-title:has-text("differ")')
    await page.goto(`${gateway.url}/_sluice/releases/${REVIEWED}/history`)
    expect(await page.textContent('.history')).toMatch(/without the required second person.*on fire/s)
  })
})

describe('by the command line', () => {
  const sluice = (person: Person, name: string, ...args: string[]) =>
    run(['config', ...args, '--release', name, '--url', gateway.url, '--token', tokenOf(person)])
  const at = (person: Person, ...args: string[]) => sluice(person, REVIEWED, ...args)
  const json = async <T>(person: Person, ...args: string[]) => {
    const { code, out, err } = await at(person, ...args, '--json')
    expect([code, err]).toEqual([0, ''])
    return JSON.parse(out) as T
  }

  test('the same: propose, look, review, publish, stale, rebase, discard, versions, restore', async () => {
    const made = await at('ola', 'propose', 'min_jobs=5', '-t', 'Five', '-m', 'why not')
    const [, id = ''] = /Made change request #(\d+)/.exec(made.out) ?? []
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/min_jobs +from +9\n +to +5/)])
    const other = await json<ChangeDetail>('ben', 'propose', '--unset', 'min_jobs', '-m', 'as in the file')
    expect((await at('eve', 'changes')).out).toMatch(new RegExp(`#${other.id} .*ben .*min_jobs\n#${id} .*ola .*Five`))
    expect((await at('tim', 'review', id)).err).toContain('(forbidden)')
    expect((await at('ola', 'publish', id)).err).toContain('(forbidden)')
    expect((await at('ola', 'review', id)).err).toContain('(review_required)')
    expect((await at('anna', 'review', id, 'approve', '-m', 'fine')).out).toContain('anna approves: fine')
    const direct = (await at('anna', 'set', 'min_jobs=5', '-m', 'x')).err
    expect(direct).toContain('Make a change request with')
    expect(direct).toContain('`sluice config set … --break-glass --reason …`')
    const edited = await at('ola', 'propose', 'min_jobs=6', '--edit', id)
    expect(edited.out).toContain('revision 2')
    expect((await at('anna', 'publish', id, '--if-match', '1')).code).toBe(1)
    expect((await at('anna', 'publish', id)).out).toMatch(/published.*It was:/s)

    const stale = await at('anna', 'publish', String(other.id))
    expect([stale.code, stale.err]).toEqual([1, expect.stringMatching(/change_stale.*min_jobs: 9 .* 6/s)])
    expect((await at('eve', 'change', String(other.id))).out).toMatch(/stale.*Next: config rebase/s)
    expect((await at('ben', 'publish', String(other.id))).code).toBe(1)
    await json('ben', 'rebase', String(other.id))
    expect((await json<ChangeDetail>('ben', 'discard', String(other.id), '-m', 'no')).status).toBe('discarded')

    const { items } = await json<{ items: VersionView[] }>('eve', 'versions', '--limit', '1')
    expect(items).toMatchObject([{ change: { author: 'token:ola' }, diff: [{ key: 'min_jobs' }] }])
    expect((await at('eve', 'versions')).out).toContain('break-glass: without a second person')
    expect((await at('anna', 'restore', '1', '-m', 'back')).err).toContain('(review_required)')
    const own = await at('anna', 'restore', '1', '--propose', '-m', 'back')
    const [, ownId = ''] = /Made change request #(\d+)/.exec(own.out) ?? []
    expect(own.out).toContain('Restore version 1')
    expect((await at('anna', 'publish', ownId)).err).toContain('--break-glass')
    expect((await at('anna', 'publish', ownId, '--break-glass')).err).toContain('(invalid_request)')
    expect((await at('anna', 'publish', ownId, '--break-glass', '-m', 'on fire')).out).toContain('published')
    const alone = ['restore', '1', '-m', 'back']
    expect((await sluice('anna', FREE, ...alone, '--dry-run')).code).toBe(0)
    expect((await sluice('ola', FREE, ...alone)).err).toContain('(forbidden)')
    expect((await at('anna', 'restore', '0', '-m', 'on fire', '--break-glass')).out).toMatch(/Published as version \d/)
    expect((await at('eve', 'change', '99')).code).toBe(1)
    expect((await at('eve', 'change', 'x')).code).toBe(2)
    expect((await at('ola', 'propose')).code).toBe(2)
  })
})
