/** Submits of the OpenAI Videos wire: what is read of them, and what they become for an arm. */
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { SluiceError } from '../../src/core/errors.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { GATEWAY } from './contract.ts'
import { multipart, read, rebuilt } from './submits.ts'

function refusal(act: () => unknown): SluiceError {
  try {
    act()
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
  throw new Error('was not refused')
}

describe('facts of a submit', () => {
  const facts = (body: object) => {
    const { promptChars, durationSeconds, work } = read(JSON.stringify(body))
    return [promptChars, durationSeconds, work]
  }
  test('prompts are counted in code points, and seconds may be text or numbers', () => {
    expect(facts({ prompt: '红狐🦊', seconds: '4', size: '832x480' })).toEqual([3, 4, 4 * 24 * 832 * 480])
    expect(facts({ prompt: '', seconds: 2.5, fps: 16, width: 100, height: 50 })).toEqual([0, 2.5, 2.5 * 16 * 5000])
  })
  test('frames name the work, and the duration where no seconds stand', () => {
    expect(facts({ num_frames: 81, fps: '16', size: '832*480' })).toEqual([null, 81 / 16, 81 * 832 * 480])
    expect(facts({ seconds: 5, num_frames: 81, size: '10x10' })).toEqual([null, 5, 8100])
  })
  test('what is nested for Dynamo and SGLang counts, below what stands at the top', () => {
    expect(facts({ seconds: 5, size: '10x10', nvext: { num_frames: 48, fps: 8 } })).toEqual([null, 5, 4800])
    expect(facts({ num_frames: 24, extra_body: { num_frames: 48, size: '10x10' } })).toEqual([null, 1, 2400])
  })
  test('what is not fully known is null', () => {
    expect(facts({ prompt: 7, seconds: 'long', size: 'auto' })).toEqual([null, null, null])
    expect(facts({ seconds: -1, width: 10, fps: 0 })).toEqual([null, null, null])
  })
  test('a form’s facts are those of the same JSON', () => {
    const fields = { prompt: '红狐🦊', seconds: '4', size: '832x480', extra_params: '{"fps":16}' }
    const form = read(multipart(fields), 'multipart/form-data; boundary="b0undary"')
    const encoded = read(new URLSearchParams(fields).toString(), 'application/x-www-form-urlencoded; charset=UTF-8')
    for (const { promptChars, durationSeconds, work } of [form, encoded]) {
      expect([promptChars, durationSeconds, work]).toEqual([3, 4, 4 * 16 * 832 * 480])
    }
  })
})

describe('a copy for the shadow', () => {
  const secret = {
    webhook_url: 'https://u.example',
    'metadata[order]': '7',
    user: 'me',
    storage_type: 's3',
    s3_key: 'k',
    output_path: '/o',
  }
  test('leaves out of a form what acts on the client’s behalf, and nothing else', () => {
    const submission = read(
      multipart({
        prompt: 'x',
        ...secret,
        model: 'm',
        users: '3',
        extra_params: '{"a":1.0, "callback_url":"https://u.example"}',
      }),
      'multipart/form-data; boundary=b0undary',
    )
    expect(rebuilt(submission, { shadow: true, model: 'n' })).toBe(
      multipart({ prompt: 'x', model: 'n', users: '3', extra_params: '{"a":1.0}' }),
    )
  })
  test('leaves them out of JSON wherever they stand', () => {
    const cases: [string, string][] = [
      ['{"user":"me","prompt":"x"}', '{"prompt":"x"}'],
      ['{"prompt":"x", "user":"me"}', '{"prompt":"x"}'],
      [
        '{"webhook":{"a":[1,{"b":"}"}]},\n"prompt":"x" ,"metadata":{} ,"seed":1e3, "user":"me"}',
        '{"prompt":"x" ,"seed":1e3}',
      ],
      ['{ "user":"me", "webhook":"w" }', '{  }'],
      ['{"extra_body":{"upload_url":"u","steps":5},"prompt":"x"}', '{"extra_body":{"steps":5},"prompt":"x"}'],
    ]
    for (const [body, expected] of cases) expect(rebuilt(read(body), { shadow: true })).toBe(expected)
  })
  test('leaves them out of an urlencoded body', () => {
    const submission = read('user=me&prompt=a+b&callback=c&model=m', 'application/x-www-form-urlencoded')
    expect(rebuilt(submission, { shadow: true, model: 'n/1' })).toBe('prompt=a+b&model=n%2F1')
  })
})

test('a model that the client left out, or left null, stays so', () => {
  expect(rebuilt(read('{"prompt":"x"}'), { model: 'm' })).toBe('{"prompt":"x"}')
  expect(rebuilt(read('{"model":null}'), { model: 'm' })).toBe('{"model":null}')
  expect(read('{"prompt":"x"}').model).toBeNull()
})

test('a name alone in an urlencoded form is an empty value, and may get another', () => {
  const submission = read('flag&model&prompt=x&draft', 'application/x-www-form-urlencoded')
  expect(submission.model).toBe('')
  expect(rebuilt(submission, {})).toBe('flag&model&prompt=x&draft')
  expect(rebuilt(submission, { model: 'm/1', shadow: true })).toBe('flag&model=m%2F1&prompt=x&draft')
  expect(rebuilt(read('user&a', 'application/x-www-form-urlencoded'), { shadow: true })).toBe('a')
})

test('a model that SGLang takes out of what is merged becomes the arm’s as well', () => {
  const nested = (model: string) => `{"prompt":"x", "extra_body":{"seed":1e3,"model":"${model}","lora":{"model":"l"}}}`
  const submission = read(nested('mine'))
  expect(submission.model).toBe('mine')
  expect(rebuilt(submission, { model: 'arms' })).toBe(nested('arms'))
  expect(rebuilt(submission, { model: 'arms', shadow: true })).toBe(nested('arms'))
  expect(rebuilt(submission, {})).toBe(nested('mine'))
  const both = (top: string, below: string) =>
    `{"model":"${top}","extra_json":{"model":"${below}"},"nvext":{"model":"n"}}`
  expect(read(both('mine', 'other')).model).toBe('mine')
  expect(rebuilt(read(both('mine', 'other')), { model: 'arms' })).toBe(both('arms', 'arms'))
  const form = (model: string) => multipart({ prompt: 'x', extra_params: `{"model":"${model}"}` })
  const inForm = read(form('mine'), 'multipart/form-data; boundary=b0undary')
  expect([inForm.model, rebuilt(inForm, { model: 'arms' })]).toEqual(['mine', form('arms')])
  // What is no name is left to the server.
  const odd = '{"extra_body":{"model":7},"extra_json":"{","extra_params":null}'
  expect([read(odd).model, rebuilt(read(odd), { model: 'arms' })]).toEqual([null, odd])
})

test('the fingerprint tells submits to different jobs apart', () => {
  const of = (path: string) => read('{"prompt":"x"}', 'application/json', path).fingerprint
  expect(of('/v1/videos/a/remix')).not.toBe(of('/v1/videos/b/remix'))
})

test('other content types are refused with 415', () => {
  for (const type of [null, '', 'text/plain', 'application/json-seq', 'application/json; charset=gbk']) {
    expect(
      refusal(() => read('{}', type)),
      String(type),
    ).toMatchObject({ code: 'unsupported_media_type', status: 415 })
  }
})

describe('the openai client', () => {
  async function sent(act: (client: OpenAI) => Promise<unknown>) {
    let request: Request | undefined
    const fetch = async (url: string | URL | Request, init?: RequestInit) => {
      request = new Request(url, init)
      return Response.json({ id: 'v1', object: 'video', status: 'queued' })
    }
    await act(new OpenAI({ apiKey: 'k', baseURL: `${GATEWAY}/v1`, fetch }))
    if (!request) throw new Error('the client sent nothing')
    const bytes = new Uint8Array(await request.arrayBuffer())
    const contentType = request.headers.get('content-type')
    const route = openaiVideos.route(request.method, new URL(request.url).pathname)
    return { route, contentType, submission: openaiVideos.readSubmission({ bytes, contentType, search: '' }, route) }
  }

  test('creates by multipart, which an arm’s server reads with the arm’s model', async () => {
    const reference = new File([new Uint8Array([0, 13, 10, 45, 45, 255])], 'f"ö.png', { type: 'image/png' })
    const params = {
      model: 'wan-t2v' as 'sora-2',
      prompt: '红狐🦊\r\nin "snow"',
      seconds: '4' as const,
      input_reference: reference,
    }
    const { submission, route } = await sent((client) => client.videos.create(params))
    const again = await sent((client) => client.videos.create(params))
    expect(route.operation).toBe('submit')
    expect(submission).toMatchObject({ model: 'wan-t2v', durationSeconds: 4, promptChars: 14 })
    expect(again.contentType).not.toBe(undefined)
    expect(again.submission.fingerprint).toBe(submission.fingerprint)
    const { bytes, contentType } = submission.rebuild({ model: 'wan2.2-t2v-a14b', jobIds: new Map(), shadow: true })
    const form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData()
    expect(form.get('model')).toBe('wan2.2-t2v-a14b')
    expect(form.get('prompt')).toBe(params.prompt)
    const file = form.get('input_reference') as File
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(new Uint8Array(await reference.arrayBuffer()))
  })

  test('edits, extends and remixes by naming a job', async () => {
    const edit = await sent((client) => client.videos.edit({ prompt: 'x', video: { id: 'tagged' } }))
    const extend = await sent((client) => client.videos.extend({ prompt: 'x', seconds: '4', video: { id: 'tagged' } }))
    const remix = await sent((client) => client.videos.remix('tagged', { prompt: 'x' }))
    for (const { route, submission } of [edit, extend, remix]) {
      expect(route.operation).toBe('submit')
      expect(submission.jobs).toEqual(['tagged'])
    }
    expect(rebuilt(edit.submission, { jobIds: new Map([['tagged', 'native']]) })).toContain('\r\n\r\nnative\r\n')
  })
})
