/**
 * Answers of any kind, for all adapters of the list and for declared wires: nothing is thrown, no status is invented,
 * and what need not change stays as it is.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cases } from '../support/property-cases.ts'
import { answerJson, isObject, isResourceId } from '../../src/protocols/answer-json.ts'
import type { BackendJob } from '../../src/protocols/protocol.ts'
import { GATEWAY, translation } from './contract.ts'
import { allJobWires } from './declared.ts'

type Ended = Extract<BackendJob['status'], 'ended' | 'succeeded' | 'failed' | 'cancelled'>

/** What a wire documents of its answers. */
interface Documented {
  /** The words by which it says that a job is over; other words, and none, say that it is not. */
  words: Partial<Record<Ended, readonly string[]>>
  /** What clients read in place of a word that the wire doesn't know; else they read that word. */
  unknown?: string
  /** Letters of either case are the same word. */
  anyCase?: boolean
  /** Where such a word stands. */
  at: (body: Members, job: string | null) => unknown[]
  /** An answer about a job under way, with nothing in it that must change but its id. */
  running: (id: string) => object
  /** One about a job that is over by this word, with all that the wire tells of it. */
  over: (id: string, word: string) => object
}

type Members = Record<string, unknown>

const membersOf = (value: unknown): Members => (value !== null && typeof value === 'object' ? (value as Members) : {})

/** What a backend has to say may be a whole trace. */
const LONG = 'out of memory '.repeat(50)

const DOCUMENTED: Record<string, Documented> = {
  'openai-videos': {
    words: {
      succeeded: ['completed', 'succeeded'],
      failed: ['failed', 'error', 'expired'],
      cancelled: ['cancelled', 'canceled', 'deleted'],
    },
    anyCase: true,
    unknown: 'in_progress',
    at: ({ status }) => [status],
    running: (id) => ({ id, object: 'video', status: 'in_progress', progress: 40 }),
    over: (id, status) => ({
      ...{ id, status, created_at: 1, completed_at: 9, inference_time_s: 3.5 },
      error: { code: 'server_error', message: LONG },
    }),
  },
  fal: {
    words: { ended: ['COMPLETED'] },
    at: ({ status }) => [status],
    running: (id) => ({ status: 'IN_PROGRESS', request_id: id, logs: null }),
    over: (id, status) => ({ status, request_id: id, metrics: { inference_time: 3.5 }, detail: LONG, error_type: 'x' }),
  },
  dashscope: {
    words: { succeeded: ['SUCCEEDED'], failed: ['FAILED', 'UNKNOWN'], cancelled: ['CANCELED'] },
    at: ({ output }) => [membersOf(output)['task_status']],
    running: (id) => ({ request_id: 'r-1', output: { task_id: id, task_status: 'RUNNING' } }),
    over: (id, word) => ({
      request_id: 'r-1',
      output: {
        ...{ task_id: id, task_status: word, code: 'InternalError', message: LONG },
        ...{ submit_time: '2026-01-01 00:00:00.000', scheduled_time: '2026-01-01 00:00:01.000' },
        end_time: '2026-01-01 00:00:09.500',
      },
    }),
  },
  lightx2v: {
    // A failure that its worker tells after a cancel is one.
    words: { succeeded: ['completed'], failed: ['failed'], cancelled: ['cancelled', 'failed'] },
    at: ({ status, task_status: submitted }) => [status, submitted],
    running: (id) => ({ task_id: id, status: 'processing', error: null }),
    over: (id, status) => ({
      ...{ task_id: id, status, error: LONG, error_type: 'OutOfMemoryError', save_result_path: id },
      ...{ start_time: '2026-01-01T00:00:00.5', end_time: '2026-01-01T00:00:09.5' },
    }),
  },
  replicate: {
    // Its deadline came before it had started: the arm's fault, or its client's own wish.
    words: { succeeded: ['succeeded'], failed: ['failed', 'aborted'], cancelled: ['canceled', 'aborted'] },
    at: ({ status }) => [status],
    running: (id) => ({ id, status: 'processing', error: null, logs: '' }),
    over: (id, status) => ({
      ...{ id, status, error: LONG, metrics: { predict_time: 3.5, total_time: 4 }, output: null },
      ...{
        created_at: '2026-01-01T00:00:00Z',
        started_at: '2026-01-01T00:00:01Z',
        completed_at: '2026-01-01T00:00:09Z',
      },
    }),
  },
  runpod: {
    // Declared words are compared without regard to case.
    words: { succeeded: ['completed'], failed: ['failed', 'timed_out'], cancelled: ['cancelled'] },
    anyCase: true,
    at: ({ status }) => [status],
    running: (id) => ({ id, status: 'IN_PROGRESS', delayTime: 12 }),
    over: (id, status) => ({ id, status, error: LONG, delayTime: 1200, executionTime: 31_000, output: null }),
  },
  openrouter: {
    words: { succeeded: ['completed'], failed: ['failed', 'expired'], cancelled: ['cancelled'] },
    anyCase: true,
    at: ({ status }) => [status],
    running: (id) => ({ id, status: 'in_progress', usage: null }),
    over: (id, status) => ({ id, status, error: LONG, urls: ['https://files.test/a.mp4'] }),
  },
  comfyui: {
    // A history has jobs that are over only; one without a status has gone well.
    words: {
      succeeded: ['completed', 'success', 'in history'],
      failed: ['failed', 'error', 'execution_error'],
      cancelled: ['cancelled', 'canceled', 'execution_interrupted'],
    },
    at: (body, job) => [...strings(body), ...(job !== null && Object.hasOwn(body, job) ? ['in history'] : [])],
    running: (id) => ({ prompt_id: id, number: 1, node_errors: {} }),
    over: (id, word) => ({
      [id]: {
        outputs: {},
        status: {
          status_str: word,
          completed: true,
          messages: [
            ['execution_start', { timestamp: 1 }],
            ['execution_error', { timestamp: 9, exception_type: 'OutOfMemoryError', exception_message: LONG }],
          ],
        },
      },
    }),
  },
}

const WIRES = allJobWires()

const ID = 'job-7Qx_11'
const OWN = 'slc_A_slc'
const NAMES = [
  ...['id', 'task_id', 'request_id', 'prompt_id', 'status', 'task_status', 'status_str', 'output', 'outputs', 'error'],
  ...['code', 'message', 'detail', 'error_type', 'metrics', 'inference_time', 'predict_time', 'total_time', 'data'],
  ...['created_at', 'started_at', 'completed_at', 'submit_time', 'scheduled_time', 'start_time', 'end_time', 'created'],
  ...['create_time', 'execution_start_time', 'execution_end_time', 'execution_error', 'messages', 'stop_status'],
  ...['inference_time_s', 'completed', 'remixed_from_video_id', 'urls', 'get', 'prompt', 'video_url', 'file_path'],
  ...['__proto__', 'constructor', 'toString', ID],
]
/** Almost such a word. */
const ODD_WORDS = ['Completed', 'completed ', 'SUCCEEDED ', 'constructor', 'toString']
const WORDS = [
  ...Object.values(DOCUMENTED).flatMap(({ words }) => Object.values(words).flat()),
  ...ODD_WORDS,
  ...['SUCCESS', 'done', 'finished', 'ok', 'queued', 'pending', 'PENDING', 'RUNNING'],
  ...['constructor', '__proto__', 'toString', 'hasOwnProperty', '', ' ', '\u0000', '\ud800', 'Task cancelled', ID],
  ...['2026-01-01 00:00:00.000', '2025-12-31T23:59:59.5', 'DataInspectionFailed', 'success', 'execution_start'],
]

const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  // JSON has no infinity, but numbers that are read as one.
  fc.constantFrom(null, true, false, 0, -1, Infinity, -0, 1.5, 400, 500, '500'),
  fc.string({ maxLength: 8 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const { value: anyJson } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 3, arbitrary: scalar },
    fc.array(tie('value'), { maxLength: 3 }),
    {
      weight: 3,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 6 })
        // Not by a literal, which would take `__proto__` for something else.
        .map((members) => Object.fromEntries(members)),
    },
  ),
}))

/** An answer of the wire with up to two values in it in place of what belongs there, or beside it. */
function spoilt(body: object): fc.Arbitrary<unknown> {
  const place = fc.tuple(fc.constantFrom(...pathsOf(body)), fc.option(fc.constantFrom(...NAMES), { freq: 2 }))
  const change = fc.tuple(place, fc.oneof(fc.constant(null), scalar, anyJson))
  return fc.array(change, { maxLength: 2 }).map((changes) =>
    changes.reduce<unknown>((whole, [[path, beside], value]) => {
      const at = beside === null ? path : [...path.slice(0, -1), beside]
      return replaced(whole, at, value)
    }, body),
  )
}

/** As bytes arrive: anything, and JSON with a byte of it changed, decoded as the gateway does. */
function decoded(text: string): fc.Arbitrary<string> {
  const bytes = new TextEncoder().encode(text)
  const changed = fc
    .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(bytes.length))
    .map(([at, byte, end]) => bytes.with(at, byte).subarray(0, end))
  return fc.oneof(changed, fc.uint8Array({ maxLength: 64 })).map((sent) => new TextDecoder().decode(sent))
}

const LONG_WORD = 'a'.repeat(1_000_000)
const HUGE: [string, string][] = [
  ['nothing', ''],
  ['levels without end', '['.repeat(100_000)],
  ['closed levels', `${'{"output":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
  ['a million members', `{${Array.from({ length: 300_000 }, (_, i) => `"status${i}":1`).join(',')}}`],
  ['a word of a megabyte', JSON.stringify({ id: ID, task_id: ID, status: LONG_WORD })],
  ['an id of a megabyte', JSON.stringify({ id: 'b'.repeat(1_000_000), task_id: 'b'.repeat(1_000_000), status: 'x' })],
]

test('each wire of the list has its documented words here', () => {
  expect(WIRES.length).toBeGreaterThan(1)
  for (const [name] of WIRES) expect(Object.keys(DOCUMENTED)).toContain(name)
})

const WITH_WORDS = WIRES.filter(([name]) => Object.hasOwn(DOCUMENTED, name))
describe.each(WITH_WORDS)('any answer of %s', (name, wire) => {
  const documented = DOCUMENTED[name]!
  const running = documented.running(ID)
  const over = [...Object.values(documented.words).flat(), ...ODD_WORDS].map((word) =>
    spoilt(documented.over(ID, word)),
  )
  const bodies = fc.oneof(anyJson, spoilt(running), { weight: 3, arbitrary: fc.oneof(...over) })
  const asked = fc.constantFrom(null, ID, 'another')
  const statuses = fc.oneof({ weight: 4, arbitrary: fc.constant(200) }, fc.integer({ min: 100, max: 599 }))
  const headers = fc.dictionary(fc.constantFrom('x-fal-error-type', 'x-fal-request-timeout-type'), fc.string())

  test('is read without throwing, and no status in it is invented', () => {
    fc.assert(
      fc.property(statuses, bodies, asked, headers, (status, body, job, named) => {
        const answer = { status, headers: new Headers(tokens(named)), body, job }
        expectDocumented(documented, wire.readJob(answer), body, job)
        const result = wire.result?.read(answer)
        if (result) expectResult(result, status)
        expect([undefined, null, 'saturated', 'client_error', 'content_refused']).toContain(wire.submitError?.(answer))
        expect([undefined, null, 'taken', 'refused']).toContain(wire.cancelSays?.(answer))
        expect([undefined, true, false]).toContain(wire.cancelCheck?.goesOn(answer))
        expectDocumented(documented, wire.readWebhook?.(body) ?? null, body, job)
        expectDocumented(documented, wire.socket?.read(JSON.stringify(body)).backendJob ?? null, body, job)
        expectIds(wire.readIds(body), body)
      }),
      cases(300),
    )
  })

  test('is read without throwing where its bytes are odd, cut off or no text, and its translation too', () => {
    fc.assert(
      fc.property(decoded(JSON.stringify(running)), asked, (text, job) => {
        const body = answerJson(text)
        const answer = { status: 200, headers: new Headers(), body, job }
        expectDocumented(documented, wire.readJob(answer), body, job)
        wire.result?.read(answer)
        expectIds(wire.readIds(body), body)
        expect(wire.translate(text, translation())).toBe(asShown(documented, text))
      }),
    )
  })

  test.each(HUGE)('is none where it is %s', (_, text) => {
    const body = answerJson(text)
    for (const job of [null, ID]) {
      const answer = { status: 200, headers: new Headers(), body, job }
      expectDocumented(documented, wire.readJob(answer), body, job)
    }
    expectIds(wire.readIds(body), body)
    expect(wire.translate(text, translation()) === asShown(documented, text)).toBe(true)
  })

  test('keeps all of its bytes but the id’s, however it is written and wherever it is cut off', () => {
    const by = { ...translation(new Map([[ID, OWN]])), fileUrl: (path: string) => `/sealed${path}` }
    const text = JSON.stringify(running)
    fc.assert(
      fc.property(
        writtenJson,
        fc.boolean(),
        fc.nat(),
        fc.constantFrom('', ' ', '\r\n\t'),
        (more, isFirst, cut, space) => {
          const member = `${space}"more"${space}:${space}${more}`
          const whole = isFirst ? text.replace('{', () => `{${member},`) : `${text.slice(0, -1)},${member}}${space}`
          expect(wire.translate(whole, by)).toBe(whole.replace(ID, OWN))
          // What is cut inside the id has none any more.
          const piece = whole.slice(0, cut % whole.length)
          expect(wire.translate(piece, by)).toBe(piece.replace(ID, OWN))
        },
      ),
      cases(250),
    )
  })

  test('is listed without throwing, whatever it holds, and asked for in any words', () => {
    const url = fc.dictionary(fc.string(), fc.string()).map((query) => {
      const asking = new URL(`${GATEWAY}/list`)
      for (const [key, value] of Object.entries(query)) asking.searchParams.set(key, value)
      return asking
    })
    const numbers = fc.constantFrom('limit', 'page_no', 'page_size', 'after', 'cursor', 'max_items', 'offset')
    const values = fc.constantFrom('-1', '0', '1e9', 'NaN', '99999999999999999999', '1.5', '', ID)
    const words = fc.dictionary(numbers, values).map((query) => new URL(`${GATEWAY}/l?${new URLSearchParams(query)}`))
    fc.assert(
      fc.property(fc.array(bodies, { maxLength: 4 }), fc.boolean(), fc.oneof(url, words), (jobs, more, asking) => {
        if (!wire.list) return
        const { limit, skip = 0 } = wire.list.query(asking.searchParams)
        expect(Number.isInteger(limit) && limit >= 1 && limit <= 1000 && Number.isInteger(skip) && skip >= 0).toBe(true)
        expect(() => JSON.stringify(wire.list!.answer(jobs, more, asking))).not.toThrow()
      }),
    )
  })
})

/** Clients of some wires stop at words that they don't know, so that the word of a job is shown as what it means. */
function asShown({ unknown }: Documented, text: string): string {
  const body = unknown === undefined ? null : answerJson(text)
  if (!isObject(body) || !isResourceId(body['id']) || typeof body['status'] !== 'string') return text
  return text.replace(/"status":"[^"]*"/, `"status":"${unknown}"`)
}

/** JSON as no serialiser writes it, in which nothing is an id, an address or a path. */
const writtenJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('1.0', '1e5', '-0', '1E+2', '"\\u0041\\ud83d\\ude00"', '"\\ud800"', '[ ]', '{ }', '[1 ,\t2]', 'null'),
  fc.constantFrom('{"a":1,"a":1.50}', '"  spaces  "', '"雨夜"', '12345678901234567890', '{"__proto__":{"a":1.0}}'),
  fc
    .jsonValue()
    .map((value) => JSON.stringify(value, null, 1))
    .filter((text) => !/[/%\\?#]|file:|_path|job-7/.test(text)),
)

function expectDocumented(
  documented: Documented,
  backendJob: BackendJob | null,
  body: unknown,
  job: string | null,
): void {
  if (!backendJob) return
  const { status, id } = backendJob
  expect(['queued', 'running', 'ended', 'succeeded', 'failed', 'cancelled']).toContain(status)
  if (status !== 'queued' && status !== 'running') {
    const plain = (word: unknown) => (documented.anyCase && typeof word === 'string' ? word.toLowerCase() : word)
    const told = documented.at(membersOf(body), job).map(plain)
    expect(told.some((word) => (documented.words[status] as unknown[] | undefined)?.includes(word))).toBe(true)
  }
  expect([...strings(body), job]).toContain(id)
  expectSight(backendJob)
}

/** By its HTTP status alone; 202 and an error may both say that the job goes on. */
function expectResult(backendJob: BackendJob, status: number): void {
  if (backendJob.status === 'succeeded') expect(status >= 200 && status < 300).toBe(true)
  else if (backendJob.status !== 'running' || status !== 202) expect(status).toBeGreaterThanOrEqual(400)
  expectSight(backendJob)
}

function expectSight({ id, status, failure, queueSeconds, runSeconds, totalSeconds }: BackendJob): void {
  expect(id.length >= 1 && id.length <= 512 && id.isWellFormed()).toBe(true)
  expect(failure === null).toBe(status !== 'failed')
  if (failure !== null) expect(['job_failed', 'job_timeout', 'job_lost', 'content_refused']).toContain(failure)
  for (const seconds of [queueSeconds, runSeconds, totalSeconds])
    expect(seconds === null || (Number.isFinite(seconds) && seconds >= 0)).toBe(true)
}

function expectIds(ids: string[], body: unknown): void {
  expect(new Set(ids).size).toBe(ids.length)
  const there = new Set(strings(body))
  for (const id of ids) expect(there.has(id) && id.length >= 1 && id.length <= 512).toBe(true)
}

/** Each string in it, keys too. */
function strings(value: unknown): string[] {
  const found: string[] = []
  const open = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next === 'string') found.push(next)
    else if (next !== null && typeof next === 'object') {
      if (!Array.isArray(next)) found.push(...Object.keys(next))
      open.push(...(Object.values(next) as unknown[]))
    }
  }
  return found
}

function pathsOf(value: unknown): string[][] {
  if (value === null || typeof value !== 'object') return [[]]
  return [[], ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner).map((path) => [key, ...path]))]
}

function replaced(value: unknown, [key, ...path]: string[], by: unknown): unknown {
  if (key === undefined) return by
  const members = membersOf(value)
  return { ...members, [key]: replaced(members[key], path, by) }
}

function tokens(named: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, value.replaceAll(/[^a-z_]/g, '')]))
}
