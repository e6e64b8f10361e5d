/** What is wrong with the table of a declared wire is told, each at its place. */
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/load.ts'

const ARMS = { control: { url: 'https://a.example' }, candidate: { url: 'https://b.example' } }
const GOOD = { submit: '/v1/jobs', poll: '/v1/jobs/{id}', statuses: { succeeded: 'done' } }

const issuesOf = (more: object) => {
  const read = readConfig({ RELEASE_A: { name: 'a', protocol: 'jobs', arms: ARMS, ...more } }, ['jobs', 'http'])
  return read.ok ? [] : read.issues.map(({ path, code }) => [path.replace('RELEASE_A.', ''), code])
}

describe('the table of a declared wire', () => {
  it('may be short', () => {
    expect(issuesOf({ wire: GOOD })).toEqual([])
  })

  it('is needed by `jobs`, and by nothing else', () => {
    expect(issuesOf({})).toEqual([['wire', 'wire_missing']])
    expect(issuesOf({ protocol: 'http', wire: GOOD })).toEqual([['wire', 'wire_in_vain']])
  })

  it.each<[what: string, wire: object, path: string, code: string]>([
    ['no paths', { submit: undefined, poll: undefined }, 'wire.submit', 'missing_key'],
    ['a path without its slash', { submit: 'v1/jobs' }, 'wire.submit', 'not_wire_path'],
    ['a path that climbs', { poll: '/v1/../{id}' }, 'wire.poll', 'not_wire_path'],
    ['a place within a segment', { poll: '/v1/job-{id}' }, 'wire.poll', 'not_wire_path'],
    ['a place that there is not', { poll: '/v1/{job}/{id}' }, 'wire.poll', 'not_wire_path'],
    ['a place twice', { poll: '/v1/{id}/{id}' }, 'wire.poll', 'not_wire_path'],
    ['a query', { poll: '/v1/{id}?full=1' }, 'wire.poll', 'not_wire_path'],
    ['a poll without id', { poll: '/v1/jobs' }, 'wire.poll', 'wire_path_without_id'],
    ['a submit with an id', { submit: '/v1/jobs/{id}' }, 'wire.submit', 'wire_submit_with_id'],
    ['an odd method', { cancel: 'STOP /v1/jobs/{id}' }, 'wire.cancel', 'not_wire_path'],
    ['a cancel without id', { cancel: 'POST /v1/cancel' }, 'wire.cancel', 'wire_path_without_id'],
    ['models that begin unlike', { submit: '/v1/{model}/jobs' }, 'wire', 'wire_heads_differ'],
    ['two uses of one path', { content: '/v1/jobs/{id}' }, 'wire', 'wire_path_twice'],
    ['an end without a result', { statuses: { ended: 'done' } }, 'wire', 'wire_result'],
    ['a result without an end', { result: '/v1/jobs/{id}/result' }, 'wire', 'wire_result'],
    ['no good end', { statuses: { failed: 'ERR' } }, 'wire.statuses', 'wire_no_end'],
    ['a word for two', { statuses: { succeeded: 'done', failed: ['x', 'DONE'] } }, 'wire.statuses', 'wire_word_twice'],
    ['an empty word', { statuses: { succeeded: '' } }, 'wire.statuses.succeeded', 'not_wire_words'],
    ['a status that there is not', { statuses: { succeeded: 'a', done: 'b' } }, 'wire.statuses.done', 'unknown_key'],
    ['a place of nothing', { id: 'output..id' }, 'wire.id', 'not_wire_place'],
    ['too deep a place', { prompt: Array.from({ length: 11 }, () => 'a').join('.') }, 'wire.prompt', 'not_wire_place'],
    ['a header that is ours', { headers: ['Authorization'] }, 'wire.headers.0', 'not_wire_header'],
    ['an odd scheme', { auth_scheme: 'Bearer x' }, 'wire.auth_scheme', 'not_auth_scheme'],
    ['a key that there is not', { list: '/v1/jobs' }, 'wire.list', 'unknown_key'],
  ])('tells of %s', (_what, more, path, code) => {
    const wire = Object.entries({ ...GOOD, ...more }).filter(([, value]) => value !== undefined)
    expect(issuesOf({ wire: Object.fromEntries(wire) })).toContainEqual([path, code])
  })
})
