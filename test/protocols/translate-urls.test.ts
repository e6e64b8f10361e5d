/** URLs in answers: whose they are, in which spelling, and what the client gets instead. */
import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import type { Translation } from '../../src/protocols/translate-string.ts'
import { translateAnswer, translateText } from '../../src/protocols/translate.ts'
import { GATEWAY, UPSTREAM, translation } from './contract.ts'

const videos = (path: string) => openaiVideos.route('GET', path)
const ids = new Map([
  ['video_gen_77', 'slc_A_slc'],
  ['12', 'slc_12_slc'],
])
const behind = (upstreamOrigin: string): Translation => ({ ...translation(ids), upstreamOrigin })

test('a client reads its own webhook where the backend repeats it, in a query too', () => {
  const hook = `${GATEWAY}/slc_H_slc/webhook`
  const webhookOf = (url: string) => (url === hook ? 'https://c.example/done?for=ann' : null)
  const shown = (text: string) => translateText(text, { ...translation(ids), webhookOf }, 'note')
  expect(shown(hook)).toBe('https://c.example/done?for=ann')
  const own = encodeURIComponent('https://c.example/done?for=ann')
  for (const sent of [encodeURIComponent(hook), encodeURIComponent(hook).replaceAll('%2F', '%2f')]) {
    expect(shown(`${UPSTREAM}/app/r?hook=${sent}&a=1`)).toBe(`${GATEWAY}/app/r?hook=${own}&a=1`)
    expect(shown(`see /app/r?hook=${sent}`)).toBe(`see /app/r?hook=${own}`)
  }
})

describe('files of the backend', () => {
  const fileUrl = (path: string) => `/F${path}`
  const shown = (answer: object, more: Partial<Translation> = {}) =>
    JSON.parse(
      translateAnswer(JSON.stringify(answer), { ...translation(ids), fileUrl, ...more }, { readPath: videos }),
    ) as unknown
  test('get the gateway’s path where the wire names what was made, with their query as it was', () => {
    const url = `${UPSTREAM}/files/video_gen_77.mp4?sig=video_gen_77&a=%2F#t=1`
    const signed = `${GATEWAY}/F/files/slc_A_slc.mp4?sig=video_gen_77&a=%2F#t=1`
    expect(shown({ url, urls: [url, '/files/z.mp4'] })).toEqual({ url: signed, urls: [signed, '/F/files/z.mp4'] })
    for (const name of ['url', 'video_url', 'download_url', 'thumbnail_url', 'preview_url', 'spritesheet_url'])
      for (const place of ['data', 'videos', 'output', 'outputs', 'result'])
        expect(shown({ [name]: url, [place]: [{ [name]: url }] })).toEqual({
          [name]: signed,
          [place]: [{ [name]: signed }],
        })
    expect(shown({ result: { result_url: '//10.0.0.7:8000/a%20b.mp4' }, output: { output_url: '/x.ZIP?y' } })).toEqual({
      result: { result_url: `${GATEWAY}/F/a%20b.mp4` },
      output: { output_url: '/F/x.ZIP?y' },
    })
  })
  test('are asked for by the path as the backend spells it', () => {
    const asked: string[] = []
    const url = `${UPSTREAM}/files/a%20b/video_gen_77.mp4`
    shown({ url, video_url: '/x.mp4?y' }, { fileUrl: (path) => (asked.push(path), '/F') })
    expect(asked).toEqual(['/files/a%20b/video_gen_77.mp4', '/x.mp4'])
  })
  test('are told from the wire’s own paths, other hosts, and words', () => {
    const answer = { home: UPSTREAM, root: `${UPSTREAM}/`, list: `${UPSTREAM}/v1/videos?after=video_gen_77` }
    expect(shown(answer)).toEqual({ home: GATEWAY, root: `${GATEWAY}/`, list: `${GATEWAY}/v1/videos?after=slc_A_slc` })
    expect(shown({ url: '/v1/videos/video_gen_77', path: '/files/video_gen_77.mp4' })).toEqual({
      url: '/v1/videos/slc_A_slc',
      path: '/files/slc_A_slc.mp4',
    })
    const others = {
      url: 'https://cdn.example/files/x.mp4',
      video_url: `${GATEWAY}/files/x.mp4`,
      result_url: 'files/x.mp4',
    }
    expect(shown(others)).toEqual(others)
  })
  test('of a backend with a base path are named below it', () => {
    const base = { upstreamOrigin: 'http://b/base' }
    const others = { preview_url: 'http://b/other/z.mp4', output_url: 'http://b/baseball/z.mp4' }
    expect(shown({ url: 'http://b/base/x.mp4', video_url: '/base/y.mp4', ...others }, base)).toEqual({
      url: `${GATEWAY}/F/x.mp4`,
      video_url: '/F/y.mp4',
      ...others,
    })
  })
  test('in headers too', () => {
    const of = (name: string, value: string) =>
      openaiVideos.translateHeader(name, value, { ...translation(ids), fileUrl })
    expect(of('location', '/files/x.mp4')).toBe('/F/files/x.mp4')
    expect(of('content-location', `${UPSTREAM}/files/x.mp4`)).toBe(`${GATEWAY}/F/files/x.mp4`)
    expect(of('x-file-url', '/files/x.mp4')).toBe('/files/x.mp4')
    expect(of('link', `<${UPSTREAM}/files/x.mp4>`)).toBe(`<${GATEWAY}/files/x.mp4>`)
    expect(of('content-disposition', 'attachment; filename="video_gen_77.mp4"')).toBe(
      'attachment; filename="slc_A_slc.mp4"',
    )
    expect(of('x-job-id', '12')).toBe('slc_12_slc')
    expect(of('x-steps', '12')).toBe('12')
  })
})

describe('a path of the client’s choice is not signed', () => {
  const signing = { ...translation(ids), fileUrl: (path: string) => `/SIGNED${path}` }
  const paths = ['/metrics', '/../admin/keys', '/admin/keys', '/files/../admin/x.mp4', '/x.mp4']
  const shown = (answer: object, more: Partial<Translation> = {}) =>
    openaiVideos.translate(JSON.stringify(answer), { ...signing, ...more })
  test.each(paths.flatMap((path) => [path, UPSTREAM + path]))('%s in an echo', (url) => {
    const sent = { url, image_url: url, video_url: url, urls: [url] }
    const echoes = [
      { detail: [{ type: 'missing', loc: ['body', 'prompt'], input: sent }] },
      { id: 'video_gen_77', status: 'queued', metadata: sent },
      ...['input', 'request', 'error', 'params', 'extra', 'meta', 'asset'].map((name) => ({ [name]: sent })),
      ...['data', 'videos', 'output', 'result'].flatMap((name) => [
        { [name]: [{ input: sent, metadata: { url } }] },
        { [name]: { result: { url } } },
        { [name]: [{ urls: [url], image_url: url }] },
      ]),
      { image_url: url, input_reference: url, href: url, uri: url, message: `saved at ${url}`, data: [url] },
      { url: `saved at ${url} .`, video_url: `https://viewer.example/?src=${encodeURIComponent(url)}` },
    ]
    for (const echo of echoes)
      expect(shown(echo)).toBe(
        JSON.stringify(echo)
          .replaceAll('video_gen_77', 'slc_A_slc')
          .replaceAll(UPSTREAM, GATEWAY)
          .replaceAll(encodeURIComponent(UPSTREAM), encodeURIComponent(GATEWAY)),
      )
    expect(shown(sent, { isError: true })).not.toContain('SIGNED')
    expect(openaiVideos.translate(`${JSON.stringify(sent)}}`, signing)).not.toContain('SIGNED')
    expect(openaiVideos.translateHeader('location', url, { ...signing, isError: true })).not.toContain('SIGNED')
  })
  test.each([
    ...[
      '/metrics',
      '/../admin/keys',
      '/files/../x.mp4',
      '/./x.mp4',
      '/%2e%2e/x.mp4',
      '/.%2E/x.mp4',
      '/%252e%252e/x.mp4',
    ],
    ...[
      '/a%2fb/x.mp4',
      '/a%2F..%2Fx.mp4',
      '/a%252fx.mp4',
      '/a%5cx.mp4',
      '/..%5Cx.mp4',
      '/a\\..\\x.mp4',
      '/\uff0e\uff0e/x.mp4',
    ],
    ...['/%E2%80%A5/x.mp4', '/%c0%ae%c0%ae/x.mp4', '/%u002e%u002e/x.mp4', '/..%20/x.mp4', '/..;/x.mp4', '/admin;x.mp4'],
    ...['/admin%3bx.mp4', '/admin%3Fx.mp4', '/admin%23x.mp4', '/admin%00.mp4', '/admin%0a.mp4', '/admin/\t.mp4'],
    ...['/admin?x.mp4', '/admin#x.mp4', '/x.mp4/', '/x.mp4/keys', '/xmp4', '/.mp4', '/x.mp4.json', '/x.html', '/', ''],
  ])('%s, not even where files are named', (path) => {
    for (const url of [path, UPSTREAM + path]) {
      expect(shown({ url, data: [{ url }], urls: [url] })).not.toContain('SIGNED')
      for (const name of ['location', 'content-location'])
        expect(openaiVideos.translateHeader(name, url, signing)).not.toContain('SIGNED')
    }
  })
})

describe('spellings of the backend’s URL', () => {
  const job = (start: string) => `${start}/v1/videos/video_gen_77`
  const mine = `${GATEWAY}/v1/videos/slc_A_slc`
  test.each([
    [
      'http://backend.test',
      ['HTTP://Backend.TEST', 'http://backend.test:80', 'http://backend.test:', 'http://backend.test.'],
    ],
    [
      'http://backend.test:80',
      ['http://backend.test', '//backend.test', '//BACKEND.test:80', 'http://me:pw@backend.test'],
    ],
    [
      'https://backend.test',
      ['https://backend.test:443', 'https://backend.test:0443', '//backend.test', '//backend.test:443'],
    ],
    ['http://backend:8000', ['//backend:8000', 'https://backend:8000', 'Http://BACKEND:8000']],
    ['http://[::1]:8000', ['http://[::1]:8000', '//[::1]:8000']],
  ])('%s', (upstreamOrigin, spellings) => {
    const text = (value: string) => translateText(value, { ...translation(ids), upstreamOrigin })
    for (const start of spellings) {
      expect(text(job(start)), start).toBe(mine)
      expect(text(`see (${job(start)}).`), start).toBe(`see (${mine}).`)
    }
  })
  test.each([
    [
      'http://backend.test',
      ['http://backend.test:8080', 'https://backend.test', '//backend.test:443', 'http://xbackend.test'],
    ],
    ['http://backend.test:8000', ['http://backend.test', '//backend.test', 'http://backend.test:8000@evil.example']],
  ])('%s is not', (upstreamOrigin, spellings) => {
    for (const start of spellings)
      expect(translateText(job(start), { ...translation(ids), upstreamOrigin }), start).toBe(job(start))
  })
  test('in the query of another URL, as it is or percent-encoded', () => {
    const inner = (url: string) => encodeURIComponent(`${url}?a=1`)
    for (const outer of ['https://viewer.example/?x=video_gen_77&src=', '/play?src=', `${GATEWAY}/play?src=`]) {
      const start = outer.startsWith('https://viewer') ? outer : outer.replace('video_gen_77', 'slc_A_slc')
      const text = (value: string) => translateText(value, translation(ids))
      expect(text(`${outer}${inner(job(UPSTREAM))}&y=2`)).toBe(`${start}${inner(mine)}&y=2`)
      expect(text(`${outer}${inner(job(UPSTREAM)).replace('http', 'HTTP').toLowerCase()}`)).toBe(
        `${start}${inner(mine)}`,
      )
      expect(text(`${outer}${inner(job('//10.0.0.7:8000'))}`)).toBe(`${start}${inner(mine)}`)
      expect(text(`${outer}${inner('http://cdn.example/x')}`)).toBe(`${start}${inner('http://cdn.example/x')}`)
    }
  })
  test('of the gateway’s own, encoded, stay as they are spelled', () => {
    const text = '/play?src=https%3a%2f%2fvideo.example%2fx%21'
    expect(translateText(text, translation(ids))).toBe(text)
  })
  test('half an encoded URL is none', () => {
    for (const text of ['%2f%2f%', 'x=%2F%2F10.0.0.7%3A8000%2F%', 'http%3A%2F%2F%zz'])
      expect(translateText(text, translation(ids))).toBe(text)
  })
  test('two slashes before no host are a path', () => {
    expect(translateText('//v1/videos/video_gen_77', translation(ids))).toBe('//v1/videos/slc_A_slc')
  })
})

describe('URLs', () => {
  test.each([
    [`It is at ${UPSTREAM}/v1/videos/video_gen_77/content.`, `It is at ${GATEWAY}/v1/videos/slc_A_slc/content.`],
    [`<${UPSTREAM}>; rel=next, <${UPSTREAM}/x>`, `<${GATEWAY}>; rel=next, <${GATEWAY}/x>`],
    [`${UPSTREAM}/a,${UPSTREAM}/b`, `${GATEWAY}/a,${GATEWAY}/b`],
    [`${GATEWAY}/v1/videos/video_gen_77`, `${GATEWAY}/v1/videos/slc_A_slc`],
    [`${UPSTREAM}.evil.example/video_gen_77`, `${UPSTREAM}.evil.example/video_gen_77`],
    [`${UPSTREAM}@evil.example/`, `${UPSTREAM}@evil.example/`],
    [
      'https://bucket.example/video_gen_77.mp4?X-Amz-Signature=1',
      'https://bucket.example/video_gen_77.mp4?X-Amz-Signature=1',
    ],
  ])('%s', (text, expected) => {
    expect(translateText(text, translation(ids))).toBe(expected)
  })
  test.each([
    ['http://b/base/v1/videos/video_gen_77', `${GATEWAY}/v1/videos/slc_A_slc`],
    ['http://b/base', GATEWAY],
    ['http://b/base?x=video_gen_77', `${GATEWAY}?x=slc_A_slc`],
    ['/base/v1/videos/video_gen_77', '/v1/videos/slc_A_slc'],
    ['/basement/video_gen_77', '/basement/slc_A_slc'],
    ['http://b/based/video_gen_77', 'http://b/based/slc_A_slc'],
    ['http://b/other/video_gen_77', 'http://b/other/slc_A_slc'],
    ['http://bb/base/video_gen_77', 'http://bb/base/video_gen_77'],
  ])('of a backend with a base path: %s', (text, expected) => {
    expect(translateText(text, behind('http://b/base'))).toBe(expected)
    expect(translateText(text, behind('http://b/base/'))).toBe(expected)
  })
})
