import { describe, expect, test } from 'vitest'
import type { Translation } from '../../src/protocols/protocol.ts'
import { translateAnswer, translateText } from '../../src/protocols/translate.ts'
import { GATEWAY, UPSTREAM, translation } from './contract.ts'

const ids = new Map([
  ['video_gen_77', 'slc_A_slc'],
  ['video_gen_77.b', 'slc_B_slc'],
  ['a/b c', 'slc C'],
  ['12', 'slc_12_slc'],
])
const behind = (upstreamOrigin: string): Translation => ({ ...translation(ids), upstreamOrigin })

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
    const answer = { prompt: 'video_gen_77!', tasks: { video_gen_77: 1 }, error: { message: 'no video_gen_77' } }
    expect(translateAnswer(answer, translation(ids))).toEqual({
      prompt: 'video_gen_77!',
      tasks: { slc_A_slc: 1 },
      error: { message: 'no slc_A_slc' },
    })
  })
  test('are found in long text, but not in a video', () => {
    const text = `${'word '.repeat(3000)}video_gen_77`
    expect(translateText(text, translation(ids))).toBe(text.replace('video_gen_77', 'slc_A_slc'))
    const short = translation(new Map([['v1', 'x']]))
    const video = `${'AAAA'.repeat(3000)}/v1/AAA=`
    expect(translateText(video, short)).toBe(video)
    expect(translateText('data:video/mp4;base64,AA/v1/', short)).toBe('data:video/mp4;base64,AA/v1/')
  })
  test('without a list of ids, whole strings and pieces of paths are asked for', () => {
    const { clientId, upstreamOrigin, gatewayOrigin } = translation(ids)
    const asked = { clientId, upstreamOrigin, gatewayOrigin }
    expect(translateText('video_gen_77', asked)).toBe('slc_A_slc')
    expect(translateText('v1/videos/video_gen_77?x', asked)).toBe('v1/videos/slc_A_slc?x')
    expect(translateText('video_gen_77.mp4', asked)).toBe('video_gen_77.mp4')
  })
  test('a client id makes no hostile key', () => {
    const shown = translateAnswer({ j: { polluted: 1 } }, translation(new Map([['j', '__proto__']])))
    expect((shown as { polluted?: unknown }).polluted).toBeUndefined()
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

test('values of headers', () => {
  const of = (value: string) => translateText(value, translation(ids))
  expect(of('/v1/videos/video_gen_77')).toBe('/v1/videos/slc_A_slc')
  expect(of('../video_gen_77/content')).toBe('../slc_A_slc/content')
  expect(of('attachment; filename="video_gen_77.mp4"; filename*=UTF-8\'\'video_gen_77.mp4')).toBe(
    'attachment; filename="slc_A_slc.mp4"; filename*=UTF-8\'\'slc_A_slc.mp4',
  )
  expect(of('attachment;filename=video_gen_77.mp4')).toBe('attachment;filename=slc_A_slc.mp4')
})
