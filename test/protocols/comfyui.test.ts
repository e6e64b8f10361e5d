import { describe, expect, test } from 'vitest'
import { comfyui } from '../../src/protocols/comfyui.ts'
import type { RebuildTarget } from '../../src/protocols/submit.ts'
import { expectNoDearer } from '../support/cost.ts'
import { describeProtocol, GATEWAY, translation, UPSTREAM } from './contract.ts'

const MODEL = 'wan2.2_t2v_high_noise_14B.safetensors,wan2.2_t2v_low_noise_14B.safetensors'
const ID = '0b7f6a52-6d0e-4bb1-9d57-3c7b0f5c8a11'

/** Wan2.2 as its own template has it, with two experts, shortened. */
const graph = (model = MODEL) => {
  const [high, low] = model.split(',')
  return {
    '6': { class_type: 'CLIPTextEncode', inputs: { text: '红狐🦊', clip: ['38', 0] } },
    '7': { class_type: 'CLIPTextEncode', inputs: { text: 'a long list of what is not to be seen', clip: ['38', 0] } },
    '37': { class_type: 'UNETLoader', inputs: { unet_name: high, weight_dtype: 'default' } },
    '56': { class_type: 'UNETLoader', inputs: { unet_name: low, weight_dtype: 'default' } },
    '57': { class_type: 'KSamplerAdvanced', inputs: { noise_seed: 7, positive: ['50', 0], negative: ['50', 1] } },
    '50': { class_type: 'WanImageToVideo', inputs: { positive: ['6', 0], width: 832, height: 480, length: 81 } },
    '60': { class_type: 'CreateVideo', inputs: { fps: 16.0, images: ['8', 0] } },
    '61': { class_type: 'SaveVideo', inputs: { filename_prefix: 'video/ComfyUI', format: 'auto', video: ['60', 0] } },
  }
}

const entry = (id: string, status: object | null, outputs: object = {}) => ({
  [id]: {
    prompt: [3, id, graph(), { client_id: 'slc-0123456789ab-me', create_time: 1000 }, ['61']],
    outputs,
    ...status,
  },
})
const told = (id: string, ...events: [string, object][]) =>
  events.map(([event, more], i) => [event, { prompt_id: id, timestamp: 3000 + 1000 * i, ...more }])
const success = (id: string) => ({
  status: {
    status_str: 'success',
    completed: true,
    messages: told(id, ['execution_start', {}], ['execution_cached', { nodes: [] }], ['execution_success', {}]),
  },
})
const failure = (id: string, event: string, more: object) => ({
  status: { status_str: 'error', completed: false, messages: told(id, ['execution_start', {}], [event, more]) },
})
const VIDEO = { filename: 'ComfyUI_00001_.mp4', subfolder: 'video', type: 'output' }

describeProtocol({
  protocol: comfyui,
  models: [MODEL, 'wan2.1_a.safetensors,wan2.1_b.safetensors'],
  answersNameJob: false,
  prefixes: ['', '/api', '/comfy', '/comfy/api'],
  submit: (model) => ({
    method: 'POST',
    path: '/prompt',
    body: JSON.stringify({ prompt: graph(model) }),
    contentType: 'application/x-www-form-urlencoded',
  }),
  jobs: (id) => ({
    running: {},
    succeeded: entry(id, success(id), { '61': { images: [VIDEO], animated: [true] } }),
    failed: entry(id, failure(id, 'execution_error', { exception_message: 'Allocation on device' })),
  }),
})

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const post = (body: object | string) =>
  comfyui.readSubmission(
    {
      bytes: bytesOf(typeof body === 'string' ? body : JSON.stringify(body)),
      contentType: 'application/json',
      search: '',
    },
    comfyui.route('POST', '/prompt'),
  )
const rebuilt = (body: object | string, target: Partial<RebuildTarget>) => {
  const { bytes } = post(body).rebuild({ model: null, jobIds: new Map(), shadow: false, ...target })
  return JSON.parse(new TextDecoder().decode(bytes)) as unknown
}

describe('routes', () => {
  test.each([
    ['POST', '/prompt', 'submit', null, ''],
    ['POST', '/api/prompt/', 'submit', null, '/api'],
    ['GET', '/prompt', 'other', null, ''],
    ['GET', `/history/${ID}`, 'poll', ID, ''],
    ['GET', `/api//hi%73tory/${ID}`, 'poll', ID, '/api'],
    ['HEAD', `/comfy/history/${ID}`, 'poll', ID, '/comfy'],
    ['GET', `/api/jobs/${ID}`, 'poll', ID, '/api'],
    ['DELETE', `/api/jobs/${ID}`, 'other', ID, '/api'],
    ['POST', `/api/jobs/${ID}/cancel`, 'other', ID, '/api'],
    ['GET', `/history/${ID}/`, 'poll', ID, ''],
    ['GET', `/history/${ID}/a/b`, 'other', ID, ''],
    ['POST', `/api/jobs/${ID}/a%2F..%2F..`, 'other', `${ID}/a/../..`, '/api'],
    ['GET', '/history', 'list', null, ''],
    ['GET', '/api/jobs', 'list', null, '/api'],
    ['GET', '/queue', 'list', null, ''],
    ['POST', '/queue', 'cancel', null, ''],
    ['POST', '/history', 'cancel', null, ''],
    ['POST', '/api/interrupt', 'cancel', null, '/api'],
    ['GET', '/ws', 'other', null, ''],
    ['GET', '/object_info', 'other', null, ''],
    ['GET', '/object_info/history', 'other', null, ''],
    ['GET', '/userdata/queue', 'other', null, ''],
    ['GET', '/jobs', 'other', null, ''],
    ['POST', '/upload/image', 'other', null, ''],
    ['POST', '/api/upload/mask', 'other', null, '/api'],
    ['POST', '/upload', 'other', null, ''],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, prefix) => {
    expect(comfyui.route(method, path)).toMatchObject({
      operation,
      job,
      ...(operation === 'other' && job === null ? {} : { prefix }),
    })
  })

  test('a file that Sluice has named is found by its query, wherever the name stands', () => {
    const sealed = comfyui.route('GET', '/view', '?type=output&filename=slc_abc_slc.mp4&subfolder=x&preview=webp%3B90')
    expect(sealed).toMatchObject({ job: null, file: { id: 'slc_abc_slc', search: '&preview=webp%3B90' } })
    expect(comfyui.route('GET', '/view', '?filename=slc_abc_slc').file).toEqual({ id: 'slc_abc_slc', search: '' })
  })

  test('a file of a result that Sluice has not named is looked for as an id from before Sluice, an input is not', () => {
    expect(comfyui.route('GET', '/view', '?filename=ComfyUI_00001_.mp4&subfolder=video')).toMatchObject({
      operation: 'content',
      job: 'ComfyUI_00001_.mp4',
    })
    const input = comfyui.route('GET', '/api/view', '?filename=a.png&type=input')
    expect([input.operation, input.job, input.upstreamPath(null)]).toEqual(['other', null, '/api/view'])
    expect(comfyui.route('GET', '/view')).toMatchObject({ operation: 'other', job: null })
    // Where it lies stands in the name itself, which the server believes more than `type`.
    for (const filename of ['ComfyUI_00001_.mp4 [output]', 'x.png[temp]'])
      expect(comfyui.route('GET', '/view', `?${new URLSearchParams({ filename, type: 'input' }).toString()}`).job).toBe(
        filename,
      )
    expect(comfyui.route('GET', '/view', '?filename=a.png+[input]&type=input').job).toBeNull()
  })
})

describe('submits', () => {
  test('facts are read out of the graph: the positive prompt, frames, size and every model file', () => {
    expect(post({ prompt: graph() })).toMatchObject({
      model: MODEL,
      promptChars: 3,
      durationSeconds: 81 / 16,
      work: 81 * 832 * 480,
    })
    const wrapper = {
      '1': { inputs: { model: 'wan.safetensors' } },
      '2': { inputs: { positive_prompt: 'fox', negative_prompt: 'blurry' } },
      '3': { inputs: { width: 320, height: 192, num_frames: 5 } },
      '4': { inputs: { frame_rate: 8, model: ['1', 0] } },
    }
    expect(post({ prompt: wrapper })).toMatchObject({
      model: 'wan.safetensors',
      promptChars: 3,
      durationSeconds: 0.625,
      work: 5 * 320 * 192,
    })
  })

  test.each([
    {},
    { prompt: null },
    { prompt: 7 },
    { prompt: { '1': null, '2': { inputs: [1] } } },
    { prompt: { '1': { inputs: { positive: ['1', 0] } } } },
  ])('of %j nothing is known, and it is the server’s to refuse', (body) => {
    expect(post(body)).toMatchObject({ model: null, promptChars: null, durationSeconds: null, work: null })
  })

  test('a graph that loads another number of files than the arm has stays as it is', () => {
    expect(rebuilt({ prompt: graph() }, { model: 'one.safetensors' })).toEqual({ prompt: graph() })
  })

  test('a model is found however it is spelled, and only where a loader names it', () => {
    const read = (text: string) =>
      comfyui
        .readSubmission({ bytes: bytesOf(text), contentType: null, search: '' }, comfyui.route('POST', '/prompt'))
        .rebuild({ model: 'b "2"', jobIds: new Map(), shadow: false })
    const told = (text: string) => new TextDecoder().decode(read(text).bytes)
    const node = (more: string) => `{ "prompt": {"1": {"inputs": {${more}}, "n": 1.0}} }`
    expect(told(node('"unet_name" : "a"'))).toBe(node('"unet_name" : "b \\"2\\""'))
    expect(told(node('"unet_name":"\\u0061"'))).toBe(node('"unet_name":"b \\"2\\""'))
    const titled = (name: string) =>
      `{"prompt":{"1":{"_meta":{"model":"a"},"inputs":{"model":"${name}","x":"\\"model\\":\\"a\\""}}}}`
    expect(told(titled('a'))).toBe(titled('b \\"2\\"'))
  })

  test('an id that its client chose is known, and one that no path can hold is refused', () => {
    expect(post({ prompt: {}, prompt_id: ID }).chosenId).toBe(ID)
    expect(post({ prompt: {}, prompt_id: null }).chosenId).toBeUndefined()
    for (const prompt_id of ['slc_a_slc', 'a/b', '', 7, '..'.repeat(80)])
      expect(() => post({ prompt: {}, prompt_id })).toThrow('prompt_id')
  })

  test('a client listens under a name of its own', () => {
    const sent = { prompt: {}, client_id: 'me', extra_data: { client_id: 'you', deep: { client_id: 'x' } } }
    expect(rebuilt(sent, { caller: '0123456789ab' })).toEqual({
      prompt: {},
      client_id: 'slc-0123456789ab-me',
      extra_data: { client_id: 'slc-0123456789ab-you', deep: { client_id: 'x' } },
    })
    expect(comfyui.socket!.search('?clientId=me&x=1', '0123456789ab')).toBe('?clientId=slc-0123456789ab-me&x=1')
    expect(comfyui.socket!.search('', '0123456789ab')).toBe('')
    // Spelled otherwise it is the same name.
    const spelled = '{"prompt":{},"extra_data":{"client\\u005fid":"slc-victim-me"}}'
    expect(rebuilt(spelled, { caller: 'x' })).toMatchObject({ extra_data: { client_id: 'slc-x-slc-victim-me' } })
    expect(comfyui.socket!.search('?clientId=&clientId=slc-victim-me', 'x')).toBe('?clientId=slc-x-slc-victim-me')
    expect(comfyui.socket!.search('?clientId=&x=1', 'x')).toBe('?clientId=&x=1')
  })

  test('a copy tells nobody, takes its turn, and shows no credentials of its user', () => {
    const save = { class_type: 'SaveVideo', inputs: { filename_prefix: 'v', webhook_url: 'https://c.example/h' } }
    const sent = {
      prompt_id: ID,
      client_id: 'me',
      front: true,
      number: -5,
      prompt: { '1': save },
      extra_data: {
        client_id: 'me',
        api_key_comfy_org: 'k',
        auth_token_comfy_org: 't',
        extra_pnginfo: { workflow: 1 },
      },
    }
    expect(rebuilt(sent, { shadow: true })).toEqual({
      prompt: { '1': { class_type: 'SaveVideo', inputs: { filename_prefix: 'v' } } },
      extra_data: { extra_pnginfo: { workflow: 1 } },
    })
  })

  test('what is no JSON object is refused', () => {
    const read = (text: string) => () =>
      comfyui.readSubmission({ bytes: bytesOf(text), contentType: null, search: '' }, comfyui.route('POST', '/prompt'))
    expect(read('[]')).toThrow('must be a JSON object')
    expect(read('{')).toThrow('not valid JSON')
  })
})

describe('requests that name jobs in their bodies', () => {
  const named = (path: string, body: string) => {
    const { jobs, bodyFor } = comfyui.readNamedJobs!(
      { bytes: bytesOf(body), contentType: null, search: '' },
      comfyui.route('POST', path),
    )
    return [jobs, bodyFor('J')]
  }
  test.each([
    ['/queue', '{"delete":["a","b","a"]}', ['a', 'b'], '{"delete":["J"]}'],
    ['/history', '{"delete":["a"],"clear":false}', ['a'], '{"delete":["J"]}'],
    ['/queue', '{"clear":true}', 'own', '{"delete":["J"]}'],
    ['/queue', '{}', [], '{"delete":["J"]}'],
    ['/interrupt', '{"prompt_id":"a"}', ['a'], '{"prompt_id":"J"}'],
    ['/interrupt', '{}', 'own', '{"prompt_id":"J"}'],
    ['/api/interrupt', '', 'own', '{"prompt_id":"J"}'],
  ])('%s %s', (path, body, jobs, single) => {
    expect(named(path, body)).toEqual([jobs, single])
  })

  test.each(['{"delete":[7]}', '{"delete":[""]}', '{"delete":{}}'])('%s names none', (body) => {
    expect(() => named('/queue', body)).toThrow('must name jobs')
  })
})

describe('how a job stands', () => {
  const read = (body: unknown, job: string | null = ID, status = 200) =>
    comfyui.readJob({ status, headers: new Headers(), body, job })

  test('a submit’s answer is a job that waits, also with errors of nodes that nothing depends on', () => {
    expect(read({ prompt_id: ID, number: 4, node_errors: { '9': {} } }, null)).toMatchObject({
      id: ID,
      status: 'queued',
    })
    expect(read({ error: { type: 'invalid_prompt' }, node_errors: {} }, null, 400)).toBeNull()
  })

  test('the history tells its queue and run time by its own clock', () => {
    expect(read(entry(ID, success(ID)))).toMatchObject({
      status: 'succeeded',
      queueSeconds: 2,
      runSeconds: 2,
      totalSeconds: 4,
    })
    expect(read(entry(ID, null))).toMatchObject({ status: 'succeeded', runSeconds: null })
    expect(read({ other: {} })).toBeNull()
    expect(read({ constructor: {} }, 'constructor')).not.toBeNull()
    expect(read({ a: 1 }, 'constructor')).toBeNull()
  })

  test.each([
    [
      'execution_error',
      { exception_type: 'torch.OutOfMemoryError', exception_message: 'Allocation on device' },
      'failed',
      'job_failed',
    ],
    ['execution_error', { exception_type: 'ValueError', exception_message: 'shape mismatch' }, 'failed', 'job_failed'],
    [
      'execution_error',
      { exception_type: 'Exception', exception_message: 'Content moderation: refused' },
      'failed',
      'content_refused',
    ],
    ['execution_error', {}, 'failed', 'job_failed'],
    ['execution_interrupted', { node_id: '57' }, 'cancelled', null],
    ['something_new', {}, 'failed', 'job_failed'],
  ])('%s %j', (event, more, status, reason) => {
    expect(read(entry(ID, failure(ID, event, more)))).toMatchObject({ status, failure: reason })
  })

  test.each([
    [{ status: 'pending' }, 'queued', null],
    [{ status: 'in_progress' }, 'running', null],
    [{ status: 'anything else' }, 'running', null],
    [
      { status: 'completed', create_time: 1000, execution_start_time: 2000, execution_end_time: 5000 },
      'succeeded',
      null,
    ],
    [{ status: 'failed', execution_error: { exception_message: 'CUDA out of memory' } }, 'failed', 'job_failed'],
    [{ status: 'failed', execution_status: failure(ID, 'execution_interrupted', {}).status }, 'cancelled', null],
    [{ status: 'cancelled' }, 'cancelled', null],
  ])('/api/jobs shows %j', (body, status, reason) => {
    expect(read({ id: ID, ...body })).toMatchObject({ id: ID, status, failure: reason })
  })
})

describe('messages of the socket', () => {
  const read = (message: unknown) =>
    comfyui.socket!.read(typeof message === 'string' ? message : JSON.stringify(message))

  test.each([
    ['{', null, undefined],
    [{ type: 'status', data: { status: { exec_info: { queue_remaining: 1 } }, sid: 'x' } }, null, undefined],
    [{ type: 'executing', data: { node: '57', prompt_id: ID } }, ID, undefined],
    [{ type: 'progress', data: { value: 1, max: 20, prompt_id: ID } }, ID, undefined],
    [{ type: 'execution_success', data: { prompt_id: ID, timestamp: 1 } }, ID, 'succeeded'],
    [{ type: 'execution_error', data: { prompt_id: ID, exception_message: 'out of memory' } }, ID, 'failed'],
    [{ type: 'execution_interrupted', data: { prompt_id: ID } }, ID, 'cancelled'],
  ])('%j', (message, job, status) => {
    expect(read(message)).toMatchObject({ job })
    expect(read(message).backendJob?.status).toBe(status)
  })
})

describe('answers', () => {
  const sealedPaths: string[] = []
  const shown = (body: object, more: object = {}) =>
    JSON.parse(
      comfyui.translate(JSON.stringify(body), {
        ...translation(new Map([[ID, 'slc_1_slc']])),
        fileUrl: (path) => `/slc_${sealedPaths.push(path)}_slc/file.mp4`,
        ...more,
      }),
    ) as Record<string, Record<string, unknown>>

  test('a job in the history is its client’s own: id, files, and the name that it listens under', () => {
    sealedPaths.length = 0
    const { prompt, outputs, status } = shown(
      entry(ID, success(ID), {
        '61': { images: [VIDEO, { ...VIDEO, filename: 'b.webm', type: 'temp' }], text: ['ComfyUI_00001_.mp4'] },
        '9': { images: [{ filename: 'mine.png', subfolder: '', type: 'input' }] },
      }),
    )['slc_1_slc']!
    expect(prompt).toEqual([3, 'slc_1_slc', graph(), { client_id: 'me', create_time: 1000 }, ['61']])
    const images = (outputs as Record<string, { images: { filename: string }[] }>)['61']!.images
    expect(images.map(({ filename }) => filename)).toEqual(['slc_1_slc.mp4', 'slc_2_slc.webm'])
    expect(sealedPaths).toEqual([
      `/view?type=output&subfolder=video&filename=ComfyUI_00001_.mp4#${ID}`,
      `/view?type=temp&subfolder=video&filename=b.webm#${ID}`,
    ])
    expect(JSON.stringify(outputs)).toContain('mine.png')
    expect(JSON.stringify(status)).not.toContain(ID)
  })

  test('what only its client wrote gets no name that leads to a file', () => {
    const answer = entry(ID, success(ID))
    answer[ID]!.prompt[3] = { outputs: [VIDEO], output: VIDEO, note: `${UPSTREAM}/x` } as never
    answer[ID]!.prompt[2] = { '1': { inputs: VIDEO }, output_path: { outputs: [VIDEO] } } as never
    expect(shown(answer)['slc_1_slc']!['prompt']).toEqual([3, 'slc_1_slc', ...answer[ID]!.prompt.slice(2)])
    const job = { id: ID, outputs: {}, workflow: { prompt: {}, extra_data: { outputs: [VIDEO] } } }
    expect(shown(job)).toMatchObject({ workflow: job.workflow })
  })

  test('an input is named for its owner, with its folder', () => {
    const input = (subfolder: string, ids: [string, string][]) =>
      comfyui.translate(JSON.stringify({ name: 'a.png', subfolder, type: 'input' }), translation(new Map(ids)))
    expect(comfyui.readIds({ name: 'a.png', subfolder: '', type: 'input' })).toEqual(['a.png'])
    expect(comfyui.readIds({ name: 'a.png', subfolder: 'b', type: 'input' })).toEqual(['b/a.png'])
    expect(comfyui.readIds({ name: 'a.png', subfolder: 'b', type: 'output' })).toEqual([])
    expect(input('b', [['b/a.png', 'slc_1_slc']])).toBe('{"name":"slc_1_slc","subfolder":"","type":"input"}')
    expect(input('b', [])).toBe('{"name":"a.png","subfolder":"b","type":"input"}')
  })

  test('the newer list of jobs names its files alike', () => {
    sealedPaths.length = 0
    const job = { id: ID, outputs: { '61': { images: [VIDEO] } }, preview_output: { ...VIDEO, nodeId: '61' } }
    const own = shown(job, { prefix: '/api' })
    expect([own['id'], own['preview_output']!['filename']]).toEqual(['slc_1_slc', 'slc_2_slc.mp4'])
    expect(sealedPaths[0]).toMatch(/^\/api\/view\?/)
  })

  test('an error keeps the names of files, and so does an answer that is nobody’s', () => {
    const job = { id: ID, outputs: { '61': { images: [VIDEO] } } }
    expect(shown(job, { isError: true })['outputs']).toEqual(job.outputs)
    const { ids } = translation()
    expect(comfyui.translate(JSON.stringify(job), { ...translation(), ids })).toBe(JSON.stringify(job))
  })

  test('files under a name of a megabyte cost what others do', () => {
    const files = Array.from({ length: 6000 }, () => VIDEO)
    const cost = (name: string) => () =>
      void comfyui.translate(JSON.stringify({ [ID]: { outputs: { [name]: files } } }), {
        ...translation(new Map([[ID, 'slc_1_slc']])),
        fileUrl: () => '/slc_1_slc/file.mp4',
      })
    expectNoDearer(cost('n'.repeat(1_000_000)), cost('61'), 'an answer')
  })

  test('an id is replaced where it stands once, and what stands around it stays', () => {
    const by = translation(new Map([[ID, 'slc_1_slc']]))
    const text = `{"type": "progress", "data": {"value": 1.0, "prompt_id" : "${ID}"}}`
    expect(comfyui.translate(text, by)).toBe(text.replace(ID, 'slc_1_slc'))
    const noted = `{"note":"${ID}","data":{"prompt_id":"x","url":"${UPSTREAM}/history/${ID}"}}`
    expect(comfyui.translate(noted, by)).toBe(
      `{"note":"slc_1_slc","data":{"prompt_id":"x","url":"${GATEWAY}/history/slc_1_slc"}}`,
    )
  })

  test('messages of the socket are translated by the same rules', () => {
    const message = { type: 'executed', data: { node: '61', prompt_id: ID, output: { images: [VIDEO] } } }
    expect(shown(message)['data']).toMatchObject({
      prompt_id: 'slc_1_slc',
      output: { images: [{ filename: expect.stringMatching(/^slc_\d+_slc\.mp4$/) as unknown }] },
    })
    expect(shown({ type: 'status', data: { sid: 'slc-0123456789ab-me' } })['data']).toEqual({ sid: 'me' })
  })

  test('a job that nobody is asked for reads like one in its state', () => {
    const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: GATEWAY, submittedAt: 7 }
    const read = (outcome: 'ok' | 'job_failed') => {
      const body = comfyui.placeholder({ ...job, end: { outcome, at: 9 } })
      return comfyui.readJob({ status: 200, headers: new Headers(), body, job: 'slc_1_slc' })?.status
    }
    expect(comfyui.placeholder({ ...job, end: null })).toEqual({})
    expect([read('ok'), read('job_failed')]).toEqual(['succeeded', 'failed'])
  })
})

describe('lists', () => {
  const list = comfyui.list!
  const at = (path: string) => new URL(GATEWAY + path)
  const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: GATEWAY, submittedAt: 7, end: null }

  test('a history holds the newest last', () => {
    expect(Object.keys(list.answer([{ b: 1 }, {}, { a: 1 }], true, at('/history')) as object)).toEqual(['a', 'b'])
    expect(list.ofKnown!(at('/api/history'))).toBeNull()
    expect(list.query(new URLSearchParams('max_items=3'))).toEqual({ limit: 3, after: null, order: 'desc' })
    expect(list.query(new URLSearchParams('max_items=3&offset=3'))).toMatchObject({ limit: 3, order: 'asc', skip: 3 })
    expect(Object.keys(list.answer([{ b: 1 }, { a: 1 }], true, at('/history?offset=0')) as object)).toEqual(['b', 'a'])
    expect(list.query(new URLSearchParams('max_items=-1')).limit).toBe(100)
  })

  test('the queue holds what goes on', () => {
    const show = list.ofKnown!(at('/queue'))!
    const jobs = [show(job), show({ ...job, end: { outcome: 'ok', at: 9 } })]
    expect(list.answer(jobs, false, at('/queue'))).toEqual({
      queue_running: [],
      queue_pending: [[7, 'slc_1_slc', {}, { create_time: 7 }, []]],
    })
  })

  test('the newer list tells each one’s status', () => {
    const show = list.ofKnown!(at('/api/jobs'))!
    const jobs = [show(job), show({ ...job, end: { outcome: 'ok', at: 9 } })]
    expect(list.query(new URLSearchParams('limit=2&offset=4'))).toMatchObject({ limit: 2, order: 'desc', skip: 4 })
    expect(list.answer(jobs, true, at('/api/jobs?limit=2&offset=4'))).toMatchObject({
      pagination: { offset: 4, limit: 2, total: 7, has_more: true },
    })
    expect(list.answer(jobs, false, at('/api/jobs'))).toMatchObject({
      jobs: [
        { id: 'slc_1_slc', status: 'in_progress' },
        { status: 'completed', execution_end_time: 9 },
      ],
      pagination: { offset: 0, limit: 100, total: 2, has_more: false },
    })
  })
})
