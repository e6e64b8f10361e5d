/** What a release of protocol `http` asks for in vain is valid, and told. */
import { describe, expect, it } from 'vitest'
import { httpWarnings } from '../../src/config/http-limits.ts'
import { readConfig } from '../../src/config/load.ts'

const ARM = { url: 'https://a.example' }

const release = (more: Record<string, unknown>) => ({
  name: 'r',
  protocol: 'http',
  arms: { control: ARM, candidate: ARM },
  ...more,
})

describe('a release of protocol http', () => {
  it.each<[Record<string, unknown>, string, RegExp]>([
    [{ match: { models: ['a'] } }, 'match.models', /match by paths/],
    [{ arms: { control: ARM, candidate: { ...ARM, model: 'a' } } }, 'arms.candidate.model', /take this out/],
    [{ arms: { control: ARM, candidate: { ...ARM, set: { a: 1 } } } }, 'arms.candidate.set', /nothing in them/],
    [{ arms: { control: ARM, candidate: { ...ARM, sync_timeout: '1s' } } }, 'arms.candidate.sync_timeout', /timeout/],
    [{ failover: true }, 'failover', /can be sent again/],
    [{ rescue: true }, 'rescue', /no jobs/],
    [{ id_mode: 'native' }, 'id_mode', /no job ids/],
    [{ legacy_ids: 'refuse' }, 'legacy_ids', /no job ids/],
    [{ shadow: { sample: 1 } }, 'shadow.sample', /canary stage/],
    [{ rules: [{ when: { model: 'a' }, arm: 'candidate' }] }, 'rules.0.when.model', /never holds/],
  ])('with %j is warned of at %s', (more, path, message) => {
    const table = release(more)
    expect(httpWarnings(table)).toMatchObject([{ path, message: expect.stringMatching(message) }])
    expect(readConfig({ RELEASE_A: table }, ['http'])).toMatchObject({ ok: true })
    expect(httpWarnings({ ...table, protocol: 'openai-videos' })).toEqual([])
  })

  it('with nothing in vain is warned of nothing', () => {
    expect(httpWarnings(release({ failover: false, id_mode: 'tagged', match: { paths: ['/v1'] } }))).toEqual([])
  })
})
