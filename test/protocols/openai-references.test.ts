/** Which jobs a submit refers to, and their ids opened for the backend. */
import { describe, expect, test } from 'vitest'
import { multipart, read, rebuilt } from './submits.ts'

describe('references to other jobs', () => {
  const jobIds = new Map([['tagged', 'native']])
  test.each([
    ['{"video":"tagged","prompt":"x"}', '{"video":"native","prompt":"x"}'],
    ['{"video": { "id" : "tagged", "n":1.0 } }', '{"video": { "id" : "native", "n":1.0 } }'],
  ])('JSON %s', (body, expected) => {
    const submission = read(body, 'application/json', '/v1/videos/extensions')
    expect(submission.jobs).toEqual(['tagged'])
    expect(rebuilt(submission, { jobIds })).toBe(expected)
  })
  test.each(['video', 'video[id]'])('a form’s field %s', (name) => {
    const submission = read(
      multipart({ [name]: 'tagged', prompt: 'x' }),
      'multipart/form-data; boundary=b0undary',
      '/v1/videos/edits',
    )
    expect(submission.jobs).toEqual(['tagged'])
    expect(rebuilt(submission, { jobIds })).toBe(multipart({ [name]: 'native', prompt: 'x' }))
  })
  test('a remix refers to the job in its path', () => {
    expect(read('{"prompt":"x"}', 'application/json', '/v1/videos/tagged/remix').jobs).toEqual(['tagged'])
  })
  const TAGGED = `slc_${'a'.repeat(60)}_slc`
  const form = 'multipart/form-data; boundary=b0undary'
  test.each([
    ['a create’s own video', `{"video":{"id":"ID"},"prompt":"x"}`],
    ['a remixed video', `{ "remixed_from_video_id": "ID" , "seed":1.0}`],
    ['lists', `{"video":[{"id":"ID"}],"other":["x","ID"]}`],
    ['nested objects', `{"extra_body":{"source":{"video_id":"ID"},"n":[1.0]}}`],
    ['JSON held as text', `{"extra_params":"{\\"video_id\\":\\"ID\\"}"}`],
  ])('ids of ours are found anywhere: %s', (_, body) => {
    for (const path of ['/v1/videos', '/v1/videos/sync', '/v1/videos/edits']) {
      const submission = read(body.replaceAll('ID', TAGGED), 'application/json', path)
      expect(submission.jobs).toEqual([TAGGED])
      expect(rebuilt(submission, { jobIds: new Map([[TAGGED, 'native']]) })).toBe(body.replaceAll('ID', 'native'))
    }
  })
  test('ids of ours are found in forms: fields, JSON, and JSON with a file name', () => {
    const blob = (id: string, length: string) =>
      `--b0undary\r\nContent-Disposition: form-data; name="video"; filename="blob"\r\n${length}Content-Type: application/json\r\n\r\n{"id": "${id}"}\r\n`
    const body = (id: string, length: string) =>
      blob(id, length) +
      multipart({ video_id: id, 'source[video]': id, extra_body: `{"a":[{"v":"${id}"}]}`, prompt: 'x' })
    const submission = read(body(TAGGED, 'content-length: 84\r\n'), form)
    expect(submission.jobs).toEqual([TAGGED])
    expect(rebuilt(submission, { jobIds: new Map([[TAGGED, 'native']]) })).toBe(body('native', ''))
    const encoded = read(`video_id=${TAGGED}&flag&prompt=a+b`, 'application/x-www-form-urlencoded')
    expect(encoded.jobs).toEqual([TAGGED])
    expect(rebuilt(encoded, { jobIds: new Map([[TAGGED, 'n/1']]) })).toBe('video_id=n%2F1&flag&prompt=a+b')
  })
  test('an altered id of ours is one too, so that it is looked for and not found', () => {
    for (const id of [`xlc_${TAGGED.slice(4)}`, `${TAGGED.slice(0, -4)}_slx`])
      expect(read(`{"video_id":"${id}"}`).jobs).toEqual([id])
  })
  test('words with such an id in them, prompts and large files are no references', () => {
    const body = JSON.stringify({
      prompt: TAGGED,
      nvext: { negative_prompt: TAGGED },
      note: `see ${TAGGED}`,
      a: 'my_slc',
    })
    expect(read(body).jobs).toEqual([])
    expect(read(multipart({ prompt: TAGGED, 'nvext[negative_prompt]': TAGGED }), form).jobs).toEqual([])
    const file = `--b0undary\r\ncontent-disposition: form-data; name="video"; filename="v"\r\n\r\n{"id":"${TAGGED}","b":"${'x'.repeat(70_000)}"}\r\n--b0undary--`
    expect(read(file, form, '/v1/videos/edits').jobs).toEqual([])
  })
  test('of the edits’ video, ids of any kind are references, in a list or a file too', () => {
    const edits = (body: string) => read(body, 'application/json', '/v1/videos/edits').jobs
    expect(edits('{"video":[{"id":"tagged"},{"id":"b","name":"c"}],"other":{"id":"d"}}')).toEqual(['tagged', 'b'])
    const file =
      '--b0undary\r\ncontent-disposition: form-data; name=video; filename=v\r\n\r\n{"id":"tagged"}\r\n--b0undary--'
    expect(read(file, form, '/v1/videos/edits').jobs).toEqual(['tagged'])
  })
  test('URLs, uploads and a create’s own video are no references', () => {
    expect(read('{"video":"https://cdn.example/a.mp4"}', 'application/json', '/v1/videos/edits').jobs).toEqual([])
    expect(read('{"video":"tagged"}').jobs).toEqual([])
    const upload = '--b\r\ncontent-disposition: form-data; name="video"; filename="tagged"\r\n\r\ntagged\r\n--b--'
    expect(read(upload, 'multipart/form-data; boundary=b', '/v1/videos/edits').jobs).toEqual([])
  })
})
