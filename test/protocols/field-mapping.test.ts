/** Fields of a submit as an arm takes them: renamed, set, clamped, and nothing else touched. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mappingEntries, mappingOf } from '../../src/config/mapping-schema.ts'
import { openBody } from '../../src/protocols/body/open.ts'
import { mapFields } from '../../src/protocols/submission/field-mapping.ts'
import { rebuildForArm } from '../../src/protocols/submission/for-arm.ts'
import { expectNoDearer } from '../support/cost.ts'
import { multipart, read } from './submits.ts'
import * as v from 'valibot'

type Written = v.InferInput<ReturnType<typeof tableOf>>
const tableOf = () => v.object(mappingEntries)

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'multipart/form-data; boundary=b0undary'
const ENCODED_TYPE = 'application/x-www-form-urlencoded'

function mapped(body: string, written: Written, contentType = JSON_TYPE, forShadow = false): string {
  const bytes = new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>
  const mapping = mappingOf(v.parse(tableOf(), written))!
  return Buffer.from(mapFields(openBody(bytes, contentType), mapping, forShadow)).toString()
}

describe('a JSON body', () => {
  test.each<[what: string, written: Written, body: string, expected: string]>([
    [
      'a field gets its other name where it stands',
      { rename: { num_frames: 'frames' } },
      '{ "num_frames" : 81.0 , "a":1}',
      '{ "frames" : 81.0 , "a":1}',
    ],
    [
      'a field within another, too',
      { rename: { 'input.num_frames': 'input.frames' } },
      '{"input":{ "num_frames":8e1},"a":[1.0]}',
      '{"input":{ "frames":8e1},"a":[1.0]}',
    ],
    [
      'a field that goes elsewhere takes its value along',
      { rename: { 'input.size': 'parameters.resolution' } },
      '{"input":{"prompt":"x","size":"a\\u0062"},"parameters":{"n":1}}',
      '{"input":{"prompt":"x"},"parameters":{"resolution":"ab","n":1}}',
    ],
    [
      'where nothing is, an object is made for it',
      { rename: { size: 'parameters.resolution' } },
      '{"size":[1, 2]}',
      '{"parameters":{"resolution":[1, 2]}}',
    ],
    ['what the client has sent under the other name stays', { rename: { a: 'b' } }, '{"a":1,"b":2}', '{"b":2}'],
    ['what the client left out is not made up', { rename: { a: 'b' }, clamp: { c: { max: 1 } } }, '{"d":1}', '{"d":1}'],
    ['a value is put in place of the client’s', { set: { steps: 4 } }, '{"steps": 50 ,"a":1}', '{"steps": 4 ,"a":1}'],
    [
      'or in front of what is there',
      { set: { steps: 4, lora: 'fast', turbo: true, sizes: [1, 'b'] } },
      '{ "a":1}',
      '{"steps":4,"lora":"fast","turbo":true,"sizes":[1,"b"], "a":1}',
    ],
    ['into an empty body', { set: { steps: 4 } }, '{}', '{"steps":4}'],
    ['in place of all that was there', { rename: { a: 'c.d' }, set: { b: 1 } }, '{"a":2}', '{"c":{"d":2},"b":1}'],
    [
      'several go into one new object',
      { set: { 'input.a': 1, 'input.b.c': 2, 'input.b.d': '3' } },
      '{"x":0}',
      '{"input":{"b":{"d":"3","c":2},"a":1},"x":0}',
    ],
    ['and into one that was null', { set: { 'input.a': 1 } }, '{"input":null}', '{"input":{"a":1}}'],
    ['nor is anything moved there', { rename: { a: 'b.c' } }, '{"a":1,"b":[2]}', '{"a":1,"b":[2]}'],
    ['what holds no fields gets none', { set: { 'input.a': 1 } }, '{"input":"text"}', '{"input":"text"}'],
    [
      'a number above is brought down',
      { clamp: { 'input.num_frames': { min: 17, max: 81 } } },
      '{"input":{"num_frames":161}}',
      '{"input":{"num_frames":81}}',
    ],
    [
      'one below is brought up, as the text that it is',
      { clamp: { seconds: { min: 4 } } },
      '{"seconds":"2"}',
      '{"seconds":"4"}',
    ],
    ['one within stays as it is written', { clamp: { n: { min: 1, max: 9 } } }, '{"n":5.00}', '{"n":5.00}'],
    [
      'what is no number is left alone',
      { clamp: { a: { max: 1 }, b: { max: 1 }, c: { max: 1 } } },
      '{"a":"long","b":null,"c":[9]}',
      '{"a":"long","b":null,"c":[9]}',
    ],
    [
      'renamed first, then set, then clamped',
      { rename: { frames: 'n' }, set: { m: 9 }, clamp: { n: { max: 3 }, m: { max: 4 }, frames: { max: 1 } } },
      '{"frames":7}',
      '{"m":4,"n":3}',
    ],
    [
      'a graph’s node is reached by its number',
      { set: { 'prompt.6.inputs.steps': 4 } },
      '{"prompt":{"6":{"inputs":{"steps":20,"cfg":1.0}}}}',
      '{"prompt":{"6":{"inputs":{"steps":4,"cfg":1.0}}}}',
    ],
  ])('%s', (_, written, body, expected) => {
    expect(mapped(body, written)).toBe(expected)
  })
})

describe('a form', () => {
  test('a multipart body’s parts are renamed, set and clamped, files and odd headers as they are', () => {
    const file =
      '--b0undary\r\nContent-Type: image/png\r\ncontent-disposition: form-data; filename="a; name=x"; name="image"\r\n\r\n\u0000PNG\r\n'
    const body = file + multipart({ num_frames: '161', fps: '16', steps: '50' })
    const written = {
      rename: { num_frames: 'frames', image: 'input_reference' },
      set: { steps: 4, seed: 7 },
      clamp: { frames: { max: 81 } },
    }
    const seed = '--b0undary\r\nContent-Disposition: form-data; name="seed"\r\n\r\n7\r\n'
    const renamed = file.replace('name="image"', 'name="input_reference"')
    expect(mapped(body, written, FORM_TYPE)).toBe(seed + renamed + multipart({ frames: '81', fps: '16', steps: '4' }))
  })

  test('a field within another is one in brackets, or in the JSON that a field holds', () => {
    const written = { set: { 'extra_params.steps': 4, 'lora.scale': 1 }, rename: { num_frames: 'extra_params.frames' } }
    const fields = { num_frames: '81', extra_params: '{"a": 1}', 'lora[name]': 'x' }
    expect(mapped(multipart(fields), written, FORM_TYPE)).toBe(
      multipart({ 'lora[scale]': '1', extra_params: '{"frames":"81","steps":4,"a": 1}', 'lora[name]': 'x' }),
    )
    expect(mapped(multipart({ a: '1' }), { set: { 'extra_params.steps': 4 } }, FORM_TYPE)).toBe(
      multipart({ extra_params: '{"steps":4}', a: '1' }),
    )
  })

  test('an urlencoded body’s pairs are', () => {
    const written = { rename: { a: 'b' }, set: { c: 'x y&', d: 1 }, clamp: { b: { max: 2 } } }
    expect(mapped('a=3&e=%20+&c', written, ENCODED_TYPE)).toBe('d=1&b=2&e=%20+&c=x%20y%26')
  })

  test('a text never ends the part that it is put into', () => {
    const body = JSON.stringify({ t: '\r\n--b0undary\r\nContent-Disposition: form-data; name="n"\r\n\r\n9' })
    expect(mapped(multipart({ j: body, n: '1' }), { rename: { 'j.t': 't' } }, FORM_TYPE)).toBe(
      multipart({ j: '{}', n: '1' }),
    )
  })
})

describe('a shadow’s copy', () => {
  test('gets the arm’s fields, but none that acts for its client', () => {
    const written = { rename: { note: 'webhook_url', n: 'frames' }, set: { user: 'me', store: 's3://b/k', steps: 4 } }
    const body = '{"note":"https://u.example","n":1}'
    expect(mapped(body, written, JSON_TYPE, true)).toBe('{"steps":4,"frames":1}')
    expect(mapped(body, written)).toBe(
      '{"user":"me","store":"s3://b/k","steps":4,"webhook_url":"https://u.example","frames":1}',
    )
  })
})

describe('a submit for an arm', () => {
  const mapping = mappingOf({ set: { steps: 4 } })
  const AS_SENT = { model: null, mapping: null, encoding: 'as_sent' } as const

  test('is fingerprinted as its client sent it, and read the same for either arm', () => {
    const submission = read('{"model":"m","prompt":"x"}')
    const before = submission.fingerprint
    const target = { jobIds: new Map<string, string>(), shadow: false }
    const { bytes, path } = rebuildForArm(submission, { ...AS_SENT, model: 'n', mapping }, target)
    expect([Buffer.from(bytes).toString(), path]).toEqual(['{"steps":4,"model":"n","prompt":"x"}', '/v1/videos'])
    expect([submission.fingerprint, read('{"model":"m","prompt":"x"}').fingerprint]).toEqual([before, before])
  })

  test('in JSON becomes the form that says the same, for an arm that reads forms only', async () => {
    const json =
      '{"model":"m","prompt":"红狐\\r\\n--x","seconds":"4","guidance_scale":5.0,"seed":null,"lora":{ "a":[1] },"turbo":true,"a\\"b":1}'
    const arm = { model: 'n', mapping, encoding: 'multipart' } as const
    const target = { jobIds: new Map<string, string>(), shadow: false }
    const { bytes, contentType } = rebuildForArm(read(json), arm, target)
    const form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData()
    expect([...form]).toEqual([
      ['steps', '4'],
      ['model', 'n'],
      ['prompt', '红狐\r\n--x'],
      ['seconds', '4'],
      ['guidance_scale', '5.0'],
      ['lora', '{ "a":[1] }'],
      ['turbo', 'true'],
      ['a"b', '1'],
    ])
    // What is written so is read again as what it was.
    expect(read(Buffer.from(bytes).toString(), contentType)).toMatchObject({ model: 'n', durationSeconds: 4 })
    const sent = multipart({ prompt: 'x' })
    const asForm = rebuildForArm(read(sent, FORM_TYPE), { ...AS_SENT, encoding: 'multipart' }, target)
    expect([Buffer.from(asForm.bytes).toString(), asForm.contentType]).toEqual([sent, FORM_TYPE])
  })

  test('without fields of its own is not read again', () => {
    const submission = read('{"model":"m"}')
    const target = { jobIds: new Map<string, string>(), shadow: false }
    const { bytes } = submission.rebuild({ ...target, model: null })
    expect(rebuildForArm(submission, { ...AS_SENT, mapping: mappingOf({}) }, target).bytes).toBe(bytes)
  })
})

describe('any body', () => {
  const written: Written = {
    rename: { a: 'b', 'c.d': 'e', f: 'g.h' },
    set: { i: 1, 'j.k': 'x' },
    clamp: { 'l.m': { min: 0, max: 1 } },
  }
  const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'l', 'm')
  const bodies = fc.dictionary(names, fc.oneof(fc.jsonValue(), fc.dictionary(names, fc.jsonValue())))

  test('stays JSON that says the same of all other fields', () => {
    fc.assert(
      fc.property(bodies, fc.constantFrom(0, 2), (body, indent) => {
        const shown = JSON.parse(mapped(JSON.stringify(body, null, indent), written)) as Record<string, unknown>
        expect(shown['i']).toBe(1)
        const untouched = new Set(['b', 'd', 'h', 'k', 'm'])
        for (const [name, value] of Object.entries(JSON.parse(JSON.stringify(body)) as object))
          if (untouched.has(name)) expect(shown[name]).toEqual(value)
        expect(shown).not.toHaveProperty('a')
        if ('a' in body && !('b' in body)) expect(JSON.stringify(shown['b'])).toBe(JSON.stringify(body['a']))
      }),
    )
  })

  test('is mapped once: a second time nothing changes', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const once = mapped(JSON.stringify(body), { set: written.set!, clamp: written.clamp! })
        expect(mapped(once, { set: written.set!, clamp: written.clamp! })).toBe(once)
      }),
    )
  })

  test('costs no more for many fields, or for deep ones', () => {
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`f${i}`, { a: i }])))
    const deep = `{"c":${'{"d":'.repeat(90)}1${'}'.repeat(90)}}`
    const plain = (length: number) => JSON.stringify({ prompt: 'x'.repeat(length) })
    const rename = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}.a`, `f${i}.b`]))
    const act = (body: string) => () => void mapped(body, { ...written, rename })
    for (const odd of [many, deep]) expectNoDearer(act(odd), act(plain(odd.length)), 'fields of an arm')
  })
})
