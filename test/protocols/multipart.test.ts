import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SluiceError } from '../../src/core/errors.ts'
import { openMultipart } from '../../src/protocols/body/multipart.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const route = openaiVideos.route('POST', '/v1/videos')
const read = (bytes: Uint8Array<ArrayBuffer>, contentType = 'multipart/form-data; boundary=b') =>
  openaiVideos.readSubmission({ bytes, contentType, search: '' }, route)
const target = { jobIds: new Map<string, string>(), shadow: false }
const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value)

const refused: [string, string][] = [
  ['no parts at all', 'no parts here'],
  ['an empty body', ''],
  ['only the closing boundary', '--b--\r\n'],
  ['no closing boundary', field('prompt', 'x')],
  ['two models', `${field('model', 'a')}${field('model', 'b')}--b--`],
  ['a part without a name', `${part('content-disposition: form-data', 'x')}--b--`],
  ['a part without headers', '--b\r\n\r\nx\r\n--b--'],
  ['a part without a blank line', '--b\r\ncontent-disposition: form-data; name="a"\r\n--b--'],
  ['a part of nothing', '--b\r\n--b--'],
  ['an extended name', `${part("content-disposition: form-data; name=a; name*=utf-8''model", 'x')}--b--`],
  [
    'two dispositions',
    `${part('content-disposition: form-data; name=a\r\ncontent-disposition: form-data; name=model', 'x')}--b--`,
  ],
  ['a name twice', `${part('content-disposition: form-data; name=a; name=model', 'x')}--b--`],
  ['a folded header', `${part('content-disposition: form-data;\r\n name=a', 'x')}--b--`],
  ['bare line feeds', '--b\ncontent-disposition: form-data; name="a"\n\nx\n--b--\n'],
  ['an open quote', `${part('content-disposition: form-data; name="a', 'x')}--b--`],
]
test.each(refused)('%s is refused', (_, body) => {
  expect(() => read(bytesOf(body))).toThrow(
    expect.objectContaining({ code: 'malformed_body', status: 400, details: [expect.anything()] }),
  )
})

test('a text field that is not UTF-8 is refused, and a file may hold anything', () => {
  const withBytes = (head: string) =>
    Buffer.concat([Buffer.from(`--b\r\n${head}\r\n\r\n`), Buffer.from([0xff, 0xfe]), Buffer.from('\r\n--b--')])
  const open = (head: string) => read(new Uint8Array(withBytes(head)))
  expect(() => open('content-disposition: form-data; name=prompt')).toThrow(/prompt is not valid UTF-8/)
  expect(open('content-disposition: form-data; name=model; filename=""').model).toBeNull()
})

test('no boundary, two of them, or an impossible one is refused', () => {
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=b; boundary=c',
    `multipart/form-data; boundary=${'x'.repeat(71)}`,
  ]) {
    expect(() => read(bytesOf(`${field('model', 'a')}--b--`), type)).toThrow(
      expect.objectContaining({ code: 'malformed_body' }),
    )
  }
})

describe('what senders are free to do is read', () => {
  test.each<[string, string]>([
    ['a preamble and an epilogue', `preamble --b\r\n${field('model', 'a')}--b--\r\nepilogue\r\n--b\r\n`],
    ['no line end after the closing boundary', `${field('model', 'a')}--b--`],
    ['blanks after a boundary', `--b \t\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--b--`],
    ['other letter case', part('CONTENT-disposition:form-data;NAME="model"', 'a') + '--b--'],
    ['an unquoted name', part('content-disposition: form-data; name=model', 'a') + '--b--'],
    [
      'more headers',
      part('content-type: text/plain\r\ncontent-disposition: form-data; name="model"\r\nx-y: z', 'a') + '--b--',
    ],
    [
      'a file that calls itself model',
      part('content-disposition: form-data; name="model"; filename="m"', 'z') + field('model', 'a') + '--b--',
    ],
    [
      'dashes that only look like a boundary',
      field('prompt', '\r\n--bc\r\n--b-\r\n-- b') + field('model', 'a') + '--b--',
    ],
  ])('%s', (_, body) => {
    const submission = read(bytesOf(body))
    expect(submission.model).toBe('a')
    const { bytes } = submission.rebuild({ ...target, model: 'wan2.2' })
    expect(new TextDecoder().decode(bytes)).toBe(body.replace(/\r\n\r\na\r\n/, '\r\n\r\nwan2.2\r\n'))
  })

  test('names with escaped quotes and in any script', () => {
    const body = openMultipart(bytesOf(`${field('a\\"b\\\\c', '1')}${field('提示词', '2')}--b--`), 'b')
    expect(body.fields.map(({ name, value }) => [name, value])).toEqual([
      ['a"b\\c', '1'],
      ['提示词', '2'],
    ])
  })
})

test('a part whose value changes tells no length of its own any more', () => {
  const model = (head: string, value: string) => part(`${head}content-disposition: form-data; name="model"`, value)
  const rebuilt = (body: string) =>
    new TextDecoder().decode(read(bytesOf(body)).rebuild({ ...target, model: 'wan2.2' }).bytes)
  for (const line of ['Content-Length: 1\r\n', 'content-length : 1\r\n', 'X-A: b\r\nCONTENT-LENGTH:1\r\n']) {
    const kept = line.startsWith('X') ? 'X-A: b\r\n' : ''
    expect(rebuilt(`${model(line, 'a')}${field('prompt', 'x')}--b--`)).toBe(
      `${model(kept, 'wan2.2')}${field('prompt', 'x')}--b--`,
    )
  }
  const same = `${model('Content-Length: 6\r\n', 'wan2.2')}--b--`
  expect(rebuilt(same)).toBe(same)
})

test('a retry with another boundary and other header noise has the same fingerprint', () => {
  const first = read(bytesOf(`${field('prompt', 'x')}${field('model', 'a')}--b--`))
  const again = `--other\r\ncontent-disposition:form-data;name=prompt\r\n\r\nx\r\n--other\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--other--\r\n`
  expect(read(bytesOf(again), 'multipart/form-data; boundary=other').fingerprint).toBe(first.fingerprint)
  expect(read(bytesOf(`${field('prompt', 'xa')}${field('model', '')}--b--`)).fingerprint).not.toBe(first.fingerprint)
})

/** Bodies as the platform's own encoder writes them, with text, files and a model somewhere. */
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((s) => s.toWellFormed())
const value = fc.oneof(
  text.map((string) => ({ text: string })),
  fc
    .tuple(fc.uint8Array({ maxLength: 60 }), text)
    .map(([bytes, filename]) => ({ bytes: new Uint8Array(bytes), filename })),
  fc.constantFrom('\r\n--', '--\r\n', '\r\n\r\n', '------formdata').map((string) => ({ text: string })),
)
const forms = fc.record({
  before: fc.array(fc.tuple(text, value), { maxLength: 4 }),
  after: fc.array(fc.tuple(text, value), { maxLength: 4 }),
})
type Fields = [string, { text: string } | { bytes: Uint8Array<ArrayBuffer>; filename: string }][]

async function encoded(fields: Fields): Promise<{ bytes: Uint8Array<ArrayBuffer>; contentType: string }> {
  const form = new FormData()
  for (const [name, item] of fields) {
    if ('text' in item) form.append(name, item.text)
    else form.append(name, new File([item.bytes], item.filename, { type: 'video/mp4' }))
  }
  const response = new Response(form)
  return {
    bytes: new Uint8Array(await response.arrayBuffer()),
    contentType: response.headers.get('content-type') ?? '',
  }
}

async function decoded(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<unknown[]> {
  const form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData()
  return Promise.all(
    [...form].map(async ([name, item]) =>
      typeof item === 'string'
        ? [name, item]
        : [name, item.name, item.type, Buffer.from(await item.arrayBuffer()).toString('hex')],
    ),
  )
}

test('rebuilding changes the model alone, in any form that the platform encodes', async () => {
  await fc.assert(
    fc.asyncProperty(forms, text, text, async ({ before, after }, from, to) => {
      const others = ([name]: [string, unknown]) => name !== 'model'
      const withModel = (model: string): Fields => [
        ...before.filter(others),
        ['model', { text: model }],
        ...after.filter(others),
      ]
      const { bytes, contentType } = await encoded(withModel(from))
      const submission = read(bytes, contentType)
      const original = await decoded(bytes, contentType)
      const rebuilt = submission.rebuild({ ...target, model: to })
      expect(rebuilt.contentType).toBe(contentType)
      const expected = original.map((entry) => ((entry as string[])[0] === 'model' ? ['model', to] : entry))
      expect(await decoded(rebuilt.bytes, contentType)).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})

test('a body cut off anywhere is refused, or reads as the whole did', async () => {
  const { bytes, contentType } = await encoded([
    ['prompt', { text: '红狐🦊 in "snow"' }],
    ['model', { text: 'wan-t2v' }],
    ['input_reference', { bytes: new Uint8Array([13, 10, 45, 45, 0, 255]), filename: 'ö".png' }],
  ])
  const whole = read(bytes, contentType)
  let readable = 0
  for (let length = 0; length < bytes.length; length++) {
    try {
      const cut = read(bytes.slice(0, length), contentType)
      expect(cut.fingerprint, `cut at ${length}`).toBe(whole.fingerprint)
      readable++
    } catch (error) {
      expect(error, `cut at ${length}`).toBeInstanceOf(SluiceError)
    }
  }
  expect(readable).toBeLessThanOrEqual(2)
})
