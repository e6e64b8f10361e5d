import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { SluiceError } from '../../src/core/errors.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import type { JobSight, RebuildTarget } from '../../src/protocols/protocol.ts'
import { GATEWAY, UPSTREAM, describeProtocol, translation } from './contract.ts'

const video = (id: string) => ({ id, object: 'video', model: 'wan2.2', created_at: 1_790_000_000, progress: 0 })
const multipart = (fields: Record<string, string>) =>
  `${Object.entries(fields)
    .map(([name, value]) => `--b0undary\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--b0undary--\r\n`

const jobs = (id: string) => ({
  running: { ...video(id), status: 'in_progress' },
  succeeded: {
    ...video(id),
    status: 'completed',
    url: `${UPSTREAM}/v1/videos/${id}/content`,
    file_path: `/srv/${id}.mp4`,
  },
  failed: { ...video(id), status: 'failed', error: { code: 500, message: 'CUDA out of memory' } },
})
const post = { method: 'POST', path: '/v1/videos' }

describe('multipart', () => {
  describeProtocol({
    protocol: openaiVideos,
    jobs,
    submit: (model) => ({
      ...post,
      body: multipart({ prompt: 'a fox', model }),
      contentType: 'multipart/form-data; boundary=b0undary',
    }),
  })
})
describe('JSON', () => {
  describeProtocol({
    protocol: openaiVideos,
    submit: (model) => ({ ...post, body: `{"seconds":4.0,"model":"${model}"}`, contentType: 'application/json' }),
  })
})
describe('urlencoded', () => {
  describeProtocol({
    protocol: openaiVideos,
    submit: (model) => ({
      ...post,
      body: `prompt=a+fox&model=${model}`,
      contentType: 'application/x-www-form-urlencoded',
    }),
  })
})

describe('routes', () => {
  const table: [string, string, object, string][] = [
    ['POST', '/v1/videos', { operation: 'submit', job: null, body: 'submission', answer: 'job' }, '/v1/videos'],
    ['POST', '/v1/videos/', { operation: 'submit', job: null }, '/v1/videos'],
    ['POST', '/openai/v1/videos', { operation: 'submit' }, '/openai/v1/videos'],
    ['POST', '/v1/videos/sync', { operation: 'sync', body: 'submission', answer: 'bytes' }, '/v1/videos/sync'],
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

function read(body: string | Uint8Array, contentType: string | null = 'application/json', path = '/v1/videos') {
  const bytes = (typeof body === 'string' ? new TextEncoder().encode(body) : body) as Uint8Array<ArrayBuffer>
  return openaiVideos.readSubmission(bytes, contentType, openaiVideos.route('POST', path))
}

function rebuilt(submission: ReturnType<typeof read>, target: Partial<RebuildTarget>): string {
  return Buffer.from(submission.rebuild({ model: null, jobIds: new Map(), shadow: false, ...target }).bytes).toString()
}

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
    const body = JSON.stringify({ prompt: TAGGED, nvext: { negative_prompt: TAGGED }, note: `see ${TAGGED}`, a: 'slc' })
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
      return Response.json(video('v1'))
    }
    await act(new OpenAI({ apiKey: 'k', baseURL: `${GATEWAY}/v1`, fetch }))
    if (!request) throw new Error('the client sent nothing')
    const bytes = new Uint8Array(await request.arrayBuffer())
    const contentType = request.headers.get('content-type')
    const route = openaiVideos.route(request.method, new URL(request.url).pathname)
    return { route, contentType, submission: openaiVideos.readSubmission(bytes, contentType, route) }
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

describe('jobs as the servers show them', () => {
  const sight = (status: number, body: object) => openaiVideos.readJob(status, { ...video('v'), ...body }) as JobSight
  test('every status word of this family of servers', () => {
    const words = {
      queued: 'queued',
      pending: 'queued',
      in_progress: 'running',
      processing: 'running',
      running: 'running',
      cancelling: 'running',
      'who knows': 'running',
      constructor: 'running',
      completed: 'succeeded',
      failed: 'failed',
      cancelled: 'cancelled',
      canceled: 'cancelled',
      deleted: 'cancelled',
    }
    for (const [status, expected] of Object.entries(words)) expect(sight(200, { status }).status, status).toBe(expected)
  })
  test('a failed job under HTTP 500 is a failed job, and under 400 the user’s', () => {
    const failed = (status: number, error: unknown) => sight(status, { status: 'failed', error })
    expect(failed(500, { code: 500, message: 'OOM' })).toMatchObject({ failure: 'job_failed', message: 'OOM' })
    expect(failed(400, { code: 400, message: 'bad size' }).failure).toBe('content_refused')
    expect(failed(200, { message: 'boom' })).toMatchObject({ failure: 'job_failed', message: 'boom' })
    expect(failed(422, { message: 'boom' }).failure).toBe('content_refused')
    expect(failed(200, 'it broke')).toMatchObject({ failure: 'job_failed', message: 'it broke' })
    expect(failed(200, null)).toMatchObject({ failure: 'job_failed', message: null })
    expect(failed(429, { code: 429, message: 'busy' }).failure).toBe('job_failed')
  })
  test('refusals of content are told by their code', () => {
    const refused = [
      'content_filter',
      'content_policy_violation',
      'moderation_blocked',
      'DataInspectionFailed',
      'InvalidParameter',
      '422',
    ]
    for (const code of refused)
      expect(sight(200, { status: 'failed', error: { code } }).failure, code).toBe('content_refused')
    for (const code of ['server_error', 'internal_error', 'OutOfMemory', '500']) {
      expect(sight(200, { status: 'failed', error: { code } }).failure, code).toBe('job_failed')
    }
  })
  test('times are told by the backend’s own clock, where it tells them', () => {
    const done = { status: 'completed', completed_at: 1_790_000_030, inference_time_s: 27.5 }
    expect(sight(200, done)).toMatchObject({ totalSeconds: 30, runSeconds: 27.5, queueSeconds: 2.5 })
    expect(sight(200, { status: 'completed', completed_at: null })).toMatchObject({
      totalSeconds: null,
      queueSeconds: null,
    })
    expect(sight(200, { status: 'in_progress', completed_at: 1_790_000_030 }).totalSeconds).toBeNull()
    expect(sight(200, { ...done, completed_at: 1 }).totalSeconds).toBeNull()
  })
  test('Dynamo’s synchronous answer is a finished job', () => {
    const answer = {
      id: 'd',
      object: 'video',
      status: 'completed',
      created: 1,
      data: [{ b64_json: 'AAAA' }],
      inference_time_s: 9,
    }
    expect(openaiVideos.readJob(200, answer)).toMatchObject({ id: 'd', status: 'succeeded', runSeconds: 9 })
  })
  test('an id that can be no segment of a path makes no job', () => {
    for (const id of ['.', '..', '\ud800']) {
      expect(openaiVideos.readJob(200, { id, status: 'queued' })).toBeNull()
      expect(openaiVideos.readIds({ id, data: [{ id }] })).toEqual([])
    }
  })
  test('an id that is too long, or none, makes no job', () => {
    expect(openaiVideos.readJob(200, { id: 'x'.repeat(513), status: 'queued' })).toBeNull()
    expect(openaiVideos.readJob(200, { id: '', status: 'queued' })).toBeNull()
    expect(openaiVideos.readJob(200, { id: 'x' })).toBeNull()
  })
})

describe('ids that later requests can name', () => {
  test.each<[string, unknown, string[]]>([
    ['a remixed job', { ...video('v'), remixed_from_video_id: 'w', status: 'queued' }, ['v', 'w']],
    ['a job that came from none', { ...video('v'), remixed_from_video_id: null }, ['v']],
    ['a character', { id: 'char_1', created_at: 1, name: 'fox' }, ['char_1']],
    [
      'a list',
      { object: 'list', data: [video('a'), { ...video('b'), remixed_from_video_id: 'a' }, 7, null], last_id: 'b' },
      ['a', 'b'],
    ],
    ['Dynamo’s video', { id: 'd', data: [{ b64_json: 'AAAA' }] }, ['d']],
    ['an error', { error: { message: 'x', id: 'e' } }, []],
    ['no id', { id: 7, remixed_from_video_id: '', data: 'a' }, []],
    ['an id that is too long', { id: 'x'.repeat(513) }, []],
    ['an array', [{ id: 'a' }], []],
    ['nothing', null, []],
  ])('%s', (_, body, ids) => {
    expect(openaiVideos.readIds?.(body)).toEqual(ids)
  })
})

describe('translation of answers', () => {
  const ids = new Map([
    ['gen1', 'tagged/1'],
    ['gen0', 'tagged0'],
  ])
  const translate = (body: unknown) =>
    JSON.parse(openaiVideos.translate(JSON.stringify(body), translation(ids))) as unknown
  test('ids, absolute URLs and paths anywhere become the client’s', () => {
    expect(
      translate({
        id: 'gen1',
        remixed_from_video_id: 'gen0',
        list: [{ deep: ['gen1', 'other'] }],
        url: `${UPSTREAM}/v1/videos/gen1/content?job=gen0&x=1`,
        polling_url: '/v1/videos/gen1',
        health: `${UPSTREAM}/health`,
        bare: UPSTREAM,
        foreign: 'https://cdn.example/v1/videos/gen1',
      }),
    ).toEqual({
      id: 'tagged/1',
      remixed_from_video_id: 'tagged0',
      list: [{ deep: ['tagged/1', 'other'] }],
      url: `${GATEWAY}/v1/videos/tagged%2F1/content?job=tagged0&x=1`,
      polling_url: '/v1/videos/tagged%2F1',
      health: `${GATEWAY}/health`,
      bare: GATEWAY,
      foreign: 'https://cdn.example/v1/videos/gen1',
    })
  })
  test('a host that only begins like the backend’s is another host', () => {
    expect(translate({ url: `${UPSTREAM}1/x` })).toEqual({ url: `${UPSTREAM}1/x` })
  })
  test('prompts stay as they are', () => {
    const words = { prompt: 'gen1', negative_prompt: 'gen1', error: { message: 'bad size' } }
    expect(translate(words)).toEqual(words)
  })
  test('paths of the server’s disk are left out', () => {
    expect(translate({ id: 'x', file_path: '/a', data: [{ output_paths: ['/b'], url: 'file:///c', ok: 1 }] })).toEqual({
      id: 'x',
      data: [{ ok: 1 }],
    })
  })
})

describe('lists and content', () => {
  test('list queries fall back and are brought into bounds', () => {
    const read = (query: string) => openaiVideos.listQuery(new URLSearchParams(query))
    expect(read('')).toEqual({ limit: 20, after: null, order: 'desc' })
    expect(read('limit=0&after=x&order=asc')).toEqual({ limit: 1, after: 'x', order: 'asc' })
    expect(read('limit=999&order=up&after=')).toEqual({ limit: 100, after: null, order: 'desc' })
    expect(read('limit=1e9').limit).toBe(20)
  })
  test('lists name their first and last job', () => {
    expect(openaiVideos.listAnswer([{ id: 'a' }, { id: 'b' }], true)).toEqual({
      object: 'list',
      data: [{ id: 'a' }, { id: 'b' }],
      first_id: 'a',
      last_id: 'b',
      has_more: true,
    })
    expect(openaiVideos.listAnswer([], false)).toMatchObject({ first_id: null, last_id: null, has_more: false })
  })
  test.each<[number, Record<string, string>, boolean]>([
    [200, { 'content-type': 'video/mp4' }, true],
    [206, { 'content-type': 'Video/X-MsVideo', 'content-length': '9' }, true],
    [200, { 'content-type': 'image/webp' }, true],
    [200, { 'content-type': 'application/octet-stream' }, true],
    [200, { 'content-type': 'video/mp4', 'content-length': '0' }, false],
    [200, { 'content-type': 'application/json' }, false],
    [200, {}, false],
    [404, { 'content-type': 'video/mp4' }, false],
  ])('content %i %j is good: %s', (status, headers, good) => {
    expect(openaiVideos.isGoodContent(status, new Headers(headers))).toBe(good)
  })
})
