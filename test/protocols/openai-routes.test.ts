import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'

describe('routes', () => {
  const table: [string, string, object, string][] = [
    ['POST', '/v1/videos', { operation: 'submit', job: null, body: 'submission', answer: 'job' }, '/v1/videos'],
    ['POST', '/v1/videos/', { operation: 'submit', job: null }, '/v1/videos'],
    ['POST', '/openai/v1/videos', { operation: 'submit' }, '/openai/v1/videos'],
    ['POST', '/v1/videos/sync', { operation: 'sync', body: 'submission', answer: 'bytes' }, '/v1/videos/sync'],
    ['DELETE', '/V1/Videos/a', { operation: 'cancel', job: 'a' }, '/v1/videos/X%2FY'],
    ['PUT', '/p/v1/VIDEOS/a', { operation: 'other', job: 'a', prefix: '/p' }, '/p/v1/videos/X%2FY'],
    ['POST', '/v1/VIDEOS', { operation: 'submit', job: null }, '/v1/videos'],
    ['GET', '/v1/videos', { operation: 'list', body: 'none', answer: 'list' }, '/v1/videos'],
    ['GET', '/v1/videos/a', { operation: 'poll', job: 'a', body: 'none', answer: 'job' }, '/v1/videos/X%2FY'],
    ['HEAD', '/v1/videos/a', { operation: 'poll', job: 'a', body: 'none' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/videos/a%20b', { operation: 'poll', job: 'a b' }, '/v1/videos/X%2FY'],
    [
      'GET',
      '/p/v1/videos/a/content',
      { operation: 'content', job: 'a', answer: 'bytes' },
      '/p/v1/videos/X%2FY/content',
    ],
    ['HEAD', '/v1/videos/a/content', { operation: 'content', job: 'a' }, '/v1/videos/X%2FY/content'],
    ['DELETE', '/v1/videos/a', { operation: 'cancel', job: 'a', answer: 'deletion' }, '/v1/videos/X%2FY'],
    ['POST', '/v1/videos/a/remix', { operation: 'submit', job: 'a', body: 'submission' }, '/v1/videos/X%2FY/remix'],
    ['POST', '/v1/videos/edits', { operation: 'submit', job: null, answer: 'job' }, '/v1/videos/edits'],
    ['POST', '/v1/videos/extensions', { operation: 'submit', job: null, answer: 'job' }, '/v1/videos/extensions'],
    [
      'POST',
      '/v1/videos/characters',
      { operation: 'other', body: 'submission', answer: 'json' },
      '/v1/videos/characters',
    ],
    ['GET', '/v1/videos/characters/c', { operation: 'other', job: 'c', answer: 'json' }, '/v1/videos/characters/X%2FY'],
    [
      'DELETE',
      '/v1/videos/characters/c',
      { operation: 'other', job: 'c', body: 'stream', answer: 'json' },
      '/v1/videos/characters/X%2FY',
    ],
    ['GET', '/v1/videos/a/frames/3', { operation: 'other', job: 'a', answer: 'json' }, '/v1/videos/X%2FY/frames/3'],
    [
      'POST',
      '/v1/videos/a/cancel',
      { operation: 'other', job: 'a', body: 'stream', answer: 'json' },
      '/v1/videos/X%2FY/cancel',
    ],
    ['POST', '/v1/videos/a/content', { operation: 'other', job: 'a', answer: 'json' }, '/v1/videos/X%2FY/content'],
    ['PATCH', '/v1/videos/a', { operation: 'other', job: 'a', body: 'stream', answer: 'json' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/videos/sync', { operation: 'other', job: null }, '/v1/videos/sync'],
    ['GET', '/v1/videosx', { operation: 'other', job: null, body: 'none' }, '/v1/videosx'],
    ['POST', '/v1/images', { operation: 'other', body: 'stream', answer: 'bytes' }, '/v1/images'],
    ['GET', '/v1/videos/%zz', { operation: 'poll', job: '%zz' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/%76ideos/%61', { operation: 'poll', job: 'a' }, '/v1/videos/X%2FY'],
    ['POST', '//v1//videos//', { operation: 'submit', job: null }, '/v1/videos'],
    ['GET', '/v1/videos//a///content', { operation: 'content', job: 'a' }, '/v1/videos/X%2FY/content'],
    ['POST', '/v1/videos/s%79nc', { operation: 'sync', job: null }, '/v1/videos/sync'],
    ['POST', '/v1%2Fvideos', { operation: 'submit', job: null }, '/v1/videos'],
    ['GET', '/v1/videos%2fa', { operation: 'poll', job: 'a' }, '/v1/videos/X%2FY'],
    ['GET', '/x/..%2fv1/%2e/videos', { operation: 'list', job: null }, '/v1/videos'],
    ['GET', '//v1/%6Dodels/a%2Fb%7e', { operation: 'other', job: null }, '/v1/models/a%2Fb~'],
    ['GET', '/v1/%%376ideos/%2%37', { operation: 'other', job: null }, '/v1/%%376ideos/%2%37'],
    ['GET', '/v1/%2576ideos', { operation: 'other', job: null }, '/v1/%2576ideos'],
    ['GET', '/v1/videos/a%2fcontent', { operation: 'poll', job: 'a/content' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/videos/a%5cb/content', { operation: 'content', job: 'a\\b' }, '/v1/videos/X%2FY/content'],
    ['GET', '/v1/videos/a%00;x', { operation: 'poll', job: 'a\0;x' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/models/..%2Fvideos%2Fa', { operation: 'poll', job: 'a' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/videos/sync/..%2Fa', { operation: 'other', job: 'sync/../a' }, '/v1/videos/X%2FY'],
    ['GET', '/v1/videos/a/..%2Fb', { operation: 'other', job: 'a/../b' }, '/v1/videos/X%2FY'],
  ]
  test.each(table)('%s %s', (method, path, expected, upstream) => {
    const route = openaiVideos.route(method, path)
    expect(route).toMatchObject(expected)
    expect(route.upstreamPath('X/Y')).toBe(upstream)
  })
  test.each([
    ['/v1/videos', ''],
    ['/n/v1/videos', '/n'],
    ['/n/v1/videos/a', '/n'],
    ['/a/b/v1/videos/a/content', '/a/b'],
    ['//%6E//v1/videos/a/remix', '/n'],
    ['/x/..%2fv1/videos', ''],
    ['/n/v1/videos/v1/videos', '/n'],
    ['/n/v1/models', ''],
  ])('the prefix of %s is %j', (path, prefix) => {
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH'])
      expect(openaiVideos.route(method, path).prefix).toBe(prefix)
  })
  test('any spelling of a path is the same route, and what is sent is spelled plainly', () => {
    const paths = fc.constantFrom(
      '/v1/videos',
      '/v1/videos/a-b',
      '/p/v1/videos/a/content',
      '/v1/models',
      '/v1/videos/sync',
    )
    const spelled = paths.chain((path) =>
      fc
        .array(fc.constantFrom('plain', 'code', 'doubled'), { minLength: path.length, maxLength: path.length })
        .map((ways) => ({ path, other: Array.from(path, (char, i) => spelling(char, ways[i])).join('') })),
    )
    const spelling = (char: string, way: string | undefined) => {
      if (char === '/') return way === 'doubled' ? '//' : '/'
      return way === 'code' ? `%${char.charCodeAt(0).toString(16)}` : char
    }
    fc.assert(
      fc.property(spelled, fc.constantFrom('GET', 'POST', 'DELETE'), ({ path, other }, method) => {
        const [route, same] = [openaiVideos.route(method, path), openaiVideos.route(method, other)]
        expect({ ...same, upstreamPath: same.upstreamPath('x') }).toEqual({
          ...route,
          upstreamPath: route.upstreamPath('x'),
        })
      }),
    )
  })
})
