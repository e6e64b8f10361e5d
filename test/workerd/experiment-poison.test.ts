/** Rows that nobody should post, through the Worker's own entry point: no figure of another metric changes by them. */
import { env, exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { type BatchAnswer, reportSchema, type ReportView } from '../../src/api/experiment.ts'
import type { ReleaseView } from '../../src/api/index.ts'
import type { Env } from '../../src/config/env.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { ownerOf } from '../../src/core/job-id.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'

const RELEASE = 'measured'
const bindings = env as unknown as Env
const SUBJECTS = Array.from({ length: 400 }, (_, i) => `subject-${i}`)
const DIGITS = 1_000_000
/** Values as they stand in the text of a row, and whether a row of it is taken. */
const POISONS: [name: string, value: string, isTaken: boolean][] = [
  ['NaN', 'NaN', false],
  ['NaN as a text', '"NaN"', false],
  ['Infinity', 'Infinity', false],
  ['-Infinity', '-Infinity', false],
  ['1e155', '1e155', false],
  ['1e308', '1e308', false],
  ['-1e308', '-1e308', false],
  ['more than any number', '1e400', false],
  ['a million digits', `1${'0'.repeat(DIGITS - 1)}`, false],
  ['a million digits after the point', `0.${'3'.repeat(DIGITS)}`, true],
  ['the largest that is taken', '1e12', true],
  ['its opposite', '-1e12', true],
  ['hardly anything', '5e-324', true],
]

async function call(method: string, path: string, body?: string, type = 'application/json'): Promise<Response> {
  return (exports as unknown as { default: Fetcher }).default.fetch(`http://127.0.0.1/_sluice/api/v1${path}`, {
    method,
    headers: { authorization: 'Bearer token-of-operator', 'content-type': type },
    ...(body === undefined ? {} : { body }),
  })
}

const rowText = (row: object, value: string) =>
  `${JSON.stringify({ release: RELEASE, ...row }).slice(0, -1)},"value":${value}}`
const lines = (rows: readonly string[]) => rows.join('\n')
const ndjson = (path: string, rows: readonly string[]) => call('POST', path, lines(rows), 'application/x-ndjson')

/** As its schema has it: with numbers that JSON can say. */
async function report(): Promise<ReportView> {
  return v.parse(reportSchema, await (await call('GET', `/releases/${RELEASE}/report`)).json())
}

/** All that is said of `play` and of the signal `fvd`. */
async function figures() {
  const { metrics, series, signals } = await report()
  const play = metrics.find(({ metric }) => metric === 'play')
  return { play, series, signals: signals.filter(({ metric }) => metric === 'fvd') }
}

beforeAll(async () => {
  const act = JSON.stringify({ action: 'start', stage: 'canary-50', reason: 'go' })
  const { epoch } = await (await call('POST', `/releases/${RELEASE}/actions`, act)).json<ReleaseView>()
  const traits = { region: null, prompt: null, duration: null, visitor: null }
  const exposed = SUBJECTS.map((subject, i) => ({
    owner: ownerOf(`header:${subject}`, idKeys([bindings.SLUICE_COOKIE_KEY!]))[0]!,
    ...{ epoch, percent: 50, at: Date.now(), traits },
    arm: i % 2 === 0 ? ('control' as const) : ('candidate' as const),
  }))
  await (ledgerAt(bindings, RELEASE, 0) as unknown as JobLedger).flush({ submitted: [], seen: [], exposed })
  const plays = SUBJECTS.map((subject, i) => rowText({ subject, metric: 'play' }, i % 3 === 0 ? '1' : '0'))
  expect((await ndjson('/events', plays)).status).toBe(200)
  const quality = ['control', 'candidate'].map((arm) => rowText({ arm, metric: 'fvd' }, '200'))
  expect((await ndjson('/signals', quality)).status).toBe(200)
})

describe('beside rows of another metric with', () => {
  it.each(POISONS)('%s, a metric keeps its figures', async (_, value, isTaken) => {
    const before = await figures()
    expect(before.play?.test?.p_value).toBeGreaterThan(0)
    const good = { subject: 'subject-1', metric: 'complaints' }
    const events = await ndjson('/events', [rowText(good, value), rowText(good, '0')])
    expect(events.status).toBe(isTaken ? 200 : 207)
    expect((await events.json<BatchAnswer>()).accepted).toBe(isTaken ? 2 : 1)
    const side = { arm: 'candidate', metric: 'other_quality' }
    const signals = await ndjson('/signals', [rowText(side, value), rowText(side, '0')])
    expect(signals.status).toBe(isTaken ? 200 : 207)
    await signals.body?.cancel()
    expect(await figures()).toEqual(before)
  })

  it('ten thousand names, a metric keeps its figures, and goes on counting', async () => {
    const before = await figures()
    for (let batch = 0; batch < 10; batch++) {
      const names = Array.from({ length: 1000 }, (_, i) => `made_up_${1000 * batch + i}`)
      const answers = [
        await ndjson(
          '/events',
          names.map((metric) => rowText({ subject: 'subject-1', metric }, '1')),
        ),
        await ndjson(
          '/signals',
          names.map((metric) => rowText({ arm: 'candidate', metric }, '1')),
        ),
      ]
      for (const answer of answers) {
        expect(answer.status).toBe(batch === 0 ? 207 : 400)
        await answer.body?.cancel()
      }
    }
    expect(await figures()).toEqual(before)
    const silent = SUBJECTS[1]!
    expect((await ndjson('/events', [rowText({ subject: silent, metric: 'play' }, '1')])).status).toBe(200)
    expect((await figures()).play?.candidate.estimate).toBeCloseTo(before.play!.candidate.estimate! + 1 / 200, 12)
  })
})
