/** What a body or an answer costs grows with its length alone: odd ones are read or refused, for what plain ones cost. */
import * as fc from 'fast-check'
import { describe, test } from 'vitest'
import { cases } from '../support/property-cases.ts'
import { expectNoDearer } from '../support/cost.ts'
import { oddText, repeated } from '../support/odd-texts.ts'
import { GATEWAY, UPSTREAM } from './contract.ts'
import { allJobWires } from './declared.ts'
import {
  answered,
  commas,
  type Encoding,
  type Fields,
  MILLION,
  multipart,
  part,
  PATHS,
  plain,
  type Sent,
  sent,
  submitted,
} from './whole-way.ts'

const SIZE = 48 * 1024

const short = fc.constantFrom(
  'x',
  'video',
  'video[id]',
  'nvext',
  'extra_body',
  'model',
  'prompt',
  'image',
  'metadata[a]',
)
const odd = oddText(SIZE)
const fields = fc
  .tuple(fc.oneof({ weight: 3, arbitrary: short }, odd), odd, fc.constantFrom(1, 1, 1, 50, 2000))
  .map(([name, value, times]): Fields =>
    // Many of them, each with its share of the length.
    Array.from({ length: times }, (_, i) => [
      times === 1 ? name : `${name.slice(0, 200)}${i}`,
      value.slice(0, SIZE / times),
    ]),
  )

describe('any body is read or refused, and is no dearer than ten plain ones of its length', () => {
  test.each<Encoding>(['json', 'multipart', 'urlencoded'])('%s', (encoding) => {
    fc.assert(
      fc.property(fields, fc.boolean(), fc.constantFrom(...PATHS), (given, isText, path) => {
        // In JSON the odd text stands as it is, for what it is worth, or as a string.
        const values = given.map(
          ([name, value]) => [name, encoding === 'json' && isText ? JSON.stringify(value) : value] as const,
        )
        const body = sent(encoding, values)
        const ordinary = plain(encoding, body)
        expectNoDearer(
          () => submitted(body, path),
          () => submitted(ordinary, path),
          encoding,
        )
      }),
      cases(60),
    )
  })

  test('bytes of any kind between boundaries', () => {
    fc.assert(
      fc.property(odd, odd, (head, value) => {
        const body = multipart(`${part(head, value)}--b--`)
        expectNoDearer(
          () => submitted(body),
          () => submitted(plain('multipart', body)),
          'multipart',
        )
      }),
      cases(40),
    )
  })
})

test('any answer is translated, and is no dearer than ten plain ones of its length', () => {
  const job = fc
    .tuple(fc.constantFrom('note', 'url', 'error', 'output'), odd, fc.boolean())
    .map(([name, value, isText]) => {
      const shown = isText ? JSON.stringify(value) : value
      return `{"id":"video_gen_77","status":"queued","${name}":${shown}}`
    })
  fc.assert(
    fc.property(fc.oneof(job, odd), (text) => {
      const ordinary = JSON.stringify({ id: 'video_gen_77', status: 'queued', note: repeated('x ', text.length) })
      expectNoDearer(
        () => answered(text),
        () => answered(ordinary),
        'an answer',
      )
    }),
    cases(100),
  )
})

test.each(allJobWires())(
  'any path of %s has a route, and any id is looked at, for what a plain one costs',
  (_, wire) => {
    const { path } = wire.pollCall({ upstreamId: 'ID', prefix: '/acme/film', model: null })
    const routed = (id: string) =>
      wire
        .route(
          'GET',
          path.replace('ID', () => id),
        )
        .upstreamPath('a')
    fc.assert(
      fc.property(odd, (text) => {
        const ordinary = repeated('x', text.length)
        expectNoDearer(
          () => routed(text),
          () => routed(ordinary),
          'a path',
        )
      }),
      cases(30),
    )
  },
)

test('any content type is taken or refused, for what a plain one costs', () => {
  const types = fc.constantFrom(
    'multipart/form-data; ',
    'multipart/form-data; boundary="',
    'application/json; charset=',
    '',
  )
  fc.assert(
    fc.property(types, oddText(16 * 1024), (start, rest) => {
      const { bytes } = sent('json', [['prompt', '"x"']])
      expectNoDearer(
        () => submitted({ bytes, contentType: start + rest }),
        () => submitted({ bytes, contentType: `text/${repeated('x', rest.length)}` }),
        'a content type',
      )
    }),
    cases(40),
  )
})

describe('a copy for the shadow is no dearer than ten plain ones', () => {
  test.each<[string, Sent]>([
    ['a brace and 100,000 letters', sent('multipart', [['x', `{${'a'.repeat(100_000)}`]])],
    [
      'a list of stores under a name of 200,000 letters',
      sent('multipart', [['x', `{"${'aB'.repeat(100_000)}":[${commas('"s3://a"', 30_000)}]}`]]),
    ],
    ['words, each before a thousand blanks', sent('multipart', [['x', `{${`a"${' '.repeat(1000)}`.repeat(200)}`]])],
    [
      'lists of stores, 90 deep',
      sent('json', [['x', `${'{"abc":'.repeat(90)}[${commas('"s3://a"', 50_000)}]${'}'.repeat(90)}`]]),
    ],
  ])('%s', (_, body) => {
    expectNoDearer(
      () => submitted(body),
      () => submitted(plain('multipart', body)),
      'a copy',
    )
  })
})

describe('an answer’s cost does not depend on what stands around a value', () => {
  test.each<[string, string]>([
    [
      'strings 150 levels deep',
      `{"id":"video_gen_77","status":"queued","a":${'{"abc":'.repeat(150)}[${commas('"x"', 100_000)}]${'}'.repeat(150)}}`,
    ],
    [
      'plain ids under a name of 1 MB',
      `{"id":"12","status":"queued","${'n'.repeat(MILLION)}":[${commas('"12"', 100_000)}]}`,
    ],
    ['a URL of 1 MB', JSON.stringify({ id: 'video_gen_77', url: `${UPSTREAM}/${'a'.repeat(MILLION)}` })],
    [
      'a URL of 1 MB of ours, all slashes',
      JSON.stringify({ id: 'video_gen_77', url: `${GATEWAY}${'/a'.repeat(MILLION / 2)}` }),
    ],
    ['/v1/videos a million times', JSON.stringify({ id: 'video_gen_77', url: '/v1/videos'.repeat(MILLION / 4) })],
    [
      'ids that begin alike, in dots',
      JSON.stringify({
        data: Array.from({ length: 90 }, (_, i) => ({ id: `${'.'.repeat(400)}${i}` })),
        note: '.'.repeat(MILLION),
      }),
    ],
    [
      'ids of two pieces that begin alike',
      JSON.stringify({
        data: Array.from({ length: 90 }, (_, i) => ({ id: `${'a'.repeat(400)}.${i}` })),
        note: `${'a'.repeat(400)}.x `.repeat(2000),
      }),
    ],
    ['words of two letters', JSON.stringify({ id: 'video_gen_77', note: 'a.'.repeat(MILLION) })],
    ['a word of 1 MB, joined by dots', JSON.stringify({ id: 'a.b', status: 'queued', note: 'a.'.repeat(MILLION / 2) })],
  ])('%s', (_, text) => {
    // With a URL in it, since without one it is not read at all.
    const ordinary = JSON.stringify({ id: 'video_gen_77', url: `${UPSTREAM}/x`, note: repeated('x ', text.length) })
    expectNoDearer(
      () => answered(text),
      () => answered(ordinary),
      'an answer',
    )
  })
})
