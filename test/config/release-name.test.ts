/** A release's name stands in the paths of its own API: whatever the schema takes can be reached there. */
import * as fc from 'fast-check'
import { Hono } from 'hono'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { anyText } from '../support/any-text.ts'
import { readConfig } from '../../src/config/load.ts'
import { releaseName } from '../../src/config/fields.ts'

const app = new Hono()
app.get('/_sluice/api/v1/releases/:name/config', (c) => c.json(c.req.param('name')))

/** What arrives at the route of a release by this name, as the command line builds the path. */
async function arrives(name: string): Promise<unknown> {
  const url = new URL(`http://localhost/_sluice/api/v1/releases/${encodeURIComponent(name)}/config`)
  const answer = await app.request(url.href)
  return answer.status === 200 ? answer.json() : null
}

describe('the name of a release', () => {
  it.each(['.', '..', '%2e', '%2E%2e', '.%2e', 'a\u0007b', 'a\u009bb', 'a\u202eb', 'a\ud800', '', 'a b', 'a/b', 'a|b'])(
    'is not %j',
    (name) => {
      const arms = { control: { url: 'http://a.test' }, candidate: { url: 'http://b.test' } }
      const read = readConfig({ RELEASE_A: { name, protocol: 'http', arms } }, ['http'])
      expect(read.ok ? [] : read.issues.map(({ path }) => path)).toContain('RELEASE_A.name')
    },
  )

  it.each(['wan22_t2v_abtest', '视频模型_灰度_2025', '...', '.hidden', '100%', 'a?b#c', 'a\\b', '__proto__', 'a+b;c'])(
    'may be %j, and is found by its path',
    async (name) => {
      expect(v.safeParse(releaseName, name).success).toBe(true)
      expect(await arrives(name)).toBe(name)
    },
  )

  it('is found by its path, whatever it is that the schema takes', async () => {
    const odd = fc.constantFrom(
      '.',
      '..',
      '%',
      '2e',
      '%2e',
      '?',
      '#',
      '\\',
      '\u202e',
      '\ud800',
      '\u0085',
      '+',
      ':',
      '*',
      '~',
    )
    const text = fc.oneof(
      anyText({ maxLength: 6 }),
      fc.array(odd, { maxLength: 4 }).map((parts) => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (name) => {
        fc.pre(v.safeParse(releaseName, name).success)
        expect(await arrives(name)).toBe(name)
      }),
      { numRuns: 500 },
    )
  })
})
