import { describe, expect, it } from 'vitest'
import type { CounterRow } from '../../../src/api/index.ts'
import { releaseEvents } from '../../../src/control/release-events.ts'
import { SharedFeed } from '../../../src/control/shared-feed.ts'
import { addTo, emptySketch } from '../../../src/core/sketch.ts'
import type { Series, WindowRow } from '../../../src/core/window.ts'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'

const [R1] = RELEASES
const START = Date.parse('2026-11-24T08:00:00Z')
const MINUTE = 60_000

function aRow(
  over: Partial<Series> & { minute?: number; requests?: number; errors?: number; seconds?: number[] } = {},
): WindowRow {
  const { minute = 0, requests = 10, errors = 1, seconds = [1, 2, 3], ...series } = over
  const latency = emptySketch()
  for (const value of seconds) addTo(latency, value)
  return {
    startMs: START + minute * MINUTE,
    series: {
      stage: 'canary-50',
      epoch: 2,
      arm: 'candidate',
      operation: 'submit',
      shadow: false,
      ...series,
    },
    counters: { requests, outcomes: { http_5xx: errors, client_error: 1 }, sketches: { latency } },
  }
}

function span(fromMs: number, toMs: number): string {
  return `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`
}

async function counters(rig: ControlFake, query = ''): Promise<CounterRow[]> {
  const response = await rig.request('GET', `/api/v1/releases/${R1}/counters?${query}`, { as: 'viewer' })
  expect(response.status).toBe(200)
  return (await response.json<{ items: CounterRow[] }>()).items
}

describe('counters', () => {
  it('are told per window, errors of the arm apart from what is not its fault', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [aRow({ requests: 10, errors: 2, seconds: [1, 2, 3, 4] })]
    const [row] = await counters(rig, span(START, START + MINUTE))
    expect(row).toMatchObject({
      stage: 'canary-50',
      arm: 'candidate',
      operation: 'submit',
      shadow: false,
      from: '2026-11-24T08:00:00.000Z',
      to: '2026-11-24T08:01:00.000Z',
      requests: 10,
      errors: { http_5xx: 2 },
      other: { client_error: 1 },
      queue_seconds: null,
    })
    expect(row?.latency_seconds?.max).toBe(4)
    expect(row?.latency_seconds?.p50).toBeCloseTo(2, 1)
  })

  it('are the same for one time in two zones', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [aRow({ minute: 0 }), aRow({ minute: 5 })]
    const utc = await counters(rig, 'from=2026-11-24T08:00:00Z&to=2026-11-24T08:05:00Z')
    expect(utc).toEqual(await counters(rig, 'from=2026-11-24T16:00:00%2B08:00&to=2026-11-24T03:05:00-05:00'))
    expect(utc).toHaveLength(1)
  })

  it('are the last hour if nothing is said', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [aRow({ minute: -1 }), aRow({ minute: 0 }), aRow({ minute: 59 })]
    expect(await counters(rig)).toHaveLength(2)
  })

  it('are merged into longer steps, shadow traffic apart', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [
      aRow({ arm: 'control', requests: 3, seconds: [1] }),
      aRow({ arm: 'control', requests: 4, seconds: [9] }),
      aRow({ arm: 'control', minute: 4, requests: 5, seconds: [5] }),
      aRow({ arm: 'control', minute: 5, requests: 6 }),
      aRow({ arm: 'control', minute: 4, requests: 7, shadow: true }),
    ]
    const rows = await counters(rig, `${span(START, START + 10 * MINUTE)}&step=5m`)
    expect(rows.map(({ from, requests, shadow }) => [from.slice(11, 16), requests, shadow])).toEqual([
      ['08:00', 12, false],
      ['08:00', 7, true],
      ['08:05', 6, false],
    ])
    expect(rows[0]?.latency_seconds?.max).toBe(9)
    expect(rows[0]?.errors).toEqual({ http_5xx: 3 })
  })

  it('over a time longer than one call to the object covers are complete', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = Array.from({ length: 1200 }, (_, i) => aRow({ minute: -i, requests: 1 }))
    const rows = await counters(rig, `${span(START - 1200 * MINUTE, START + MINUTE)}&step=1d`)
    expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(1200)
  })

  it('over a very long time come in longer steps, without asking for windows that nobody keeps', async () => {
    const rig = new ControlFake()
    const controller = rig.controller(R1)
    controller.rows = [aRow({ minute: 0 }), aRow({ minute: 1 })]
    let calls = 0
    const windows = controller.windows.bind(controller)
    controller.windows = (fromMs, toMs) => (calls++, windows(fromMs, toMs))
    const rows = await counters(rig, 'from=1970-01-01T00:00:00Z&step=1s')
    expect(rows).toHaveLength(1)
    expect(rows[0]?.requests).toBe(20)
    expect(calls).toBeLessThanOrEqual(25)
  })

  it.each([
    'from=yesterday',
    'from=2026-02-30T00:00:00Z',
    'from=2026-11-24T08:00:00',
    'to=1764000000000',
    'step=5',
    'step=0s',
    'from=2026-11-24T09:00:00Z&to=2026-11-24T08:00:00Z',
  ])('are refused for %s', async (query) => {
    const response = await new ControlFake().request('GET', `/api/v1/releases/${R1}/counters?${query}`)
    expect(response.status).toBe(400)
  })
})

describe('a batch for several releases', () => {
  const rows = RELEASES.map((release) => ({ release, arm: 'control', metric: 'fvd', value: 1, id: release }))

  it('is kept for those that answer, and tells the rows of one that does not', async () => {
    const rig = new ControlFake()
    rig.controller(R1).addSignals = () => Promise.reject(new Error('overloaded'))
    const response = await rig.request('POST', '/api/v1/signals', { as: 'operator', body: rows })
    expect(response.status).toBe(207)
    expect(await response.json()).toMatchObject({
      accepted: 1,
      repeated: 0,
      details: [{ path: '0.release', code: 'not_answered' }],
    })
  })

  it('is 503 where none answers', async () => {
    const rig = new ControlFake()
    for (const controller of rig.controllers.values()) controller.addSignals = () => Promise.reject(new Error('down'))
    const response = await rig.request('POST', '/api/v1/signals', { as: 'operator', body: rows })
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ error: { code: 'control_plane_unavailable' } })
  })
})

describe('jobs', () => {
  it('are filtered by arm, status and shadow, and paged', async () => {
    const rig = new ControlFake()
    const job = (id: string, arm: 'control' | 'candidate', status: 'open' | 'failed', shadow: boolean) => ({
      id,
      arm,
      status,
      shadow,
      stage: 'canary-50',
      epoch: 2,
      outcome: null,
      rescued: false,
      submitted_at: '2026-11-24T08:00:00.000Z',
      ended_at: null,
      seconds: null,
    })
    rig.controller(R1).allJobs = [
      job('a', 'control', 'open', false),
      job('b', 'candidate', 'failed', false),
      job('c', 'candidate', 'failed', true),
    ]
    const ids = async (query: string) => {
      const response = await rig.request('GET', `/api/v1/releases/${R1}/jobs?${query}`)
      const page = await response.json<{ items: { id: string }[]; next: string | null }>()
      return { ids: page.items.map(({ id }) => id), next: page.next }
    }
    expect(await ids('')).toEqual({ ids: ['a', 'b', 'c'], next: null })
    expect(await ids('arm=candidate')).toEqual({ ids: ['b', 'c'], next: null })
    expect(await ids('arm=candidate&status=failed&shadow=false')).toEqual({ ids: ['b'], next: null })
    expect(await ids('limit=2')).toEqual({ ids: ['a', 'b'], next: '0~2|key' })
    expect(await ids(`limit=2&cursor=${encodeURIComponent('0~2|key')}`)).toEqual({ ids: ['c'], next: null })
    expect((await rig.request('GET', `/api/v1/releases/${R1}/jobs?arm=both`)).status).toBe(400)
  })
})

describe('the live feed', () => {
  async function collect(
    rig: ControlFake,
    seconds: number,
    between: (second: number) => void = () => {},
    sinceMs: number | null = null,
  ) {
    const endMs = rig.nowMs + seconds * 1000
    const texts: string[] = []
    const service = rig.service()
    const clock = {
      now: () => rig.nowMs,
      goesOn: () => true,
      sleep: async () => {
        rig.nowMs += 1000
        between((rig.nowMs - endMs) / 1000 + seconds)
      },
    }
    for await (const text of releaseEvents({ feed: new SharedFeed(), service, name: R1, clock }, sinceMs)) {
      texts.push(text)
      if (rig.nowMs >= endMs) break
    }
    return texts.join('').split('\n\n').filter(Boolean)
  }
  const named = (events: string[], name: string) => events.filter((event) => event.includes(`event: ${name}\n`))

  it('tells the state at once, and again only when it changes', async () => {
    const rig = new ControlFake()
    const events = await collect(rig, 30, (second) => {
      if (second === 10)
        void rig
          .controller(R1)
          .act(
            { action: 'start', stage: 'canary-50', reason: '', force: false, dry_run: false },
            { who: 'x', ifMatch: null },
          )
    })
    const states = named(events, 'state')
    expect(states.filter((state) => state.includes('"stage":"idle"'))).toEqual([states[0]])
    expect(states[1]).toContain('"stage":"canary-50"')
    // A running release also says when it is checked next, so that no two are alike.
    expect(new Set(states.map((state) => state.replace(/^id: .*/, ''))).size).toBe(states.length)
  })

  it('tells the counters of each window once it has closed', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [aRow({ minute: 59, requests: 59 }), aRow({ minute: 60, requests: 60 })]
    const events = named(await collect(rig, 70), 'counters')
    expect(events).toHaveLength(3)
    expect(events.map((event) => /"requests":(\d+)/.exec(event)?.[1])).toEqual([undefined, '59', '60'])
  })

  it('tells no state again because a clock goes on', async () => {
    const rig = new ControlFake()
    const counting = (second: number) => {
      const until = '2026-11-24T10:00:00.000Z'
      rig.controller(R1).shown = () => ({
        blocked_by: [{ code: 'bake', message: `bake: ${100 - second} s left`, until }],
        draining: { jobs: 1, oldest_seconds: second },
      })
    }
    counting(0)
    expect(named(await collect(rig, 30, counting), 'state')).toHaveLength(1)
  })

  it('goes on after the last event that a reader had', async () => {
    const rig = new ControlFake()
    rig.controller(R1).rows = [55, 56, 57, 58, 59].map((minute) => aRow({ minute, requests: minute }))
    const since = START + 57 * MINUTE
    const [counters] = named(await collect(rig, 3, () => {}, since), 'counters')
    expect(Array.from(counters!.matchAll(/"requests":(\d+)/g), ([, n]) => Number(n))).toEqual([57, 58])
    expect(counters).toMatch(new RegExp(`^id: ${START + 59 * MINUTE}\n`))
  })

  it('is heard at least every three seconds', async () => {
    const events = await collect(new ControlFake(), 59)
    expect(named(events, 'heartbeat').length).toBeGreaterThanOrEqual(18)
  })

  it('says once that the release does not answer, and tells the state when it does again', async () => {
    const rig = new ControlFake()
    const view = rig.controller(R1).view.bind(rig.controller(R1))
    const events = await collect(rig, 30, (second) => {
      if (second === 5) rig.controller(R1).view = () => Promise.reject(new Error('down'))
      if (second === 15) rig.controller(R1).view = view
    })
    expect(named(events, 'unavailable')).toHaveLength(1)
    expect(named(events, 'state')).toHaveLength(2)
  })

  it('ends by itself after ten minutes', async () => {
    const rig = new ControlFake()
    const began = rig.nowMs
    await collect(rig, 100_000)
    expect(rig.nowMs - began).toBe(600_000)
  })

  it('is served as server-sent events, and stops when the reader goes', async () => {
    const rig = new ControlFake()
    const response = await rig.request('GET', `/api/v1/releases/${R1}/stream`, { as: 'viewer' })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toBe('retry: 2000\n\n')
    expect((await reader.read()).value).toMatch(/^id: \d+\nevent: state\ndata: \{/)
    await reader.cancel()
  })
})
