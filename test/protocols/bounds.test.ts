/** How much a body or an answer may hold, and that what holds more costs no more than its length. */
import { describe, expect, test } from 'vitest'
import type { SluiceError } from '../../src/core/errors.ts'
import { answerJson } from '../../src/protocols/answer-json.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { expectNoDearer } from '../support/cost.ts'
import { repeated } from '../support/odd-texts.ts'
import {
  answered,
  commas,
  form,
  json,
  members,
  MILLION,
  multipart,
  nested,
  part,
  type Sent,
  sent,
  submitted,
  textPart,
} from './whole-way.ts'

describe('what is out of bounds is 400 before anything is built of it', () => {
  test.each<[string, RegExp, () => Sent]>([
    [
      '240 KB of JSON text nested 8,000 deep, in a form',
      /nests deeper than 100 levels/,
      () => sent('multipart', [['x', nested(8000, 30_000)]]),
    ],
    ['the same in urlencoded', /nests deeper than 100 levels/, () => sent('urlencoded', [['x', nested(8000, 10_000)]])],
    [
      'the same as a string in JSON',
      /nests deeper than 100 levels/,
      () => sent('json', [['x', JSON.stringify(nested(8000, 30_000))]]),
    ],
    [
      '60 levels that hold 60 levels as text',
      /nests deeper than 100 levels/,
      () => json(`{"x":${'['.repeat(60)}${JSON.stringify(nested(60, 1))}${']'.repeat(60)}}`),
    ],
    [
      'text in text in text in text',
      /holds JSON as text in text in text/,
      () =>
        json(
          `{"x":${Array.from({ length: 12 }).reduce<string>((text) => JSON.stringify(`[${text}]`), `["slc",${commas('1', 30_000)}]`)}}`,
        ),
    ],
    ['10 MB of a&a&…', /has more than 1000 fields/, () => form('a&'.repeat(5 * MILLION))],
    ['1,001 parts', /has more than 1000 fields/, () => multipart(`${textPart('a', '').repeat(1001)}--b--`)],
    ['1,001 members', /has more than 1000 fields/, () => json(`{${members(1001)}}`)],
    ['a million members', /has more than 10000 members/, () => json(`{${members(MILLION)}}`)],
    [
      '10,001 members of many objects',
      /has more than 10000 members/,
      () => json(`{"a":[${commas('{"a":1,"b":2}', 5001)}]}`),
    ],
    [
      '10,001 members in text',
      /has more than 10000 members/,
      () => sent('multipart', [['x', `{"id":"slc",${members(10_001)}}`]]),
    ],
    [
      '10,001 members in many texts',
      /has more than 10000 members/,
      () =>
        sent(
          'multipart',
          Array.from({ length: 11 }, (_, i) => [`x${i}`, `{"id":"slc",${members(1000)}}`]),
        ),
    ],
    ['a million elements', /has more than 100000 values/, () => json(`{"a":[${commas('1', MILLION)}]}`)],
    ['a million empty objects', /has more than 100000 values/, () => json(`{"a":[${commas('{}', MILLION)}]}`)],
    [
      'a part’s name of 9 MB',
      /part 1 has headers of more than 16384 bytes/,
      () => multipart(`${textPart('a'.repeat(9 * MILLION), 'x')}--b--`),
    ],
    [
      'a file’s name of 9 MB',
      /part 1 has headers of more than 16384 bytes/,
      () =>
        multipart(
          `${part(`content-disposition: form-data; name="a"; filename="${'a'.repeat(9 * MILLION)}"`, 'x')}--b--`,
        ),
    ],
    [
      '33 headers',
      /part 1 has more than 32 headers/,
      () => multipart(`${part(`content-disposition: form-data; name=a${'\r\na: b'.repeat(32)}`, 'x')}--b--`),
    ],
    [
      'a part’s name of 1,001 characters',
      /has a name of more than 1000 characters/,
      () => multipart(`${textPart('a'.repeat(1001), 'x')}--b--`),
    ],
    ['a member’s name of 1 MB', /has a name of more than 1000 characters/, () => json(`{"${'a'.repeat(MILLION)}":1}`)],
    [
      'a field’s name of 10 MB, all brackets',
      /has a name of more than 1000 characters/,
      () => form(`${'[a]'.repeat(3 * MILLION)}=1`),
    ],
    [
      'a model’s name of 1,001 characters',
      /model has more than 1000 characters/,
      () => json(`{"model":"${'a'.repeat(1001)}"}`),
    ],
  ])('%s', (_, message, make) => {
    const body = make()
    let refusal = null as SluiceError | null
    expectNoDearer(
      () => (refusal = submitted(body)),
      () => submitted(json(JSON.stringify({ prompt: repeated('x', body.bytes.length) }))),
      'a refusal',
    )
    expect(refusal).toMatchObject({ code: 'malformed_body', status: 400 })
    expect(refusal?.message).toMatch(message)
    expect(refusal?.message.length, 'the refusal repeats nothing long').toBeLessThan(200)
  })
})

describe('just within bounds is read', () => {
  test.each<[string, () => Sent]>([
    ['1,000 fields', () => form('a&'.repeat(1000))],
    ['1,000 parts', () => multipart(`${textPart('a', '').repeat(1000)}--b--`)],
    ['1,000 members on top, 10,000 in all', () => json(`{${members(1000, `{${members(9)}}`)}}`)],
    ['90,000 numbers', () => json(`{"a":[${commas('0.5', 90_000)}]}`)],
    ['100 levels', () => json(`{"x":${'['.repeat(99)}${']'.repeat(99)}}`)],
    [
      '32 headers',
      () => multipart(`${part(`content-disposition: form-data; name=a${'\r\na: b'.repeat(31)}`, 'x')}--b--`),
    ],
    [
      '16 KB of headers',
      () => multipart(`${part(`content-disposition: form-data; name=a; filename="${'a'.repeat(16_300)}"`, 'x')}--b--`),
    ],
    ['a prompt of 10 MB', () => json(JSON.stringify({ prompt: 'x'.repeat(10 * MILLION) }))],
    [
      'a file of 10 MB that is all line ends',
      () => multipart(`${part('content-disposition: form-data; name=a; filename=b', '\r\n'.repeat(5 * MILLION))}--b--`),
    ],
    [
      'JSON text in JSON text in a field',
      () => sent('multipart', [['x', JSON.stringify({ y: JSON.stringify({ id: 'slc_a_slc' }) })]]),
    ],
  ])('%s', (_, make) => {
    expect(submitted(make())).toBeNull()
  })
})

describe('an answer out of bounds is read as words, and shows no job and no id of the backend', () => {
  test.each<[string, string]>([
    ['a million members', `{"id":"video_gen_77","status":"queued",${members(MILLION / 4)}}`],
    ['a million elements', `{"id":"video_gen_77","status":"queued","a":[${commas('1', MILLION)}]}`],
    ['100,000 levels', `{"id":"video_gen_77","status":"queued","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('%s', (_, text) => {
    expect(openaiVideos.readJob({ status: 200, headers: new Headers(), body: answerJson(text), job: null })).toBeNull()
    const ordinary = JSON.stringify({ id: 'video_gen_77', note: repeated('x ', text.length) })
    let shown = ''
    expectNoDearer(
      () => (shown = answered(text)),
      () => answered(ordinary),
      'an answer',
    )
    expect(shown).toBe(text.replace('video_gen_77', 'slc_A_slc'))
  })
})
