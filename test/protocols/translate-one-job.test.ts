/** An answer about one job says the same whether its addresses were worked out for this job or for any. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cases } from '../support/property-cases.ts'
import { GATEWAY, translation, UPSTREAM } from './contract.ts'
import { allJobWires, declaredWire } from './declared.ts'

const OWN = 'slc_QUJDREVGR0hJSktMTU5P_slc'
const ids = fc.constantFrom(
  '9c83a80d-ea2d-41c1-beaa-7ea95f070a45',
  'srr8ytni575re67h8ntzpr5b8e',
  'video_gen_0123456789',
)
const NAMED_BY_CODE = declaredWire({
  submit: '/jobs',
  poll: '/jobs/{id}',
  id: 'code',
  statuses: { queued: 'a', running: 'b', succeeded: 'c', failed: 'd' },
})

const hosts = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(UPSTREAM, UPSTREAM, 'http://ID.test') },
  fc.constantFrom(
    ...['', UPSTREAM.toUpperCase(), `${UPSTREAM}/base`, GATEWAY, 'https://replicate.delivery'],
    ...['//10.0.0.7:8000', 'https://queue.fal.run', 'http://10.0.0.7:80000', 'x', ' ', 'see ', 'data:', 'file://'],
  ),
)
const paths = fc.constantFrom(
  ...['/v1/videos/ID', '/v1/videos/ID/content', '/v1/predictions/ID/cancel', '/p/ID', '/fal-ai/wan/requests/ID/status'],
  ...[
    '/api/v1/videos/ID',
    '/v2/wan21endpoint/status/ID',
    '/v1/tasks/ID/result',
    '/history/ID',
    '/out/ID.mp4',
    '/ID/ID',
  ],
  ...['/v1/videos/xID', '/v1/videos/ID?u=/v1/videos/ID', '/v1//videos/ID', '/v1/videos%2FID', '/ID/webhook', 'ID', ''],
  ...['/a?next=http://10.0.0.7:8000/ID/webhook', '/a?next=http%3A%2F%2F10.0.0.7%3A8000%2FID%2Fwebhook', '/ID#ID'],
  ...['/v1/videos/ID.', '/v1/videos/video_gen_9/ID', '/v1/videos/ID\nmore', '/jobs/ID', '/v1/models'],
  ...['/v1/videos/any-job-0000000000-of-its-client?ID', '/v1/videos/ID/any-job-0000000000-at-its-backend'],
)
const words = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(hosts, paths).map((pieces) => pieces.join('')) },
  fc.constantFrom('ID', 'IDx', 'job ID is queued', 'IN_QUEUE', 'wan-video/wan', 'a?b#c', '100%', '\\'),
)
/** One word wherever it may stand, so that a place which is read otherwise tells. */
const answers = fc.tuple(words, words).map(([word, other]) => ({
  ...{ id: 'ID', status: word, code: word, prompt: word, note: word, ID: word, 'a/b': word, output_path: word },
  ...{
    urls: { get: word, web: other },
    output: word,
    video: { url: word },
    video_url: word,
    list: [other, word, word],
  },
}))

test.each([...allJobWires(), ['declared with an odd id', NAMED_BY_CODE] as const])(
  '%s reads an answer with one long id as one with another id besides',
  (_, wire) => {
    fc.assert(
      fc.property(
        answers,
        ids,
        fc.record({
          isError: fc.boolean(),
          upstreamOrigin: fc.constantFrom(UPSTREAM, `${UPSTREAM}/base`, 'http://ID.test'),
          prefix: fc.constantFrom('', '/n', '/fal-ai/wan', '/v2/wan'),
        }),
        (shape, id, { upstreamOrigin, ...more }) => {
          const text = JSON.stringify(shape).replaceAll('ID', id)
          const by = (...known: [string, string][]) => ({
            ...{ ...translation(new Map(known)), ...more, upstreamOrigin: upstreamOrigin.replace('ID', id) },
            fileUrl: (path: string) => `/sealed${path}`,
            webhookOf: (url: string) => (url === `${UPSTREAM}/${id}/webhook` ? 'https://client.test/hook' : null),
          })
          // The second stands nowhere, so that every string is read in full.
          const inFull = wire.translate(text, by([id, OWN], ['video_gen_00', 'slc_B_slc']))
          expect(wire.translate(text, by([id, OWN]))).toBe(inFull)
        },
      ),
      cases(300),
    )
  },
)
