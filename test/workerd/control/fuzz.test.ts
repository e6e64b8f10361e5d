/**
 * Whatever is sent to the control plane has a typed answer, and the configuration stays readable behind it. Bodies,
 * queries and headers are drawn from what breaks such entry points, against the real objects.
 */
import { exports } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { anyText } from '../../support/any-text.ts'

const PATH = '/_sluice/api/v1/releases/wan22'
const RUNS = { numRuns: 150, seed: 20_261_128 }

interface Sent {
  method: string
  path: string
  body?: string
  headers?: Record<string, string>
}

async function send({ method, path, body, headers = {} }: Sent): Promise<{ status: number; text: string }> {
  const worker = (exports as unknown as { default: Fetcher }).default
  const answer = await worker.fetch(`http://127.0.0.1${path}`, {
    method,
    redirect: 'manual',
    headers: { authorization: 'Bearer token-of-admin', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** A good answer, or the one shape of errors with a status that blames the request. */
async function typed(sent: Sent): Promise<void> {
  const { status, text } = await send(sent)
  expect(status, `${sent.method} ${sent.path} ${sent.body}: ${text}`).toBeLessThan(500)
  if (status >= 400)
    expect(JSON.parse(text)).toMatchObject({ error: { code: expect.any(String), request_id: expect.any(String) } })
  const config = await send({ method: 'GET', path: `${PATH}/config` })
  expect(config.status, `after ${sent.body}: ${config.text}`).toBe(200)
}

const word = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '',
    '.',
    '..',
    'action',
    'reason',
  ),
  fc.constantFrom(
    'ladder',
    'bake',
    'min_jobs',
    'advance',
    'shadow',
    'rules',
    'guardrails',
    'experiment',
    'sample',
    'exclude',
  ),
  fc.constantFrom(
    'when',
    'subject',
    'arm',
    'metric',
    'max',
    'percent',
    'from',
    'to',
    'error_rate',
    'control',
    'overlay',
  ),
  anyText({ maxLength: 5 }),
)
const leaf = fc.oneof(
  word,
  fc.constantFrom('30m', 'soon', '2026-02-30T00:00:00Z', '2026-12-24T00:00:00Z', 'auto', '1e999', '\ud800'),
  fc.constantFrom(0, -0, 1, -1, 0.5, 1e308, 1e-308, Number.MAX_SAFE_INTEGER, null, true, false),
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.array(fc.tuple(word, tie('tree')), { maxLength: 4 }).map((entries) => ({ entries })),
  ),
}))

/** JSON text of a tree; an object literal can't hold every key, nor the same one twice. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const { entries } = value as { entries: [string, unknown][] }
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${textOf(inner)}`).join(',')}}`
}

const object = fc.array(fc.tuple(word, tree), { maxLength: 5 }).map((entries) => textOf({ entries }))
const deep = fc.integer({ min: 1, max: 9000 }).map((n) => `{"rules":${'['.repeat(n)}${']'.repeat(n)}}`)
const body = fc.oneof({ weight: 6, arbitrary: object }, deep, tree.map(textOf), anyText({ maxLength: 30 }))

afterAll(() => send({ method: 'DELETE', path: `${PATH}/config` }))

it('changes of the configuration', async () => {
  await fc.assert(
    fc.asyncProperty(body, (text) => typed({ method: 'PATCH', path: `${PATH}/config`, body: text })),
    RUNS,
  )
})

it('actions, drafts, views, events and signals', async () => {
  const entryPoints = fc.constantFrom<readonly [string, string]>(
    ['POST', `${PATH}/actions`],
    ['PUT', `${PATH}/config/draft`],
    ['PUT', `${PATH}/views`],
    ['POST', '/_sluice/api/v1/events'],
    ['POST', '/_sluice/api/v1/signals'],
  )
  await fc.assert(
    fc.asyncProperty(entryPoints, body, ([method, path], text) => typed({ method, path, body: text })),
    RUNS,
  )
})

it('queries and header values', async () => {
  const path = fc.constantFrom(
    `${PATH}/counters`,
    `${PATH}/history`,
    `${PATH}/jobs`,
    `${PATH}/pairs`,
    '/_sluice/api/v1/assign',
  )
  const key = fc.oneof(
    word,
    fc.constantFrom('from', 'to', 'step', 'cursor', 'limit', 'arm', 'status', 'release', 'subject'),
  )
  const query = fc.array(fc.tuple(key, fc.oneof(word, leaf.map(String))), { maxLength: 4 })
  const value = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  const header = fc.constantFrom(
    'if-match',
    'x-request-id',
    'cookie',
    'accept',
    'accept-language',
    'last-event-id',
    'origin',
  )
  await fc.assert(
    fc.asyncProperty(path, query, header, value, (to, pairs, name, text) => {
      const search = pairs
        .map((pair) => pair.map((part) => encodeURIComponent(part.toWellFormed())).join('='))
        .join('&')
      return typed({ method: 'GET', path: `${to}?${search}`, headers: { [name]: text } })
    }),
    RUNS,
  )
})
