/** What every wire protocol must do, whatever it speaks. Each adapter's own test adds what is peculiar to it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pathSegment } from '../support/any-text.ts'
import type { JobProtocol, Protocol, Route } from '../../src/protocols/protocol.ts'
import type { Translation } from '../../src/protocols/translate-string.ts'

export interface Situation {
  protocol: JobProtocol
  /** A submit that this wire accepts, naming `model` as its model, or where it names none as its prompt. */
  submit: (model: string) => { method: string; path: string; body: string; contentType: string }
  /** Two names that a model of this wire may have. */
  models?: readonly [string, string]
  /** A server has one model, and no submit names it. */
  namesNoModel?: boolean
  /** What a backend answers for a job of this id, in each phase. */
  jobs?: (id: string) => { running: unknown; succeeded: unknown; failed: unknown }
  /** Whether an answer about a job repeats its id in every phase. */
  answersNameJob?: boolean
  /** What may stand before a job's paths. */
  prefixes?: readonly string[]
}

const OPERATIONS = ['submit', 'poll', 'content', 'cancel', 'list', 'sync', 'other']

/** What holds for wires without jobs as well. */
export function describeRoutes(protocol: Protocol): void {
  describe(`routes of ${protocol.name}`, () => {
    test('any method and path has a route, and nothing throws', () => {
      const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'FOO')
      const segment = fc.oneof(
        fc.constantFrom(
          'v1',
          'videos',
          'api',
          'content',
          'sync',
          'remix',
          'characters',
          'tasks',
          'models',
          'predictions',
          '',
          '%',
          '%zz',
          '..',
        ),
        pathSegment,
      )
      const paths = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`)
      fc.assert(
        fc.property(methods, paths, fc.string({ minLength: 1 }), (method, path, id) => {
          const route = protocol.route(method, path)
          expect(OPERATIONS).toContain(route.operation)
          const upstream = route.upstreamPath(id)
          expect(upstream.startsWith('/')).toBe(true)
          if (route.job === null) expect(route.upstreamPath(id)).toBe(route.upstreamPath(null))
          if (method === 'GET' || method === 'HEAD') expect(route.body).toBe('none')
        }),
      )
    })
  })
}

export function describeProtocol(situation: Situation): void {
  const { protocol } = situation
  describeRoutes(protocol)
  describe(`the contract of ${protocol.name}`, () => {
    test('no answer is taken for a job that is none', () => {
      for (const body of [
        null,
        undefined,
        '',
        'text',
        7,
        [],
        {},
        { id: 7, status: 'queued' },
        { error: { code: 404 } },
      ]) {
        for (const status of [200, 404, 500])
          expect(protocol.readJob({ status, headers: new Headers(), body, job: null })).toBeNull()
      }
      fc.assert(
        fc.property(fc.jsonValue(), (body) => {
          const backendJob = protocol.readJob({ status: 200, headers: new Headers(), body, job: null })
          if (backendJob) expect(backendJob.id.length).toBeGreaterThan(0)
        }),
      )
    })

    test('what is posted to a webhook is read without throwing, and no job is found where none is named', () => {
      fc.assert(
        fc.property(fc.jsonValue(), (body) => {
          const backendJob = protocol.readWebhook?.(body) ?? null
          if (backendJob) expect(protocol.readIds(body)).toContain(backendJob.id)
        }),
      )
      for (const body of [undefined, null, '', 7, [], {}]) expect(protocol.readWebhook?.(body) ?? null).toBeNull()
    })

    test('ids are read from any answer without throwing, each once and none empty', () => {
      fc.assert(
        fc.property(fc.jsonValue(), (body) => {
          const ids = protocol.readIds(body)
          expect(new Set(ids).size).toBe(ids.length)
          expect(ids).not.toContain('')
        }),
      )
    })

    test('an answer in which nothing is to change comes back as the very same text, whatever it holds', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.json(),
            fc.string(),
            fc.jsonValue().map((value) => JSON.stringify(value, null, 2)),
          ),
          (text) => {
            fc.pre(!/file:|_paths?"/.test(text))
            expect(protocol.translate(text, translation())).toBe(text)
          },
        ),
      )
    })

    test('JSON stays JSON when it is translated, and only what is an id changes', () => {
      const value = fc.jsonValue().map((rest) => ({ a1: 'a1', rest, list: ['a1', 1.0] }))
      fc.assert(
        fc.property(value, fc.constantFrom(0, 3), (body, indent) => {
          fc.pre(!/file:|_paths?"|[/%]|\ba1\b/.test(JSON.stringify(body.rest)))
          const shown = protocol.translate(JSON.stringify(body, null, indent), translation(new Map([['a1', 'B"\n']])))
          const id = 'B"\n'
          expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify({ [id]: id, rest: body.rest, list: [id, 1] })))
        }),
      )
    })

    test('a hostile key in an answer pollutes no prototype', () => {
      const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
      expect(protocol.translate(text, translation())).toBe(text)
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    })

    describeSubmits(situation)
    if (situation.jobs) describeJobs({ ...situation, jobs: situation.jobs })
  })
}

function describeSubmits({
  protocol,
  submit,
  models: [model, other] = ['wan-t2v', 'wan2.2-t2v-a14b'],
  namesNoModel = false,
}: Situation): void {
  const read = (model: string) => {
    const { method, path, body, contentType } = submit(model)
    const bytes = new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>
    const route = protocol.route(method, path)
    return { bytes, path, route, submission: protocol.readSubmission({ bytes, contentType, search: '' }, route) }
  }

  test('a submit is read, and names its model', () => {
    const { route, submission } = read(model)
    expect(route).toMatchObject({ operation: 'submit', body: 'submission' } satisfies Partial<Route>)
    expect(submission.model).toBe(namesNoModel ? null : model)
  })

  test('a submit with nothing to change is passed on as the very same bytes', () => {
    const { bytes, path, submission } = read(model)
    for (const same of [null, model]) {
      const rebuilt = submission.rebuild({ model: same, jobIds: new Map(), shadow: false })
      expect(rebuilt.bytes).toBe(bytes)
      expect(rebuilt.path).toBe(path)
    }
  })

  test('a submit rebuilt for an arm reads like one that named the arm’s model', () => {
    const { submission } = read(model)
    const rebuilt = submission.rebuild({ model: other, jobIds: new Map(), shadow: false })
    const like = submit(namesNoModel ? model : other)
    expect(Buffer.from(rebuilt.bytes).toString()).toBe(like.body)
    expect(rebuilt.path).toBe(like.path)
  })

  test('equal submits have equal fingerprints, and others have not', () => {
    expect(read(model).submission.fingerprint).toBe(read(model).submission.fingerprint)
    expect(read(model).submission.fingerprint).not.toBe(read(other).submission.fingerprint)
    expect(read(model).submission.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })
}

function describeJobs({
  protocol,
  jobs,
  answersNameJob = true,
  prefixes = ['', '/n', '/two/deep'],
}: Situation & Required<Pick<Situation, 'jobs'>>): void {
  const read = (body: unknown) =>
    protocol.readJob({ status: 200, headers: new Headers(), body, job: answersNameJob ? null : 'job-1' })
  test('a job is recognised in each phase of its life', () => {
    const { running, succeeded, failed } = jobs('job-1')
    expect(read(running)).toMatchObject({ id: 'job-1', status: 'running', failure: null })
    expect(read(succeeded)).toMatchObject({ id: 'job-1', status: 'succeeded', failure: null })
    expect(read(failed)).toMatchObject({ id: 'job-1', status: 'failed' })
    expect(read(failed)?.failure).not.toBeNull()
    if (answersNameJob) for (const job of [running, succeeded, failed]) expect(protocol.readIds(job)).toContain('job-1')
  })

  test('a translated job shows the client’s id and no trace of the backend’s', () => {
    const answer = JSON.stringify(jobs('job-1').succeeded)
    const shown = protocol.translate(answer, translation(new Map([['job-1', 'tagged-1']])))
    if (answersNameJob) expect(read(JSON.parse(shown))?.id).toBe('tagged-1')
    expect(shown).not.toContain('job-1')
    expect(shown).not.toContain(UPSTREAM)
  })

  test.each(prefixes)('the ledger’s own calls are about that job, where it is: %j', (prefix) => {
    const job = 'a/b c'
    const address = { upstreamId: job, prefix, model: null }
    const { method, path } = protocol.pollCall(address)
    expect(protocol.route(method, path)).toMatchObject({ operation: 'poll', job, prefix })
    const content = protocol.contentCall?.(address)
    if (content) {
      expect(protocol.route(content.method, content.path)).toMatchObject({ operation: 'content', job, prefix })
    }
    const cancel = protocol.cancelCall?.(address)
    if (cancel?.body !== undefined) {
      const way = protocol.route(cancel.method, cancel.path)
      expect(way).toMatchObject({ operation: 'cancel', body: 'jobs', prefix })
      const bytes = new TextEncoder().encode(cancel.body) as Uint8Array<ArrayBuffer>
      expect(protocol.readNamedJobs?.({ bytes, contentType: null, search: '' }, way).jobs).toEqual([job])
    } else if (cancel) {
      expect(protocol.route(cancel.method, cancel.path)).toMatchObject({ operation: 'cancel', job, prefix })
    }
  })
}

export const UPSTREAM = 'http://10.0.0.7:8000'
export const GATEWAY = 'https://video.example'

export function translation(ids: ReadonlyMap<string, string> = new Map()): Translation {
  return { ids, upstreamOrigin: UPSTREAM, gatewayOrigin: GATEWAY, prefix: '' }
}
