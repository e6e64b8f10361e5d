import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comfyui } from '../../src/protocols/comfyui.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import type { Translation } from '../../src/protocols/translate-string.ts'
import { translateAnswer, translateText } from '../../src/protocols/translate.ts'
import { GATEWAY, UPSTREAM, translation } from './contract.ts'

const ids = new Map([
  ['video_gen_77', 'slc_A_slc'],
  ['video_gen_77.b', 'slc_B_slc'],
  ['a/b c', 'slc C'],
  ['12', 'slc_12_slc'],
])
const videos = (path: string) => openaiVideos.route('GET', path)

describe('ids as whole tokens', () => {
  test.each([
    ['video_gen_77.mp4', 'slc_A_slc.mp4'],
    ['job video_gen_77 failed (video_gen_77)', 'job slc_A_slc failed (slc_A_slc)'],
    ['v1/videos/video_gen_77/content', 'v1/videos/slc_A_slc/content'],
    ['/next?u=%2Fv1%2Fvideos%2Fvideo_gen_77%2Fcontent', '/next?u=%2Fv1%2Fvideos%2Fslc_A_slc%2Fcontent'],
    ['/srv/out/video_gen_77.mp4', '/srv/out/slc_A_slc.mp4'],
    ['video_gen_77.b and video_gen_77.c', 'slc_B_slc and slc_A_slc.c'],
    ['{"id":"video_gen_77"}', '{"id":"slc_A_slc"}'],
    ['a/b c', 'slc C'],
    ['see a/b c!', 'see slc C!'],
    ['data: {"id":"video_gen_77"}\n\n', 'data: {"id":"slc_A_slc"}\n\n'],
    ['data:video_gen_77', 'data:slc_A_slc'],
    ['/v1/videos/a%2Fb%20c', '/v1/videos/slc%20C'],
    ['v/a%2fb%20c', 'v/slc%20C'],
  ])('%s', (text, expected) => {
    expect(translateText(text, translation(ids))).toBe(expected)
  })
  test.each(['video_gen_777', 'xvideo_gen_77', 'video_gen_77-1', '_video_gen_77', '%video_gen_77x', 'wan2.12', '12 s'])(
    '%s holds none',
    (text) => {
      expect(translateText(text, translation(ids))).toBe(text)
    },
  )
  test('stand in keys and messages, and are left in prompts', () => {
    const answer = '{ "prompt":"video_gen_77!", "tasks": {"video_gen_77":1},"error":{"message":"no video_gen_77"}}'
    expect(translateAnswer(answer, translation(ids))).toBe(
      '{ "prompt":"video_gen_77!", "tasks": {"slc_A_slc":1},"error":{"message":"no slc_A_slc"}}',
    )
  })
  test('are found in long text, but not in a video', () => {
    const text = `${'word '.repeat(3000)}video_gen_77`
    expect(translateText(text, translation(ids))).toBe(text.replace('video_gen_77', 'slc_A_slc'))
    const short = translation(new Map([['v1', 'x']]))
    const video = `${'AAAA'.repeat(3000)}/v1/AAA=`
    expect(translateText(video, short)).toBe(video)
    for (const url of ['data:video/mp4;base64,AA/v1/', 'data:;base64,AA/v1/', 'DATA:text/plain,v1 /v1/'])
      expect(translateText(url, short)).toBe(url)
  })
  test.each([
    ['{"id":"other-1","id":"video_gen_77","n":1.0}', '{"id":"slc_A_slc","n":1.0}'],
    ['{"a":{"task_id":"other-1","task_\\u0069d":"video_gen_77"}}', '{"a":{"task_id":"slc_A_slc"}}'],
    ['{"id":"video_gen_77","data":[{"id":"other-1","id":3}]}', '{"id":"slc_A_slc","data":[{"id":3}]}'],
    ['{"url":"http://x/1","url":"http://x/2","id":"video_gen_77"}', '{"url":"http://x/2","id":"slc_A_slc"}'],
  ])('under a name that stands twice are those that were read: %s', (text, expected) => {
    const one = new Map([['video_gen_77', 'slc_A_slc']])
    for (const known of [one, ids]) expect(translateAnswer(text, translation(known))).toBe(expected)
    expect(comfyui.translate(text, translation(one))).toBe(expected)
  })
  test('a client id makes no hostile key', () => {
    const shown = translateAnswer('{"j1":{"polluted":1}}', translation(new Map([['j1', '__proto__']])))
    expect((JSON.parse(shown) as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

test('an answer with one id in it is read as any other', () => {
  const id = 'video_gen_77'
  const one = new Map([[id, 'slc_A_slc']])
  // A second id, which stands nowhere, so that the whole answer is read.
  const two = new Map([...one, ['video_gen_78', 'slc_B_slc']])
  const word = fc.oneof(
    fc.constantFrom(
      id,
      `${id}8`,
      '12',
      'completed',
      'Wan-AI/Wan2.2',
      'a?b#c',
      `x ${id}.`,
      `/v1/videos/${id}`,
      '/b/x.mp4',
    ),
    fc.constantFrom('http://b/x', 'file:x', 'data:,', '%2f', '\\"', `say "id":"${id}"`),
    fc.string({ maxLength: 8 }),
  )
  const name = fc.oneof(
    fc.constantFrom('id', 'status', 'prompt', 'data', 'video_id', 'url', 'output_path', 'model', id),
    fc.string({ maxLength: 4 }),
  )
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value')),
      tie('table'),
    ),
    table: fc.dictionary(name, tie('value'), { maxKeys: 5 }),
  })).table
  const text = fc.tuple(value, fc.constantFrom(undefined, 1), fc.nat(30)).map(([table, space, cut]) => {
    const whole = JSON.stringify({ id, ...(table as object) }, null, space)
    return cut === 0 ? whole.slice(0, -1) : whole
  })
  fc.assert(
    fc.property(
      text,
      fc.boolean(),
      fc.constantFrom(UPSTREAM, `${UPSTREAM}/base`),
      (answer, isError, upstreamOrigin) => {
        const more = { isError, upstreamOrigin }
        const shown = translateAnswer(answer, { ...translation(one), ...more }, { readPath: videos })
        expect(shown).toBe(translateAnswer(answer, { ...translation(two), ...more }, { readPath: videos }))
      },
    ),
  )
})

describe('the text of an answer', () => {
  const shown = (text: string, more: Partial<Translation> = {}) =>
    translateAnswer(text, { ...translation(ids), ...more }, { readPath: videos })
  test('keeps numbers, escapes and white space as the backend wrote them', () => {
    const answer = (id: string) => `{"id": "${id}","seed":9223372036854775807,"fps":16.0,\n "note":"\\u00e9\\/"}\n`
    expect(shown(answer('video_gen_77'))).toBe(answer('slc_A_slc'))
    const other = '{ "detail" : "a\\/b \\u00e9", "n":1.0}'
    expect(shown(other)).toBe(other)
  })
  test('loses server paths and file URLs, unless it is an error', () => {
    const job =
      '{"file_path":"/srv/a", "ok":1 , "data":[{"url":"file:///b","output_paths":["/c"]}],"urls":["file:///d"]}'
    expect(shown(job)).toBe('{"ok":1 , "data":[{}],"urls":[]}')
    expect(shown(job, { isError: true })).toBe(job)
  })
  test('shows no id or URL of the backend in an error either', () => {
    const error = `{"detail":"video_gen_77 is not at ${UPSTREAM.replaceAll('/', '\\/')}\\/v1", "file_path":"/srv/x"}`
    expect(shown(error, { isError: true })).toBe(`{"detail":"slc_A_slc is not at ${GATEWAY}/v1", "file_path":"/srv/x"}`)
  })
  test('that is no JSON is read as words', () => {
    expect(shown(`<a href="${UPSTREAM}/v1/videos/video_gen_77">`)).toBe(`<a href="${GATEWAY}/v1/videos/slc_A_slc">`)
    for (const text of ['', 'upstream 12 error', '{"id":', '\ufeff{}']) expect(shown(text)).toBe(text)
  })
  test('may nest as deep as it likes', () => {
    const deep = (id: string) => `${'['.repeat(5000)}"${id}"${']'.repeat(5000)}`
    expect(shown(deep('video_gen_77'))).toBe(deep('slc_A_slc'))
  })
})

describe('ids that read like a number or a word', () => {
  const plain = new Map([
    ['12', 'slc_12_slc'],
    ['completed', 'slc_c_slc'],
    ['content', 'slc_content_slc'],
    ['videos', 'slc_videos_slc'],
  ])
  const shown = (answer: object) =>
    JSON.parse(translateAnswer(JSON.stringify(answer), translation(plain), { readPath: videos })) as unknown
  test('are replaced where a name says that an id stands there', () => {
    expect(shown({ id: '12', video_id: 'completed', videoId: '12', ids: ['12', '13'], data: [{ id: '12' }] })).toEqual({
      id: 'slc_12_slc',
      video_id: 'slc_c_slc',
      videoId: 'slc_12_slc',
      ids: ['slc_12_slc', '13'],
      data: [{ id: 'slc_12_slc' }],
    })
  })
  test('and nowhere else', () => {
    const answer = {
      status: 'completed',
      seconds: '12',
      size: '12',
      steps: '12',
      phase: 'completed',
      completed: true,
      '12': '12 completed',
      note: 'completed after 12 s, see content',
      error: { code: '12', message: 'completed' },
    }
    expect(shown(answer)).toEqual(answer)
  })
  test('are the job in a path of the wire, whatever else stands in it', () => {
    expect(
      shown({
        url: `${UPSTREAM}/v1/videos/12/content?seconds=12&video_id=12`,
        polling_url: '/p/v1/videos/content/content',
        next: 'v1/videos/videos',
        text: `see ${UPSTREAM}/v1/videos/completed, please`,
      }),
    ).toEqual({
      url: `${GATEWAY}/v1/videos/slc_12_slc/content?seconds=12&video_id=slc_12_slc`,
      polling_url: '/p/v1/videos/slc_content_slc/content',
      next: 'v1/videos/slc_videos_slc',
      text: `see ${GATEWAY}/v1/videos/slc_c_slc, please`,
    })
  })
  test('the wire’s own values are left alone whatever the id is, but for URLs', () => {
    const odd = translation(new Map([['wan2.2', 'slc_w_slc']]))
    const answer = `{"model":"wan2.2","type":"${UPSTREAM}/errors/wan2.2"}`
    expect(translateAnswer(answer, odd, { readPath: videos })).toBe(
      `{"model":"wan2.2","type":"${GATEWAY}/errors/slc_w_slc"}`,
    )
  })
})

test('values of headers', () => {
  const of = (value: string) => translateText(value, translation(ids))
  expect(of('/v1/videos/video_gen_77')).toBe('/v1/videos/slc_A_slc')
  expect(of('../video_gen_77/content')).toBe('../slc_A_slc/content')
  expect(of('attachment; filename="video_gen_77.mp4"; filename*=UTF-8\'\'video_gen_77.mp4')).toBe(
    'attachment; filename="slc_A_slc.mp4"; filename*=UTF-8\'\'slc_A_slc.mp4',
  )
  expect(of('attachment;filename=video_gen_77.mp4')).toBe('attachment;filename=slc_A_slc.mp4')
})

test('nothing makes it throw, and without ids or URLs of the backend nothing changes', () => {
  const pieces = [
    '/',
    '//',
    '\\',
    ':',
    '%',
    '%2f',
    '%2F%2F',
    '%5c',
    '..',
    '?',
    '#',
    '=',
    '&',
    '@',
    '[',
    ']',
    '.',
    ' ',
    '\t',
  ]
  const words = ['http:', 'https%3A', 'a', 'v1/videos/', '80', '\ud800', 'é', '"', '{', '12']
  const texts = fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 12 }).map((all) => all.join(''))
  const names = fc.constantFrom('', 'url', 'id', 'status', 'location')
  fc.assert(
    fc.property(texts, names, fc.boolean(), (text, name, hasFiles) => {
      const none = translation()
      expect(openaiVideos.translateHeader(name, text, none)).toBe(text)
      expect(openaiVideos.translate(text, none)).toBe(text)
      const json = JSON.stringify({ [name]: text })
      expect(openaiVideos.translate(json, none)).toBe(json)
      const found = {
        ...translation(
          new Map([
            ['a', 'b'],
            ['12', 'c'],
          ]),
        ),
        ...(hasFiles && { fileUrl: () => '/f' }),
      }
      JSON.parse(openaiVideos.translate(json, found))
    }),
  )
})
