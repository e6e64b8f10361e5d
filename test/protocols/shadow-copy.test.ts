import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'

const FORM = 'multipart/form-data; boundary=b'
const multipart = (fields: Record<string, string>) =>
  `${Object.entries(fields)
    .map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--b--\r\n`

function copyOf(body: string, contentType = 'application/json', path = '/v1/videos', ids: [string, string][] = []) {
  const bytes = new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>
  const submission = openaiVideos.readSubmission({ bytes, contentType, search: '' }, openaiVideos.route('POST', path))
  return Buffer.from(submission.rebuild({ model: 'n', jobIds: new Map(ids), shadow: true }).bytes).toString()
}

const LOST = [
  ...['webhook', 'WebHook_URL', 'callback_url', 'completion_callback', 'notify', 'NotificationUrl', 'hook_url'],
  ...['hookUrl', 'bucket', 's3_bucket', 'upload_url', 'presigned_put', 'storage', 'output_storage_type'],
  ...['OSS_key', 's3_key', 'gcs_prefix', 'azure_account', 'output_dir', 'output_path', 'save_result_path'],
  ...['output_uri', 'output_gcs_uri', 'response_url', 'destination', 'save_to', 'push_url', 'on_complete', 'push'],
  ...['completion_endpoint', 'pushUrl', 'status_urls', 'output_video_url', 'put_video_url', 'generated_image_uri'],
  ...['bucket_name', 'bucketName', 'OSSBucket', 'ossbucket', 'video_bucket', 'storage_options', 'uploadurl', 'upload'],
  ...['upload_to', 'video_upload_url', 'upload_video_url', 'storage_video_url', 'presigned_video_url', 'endpoint'],
  ...['upload_result_image', 'output_image_bucket', 'endpoint_url', 'destinations', 'my_bucket_id'],
  ...['resultUrl', 'save_file', 'user', 'User_ID', 'safety_identifier', 'metadata'],
]
const KEPT = [
  ...['users', 'user_prompt', 'loss_fn', 'output_format', 'result', 'saved', 'meta', 'hook', 'model_s3_x', 'seed'],
  ...[
    'input_reference',
    'num_frames',
    'image_url',
    'file_path',
    'video_url',
    'audio_url',
    'input_url',
    'reference_uri',
  ],
  ...[
    'motion_bucket_id',
    'motionBucketId',
    'aspect_ratio_bucket',
    'size_bucket',
    'bucket_resolution',
    'min_bucket_size',
  ],
  ...['storage_image_url', 'upload_image', 'uploadImage', 'upload_video', 'endpoint_frame', 'upload_first_frame'],
  ...['reference_video_bucket', 'input_bucket', 'presigned_image_url', 'audio_upload_url', 'upload_mask', 'bucketing'],
  ...[
    'uploaded_video_url',
    'endpointing',
    'mask_url',
    'first_frame_url',
    'lastFrameUrl',
    'end_image_urls',
    'lora_url',
    'url',
    'uri',
    'push_in',
    'curl',
  ],
]

describe('names of what a copy leaves out', () => {
  test.each(LOST)('%s', (name) => {
    const member = `"${name}":{"a":1}`
    expect(copyOf(`{${member},"seed":1.0}`)).toBe('{"seed":1.0}')
    expect(copyOf(`{"a":[{"b":{"c":1e2 , ${member}}}]}`)).toBe('{"a":[{"b":{"c":1e2}}]}')
    expect(copyOf(multipart({ [name]: 'x', seed: '1' }), FORM)).toBe(multipart({ seed: '1' }))
    expect(copyOf(multipart({ [`nvext[${name}]`]: 'x', seed: '1' }), FORM)).toBe(multipart({ seed: '1' }))
    expect(copyOf(multipart({ nvext: `{"a":[{${member}}, 1.0]}` }), FORM)).toBe(multipart({ nvext: '{"a":[{}, 1.0]}' }))
  })
  test.each(KEPT)('not %s', (name) => {
    const body = `{ "${name}" : 1.0,"x":{"${name}":"\\u0061"}}`
    expect(copyOf(body)).toBe(body)
    const form = multipart({ [name]: 'x', extra_params: body })
    expect(copyOf(form, FORM)).toBe(form)
  })
})

describe('places in stores', () => {
  test.each(['s3', 'gs', 'AZ', 'oss', 'abfss', 'sftp'])('%s:// goes unless it is an input', (scheme) => {
    const place = `${scheme}://bucket/a`
    expect(copyOf(`{"where":"${place}","seed":1.0,"x":{"y":["${place}"],"url":"${place}"}}`)).toBe(
      '{"seed":1.0,"x":{"y":[]}}',
    )
    expect(copyOf(multipart({ where: place, seed: '1' }), FORM)).toBe(multipart({ seed: '1' }))
    const inputs = `{"image":"${place}","video":{"url":"${place}"},"loras":["${place}"],"prompt":"${place}"}`
    expect(copyOf(inputs)).toBe(inputs)
    const form = multipart({ input_reference: place, 'image[uri]': place, extra_body: inputs })
    expect(copyOf(form, FORM)).toBe(form)
  })
  test('the web is none', () => {
    const body = '{"where":"https://s3.example/s3://a","size":"s3"}'
    expect(copyOf(body)).toBe(body)
  })
})

describe('JSON held as text', () => {
  test('is read in strings of JSON, in lists and in urlencoded forms', () => {
    expect(copyOf('{"extra_params":"{\\"webhook\\":1, \\"a\\":\\"\\u00e9\\"}"}')).toBe(
      '{"extra_params":"{\\"a\\":\\"é\\"}"}',
    )
    expect(copyOf(multipart({ hooks: ' [{"webhook":1},[{"user":2,"b":3.0}]]' }), FORM)).toBe(
      multipart({ hooks: ' [{},[{"b":3.0}]]' }),
    )
    const encoded = `seed=1&nvext=${encodeURIComponent('{"a":"{\\"user\\":1}","b":2}')}`
    expect(decodeURIComponent(copyOf(encoded, 'application/x-www-form-urlencoded'))).toBe(
      'seed=1&nvext={"a":"{}","b":2}',
    )
  })
  test('hides nothing behind a repeated or an escaped name', () => {
    expect(copyOf(multipart({ extra_body: '{"user":1,"user":2,"a":3,"a":4,"w\\u0065bhook":5}' }), FORM)).toBe(
      multipart({ extra_body: '{"a":3,"a":4}' }),
    )
  })
  test('that cannot be read is emptied where it names such a field, and else stays', () => {
    for (const text of ['{"webhook":1,}', '{"a":NaN,"user":1}', "{'upload_url': 'u'}"]) {
      expect(copyOf(multipart({ extra_body: text }), FORM), text.slice(0, 20)).toBe(multipart({ extra_body: '{}' }))
    }
    const harmless = multipart({ style: '[noir] 1:1', extra: '{"a":NaN}' })
    expect(copyOf(harmless, FORM)).toBe(harmless)
  })
  test('is read in files that hold nothing else, and not in media', () => {
    const file = (value: string) =>
      `--b\r\nContent-Disposition: form-data; name="nvext"; filename="blob"\r\nContent-Length: ${value.length}\r\nX: y\r\n\r\n${value}\r\n--b--`
    expect(copyOf(file('{"webhook":1, "a":1.0}'), FORM)).toBe(file('{"a":1.0}').replace('Content-Length: 9\r\n', ''))
    for (const media of [`{"webhook":1,"a":"${'x'.repeat(70_000)}"}`, '\0{"webhook":1}'])
      expect(copyOf(file(media), FORM)).toBe(file(media))
  })
  test('is not looked for in prompts', () => {
    const prompt = '{"user":"a fox","metadata":{}}'
    const body = JSON.stringify({ prompt, nvext: { negative_prompt: prompt } })
    expect(copyOf(body)).toBe(body)
    expect(copyOf(multipart({ prompt }), FORM)).toBe(multipart({ prompt }))
  })
})

test('a reference and a model that hold such text are changed once', () => {
  const body = '{"model":"{\\"user\\":1}","video":{"user":1,"id":"tagged"},"user":2}'
  expect(copyOf(body, 'application/json', '/v1/videos/edits', [['tagged', 'native']])).toBe(
    '{"model":"n","video":{"id":"native"}}',
  )
})

test('a copy of any JSON body is what taking the members out of the parsed body gives', () => {
  const names = fc.constantFrom('webhook', 'user', 'a', 'b', 'é"', 'metadata')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.integer(), fc.constantFrom('x', '', ',}]"\\'), tie('array'), tie('object')),
    array: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  }))
  const without = (from: unknown): unknown => {
    if (Array.isArray(from)) return from.map(without)
    if (from === null || typeof from !== 'object') return from
    return Object.fromEntries(
      Object.entries(from).flatMap(([k, v]) => (/^(webhook|user|metadata)$/.test(k) ? [] : [[k, without(v)]])),
    )
  }
  fc.assert(
    fc.property(fc.dictionary(names, value, { maxKeys: 4 }), fc.constantFrom(0, 2), (body, indent) => {
      expect(JSON.parse(copyOf(JSON.stringify(body, null, indent)))).toEqual(without(body))
    }),
  )
})
