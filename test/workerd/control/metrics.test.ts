import { describe, expect, it } from 'vitest'
import { histogramSamples, prometheusText } from '../../../src/control/prometheus-text.ts'
import { addTo, emptySketch } from '../../../src/core/sketch.ts'
import type { Series, WindowRow } from '../../../src/core/window.ts'
import { aReleaseView } from '../../support/workerd/release-view.ts'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'

const [R1, CHINESE] = RELEASES

/** By the contract. */
const PROMISED = [
  'controller_up',
  'requests_total',
  'request_duration_seconds',
  'job_duration_seconds',
  'release_percent',
  'release_info',
  'guardrail_verdict',
  'guardrail_value',
  'guardrail_threshold',
  'split_actual',
  'rollbacks_total',
  'shadow_dropped_total',
  'shadow_in_flight',
  'snapshot_age_seconds',
  'telemetry_lost_total',
  'signal',
]

interface Sample {
  name: string
  labels: string
  value: number
}

function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^([a-z_:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      return { name, labels, value: Number(value) }
    })
}

function total(operation: Series['operation'], over: Partial<Series>, requests: number, seconds: number[]): WindowRow {
  const latency = emptySketch()
  for (const value of seconds) addTo(latency, value)
  const series: Series = {
    stage: 'canary-50',
    epoch: 1,
    arm: 'candidate',
    operation,
    shadow: false,
    ...over,
  }
  return { startMs: 0, series, counters: { requests, outcomes: { http_5xx: 1 }, sketches: { latency } } }
}

describe('the metrics', () => {
  const rig = new ControlFake()
  const controller = rig.controller(R1)
  const shown = aReleaseView({
    name: R1,
    state: 'canary',
    stage: 'canary-50',
    percent: 50,
    actual_percent: 48.5,
    verdicts: [
      {
        guardrail: 'error_rate:submit',
        kind: 'rate',
        measure: 'share',
        within_seconds: null,
        alpha: null,
        metric: 'error_rate',
        operation: 'submit',
        method: 'threshold',
        action: 'rollback',
        status: 'breach',
        note: null,
        value: 0.3,
        n: 100,
        baseline_value: 0,
        baseline_n: 100,
        threshold: 0.01,
        formula: '',
        windows: { from: null, to: null, bad: 5, needed: 5 },
        message: '',
      },
    ],
  })
  shown.shadow.dropped = { max_in_flight: 4 }
  controller.shown = () => shown
  controller.rollbacks = async () => [{ cause: 'error_rate:submit', n: 2 }]
  controller.telemetryLost = async () => 3
  controller.rows = [
    total('submit', { epoch: 1 }, 10, [0.2]),
    total('submit', { epoch: 2 }, 5, [3]),
    total('submit', { shadow: true }, 7, []),
    total('job', {}, 4, [45, 100]),
  ]

  it('have the promised names and labels, with epochs summed', async () => {
    const response = await rig.request('GET', '/metrics', { as: 'viewer' })
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const samples = samplesOf(await response.text())
    const value = (name: string, ...labels: string[]) =>
      samples.find((s) => s.name === name && labels.every((label) => s.labels.includes(label)))?.value
    const r1 = `release="${R1}"`
    const submit = [r1, 'stage="canary-50"', 'arm="candidate"', 'operation="submit"', 'shadow="false"']
    expect(value('sluice_requests_total', ...submit, 'outcome="ok"')).toBe(13)
    expect(value('sluice_requests_total', ...submit, 'outcome="http_5xx"')).toBe(2)
    expect(value('sluice_requests_total', r1, 'shadow="true"', 'outcome="ok"')).toBe(6)
    expect(value('sluice_requests_total', r1, 'operation="job"', 'outcome="ok"')).toBe(3)
    expect(value('sluice_request_duration_seconds_count', ...submit)).toBe(2)
    expect(value('sluice_request_duration_seconds_bucket', ...submit, 'le="0.25"')).toBe(1)
    expect(value('sluice_request_duration_seconds_bucket', ...submit, 'le="5"')).toBe(2)
    expect(value('sluice_request_duration_seconds_bucket', ...submit, 'le="+Inf"')).toBe(2)
    expect(value('sluice_request_duration_seconds_sum', ...submit)).toBeCloseTo(3.2, 4)
    expect(value('sluice_job_duration_seconds_bucket', r1, 'le="60"')).toBe(1)
    expect(value('sluice_release_percent', r1)).toBe(50)
    expect(value('sluice_split_actual', r1)).toBe(48.5)
    expect(value('sluice_release_info', r1, 'state="canary"', 'stage="canary-50"')).toBe(1)
    expect(value('sluice_guardrail_verdict', r1, 'guardrail="error_rate:submit"')).toBe(-1)
    expect(value('sluice_guardrail_value', r1)).toBe(0.3)
    expect(value('sluice_guardrail_threshold', r1)).toBe(0.01)
    expect(value('sluice_rollbacks_total', r1, 'cause="error_rate:submit"')).toBe(2)
    expect(value('sluice_rollbacks_total', r1, 'cause="manual"')).toBe(0)
    expect(value('sluice_shadow_dropped_total', r1, 'reason="max_in_flight"')).toBe(4)
    expect(value('sluice_shadow_in_flight', r1)).toBe(0)
    expect(value('sluice_snapshot_age_seconds', r1)).toBe(0.5)
    expect(value('sluice_telemetry_lost_total', r1)).toBe(3)
    expect(value('sluice_release_percent', `release="${CHINESE}"`)).toBe(0)
    expect(value('sluice_split_actual', `release="${CHINESE}"`)).toBeUndefined()
  })

  it('name every family before anything has happened, with zeros for what can be foreseen', async () => {
    const text = await (await new ControlFake().request('GET', '/metrics')).text()
    for (const name of PROMISED)
      expect(text).toMatch(new RegExp(`^# TYPE sluice_${name} (counter|gauge|histogram)$`, 'm'))
    const value = (name: string, label: string) =>
      samplesOf(text).find((s) => s.name === name && s.labels.includes(label) && s.labels.includes(`"${R1}"`))?.value
    expect(value('sluice_shadow_dropped_total', 'reason="max_in_flight"')).toBe(0)
    expect(value('sluice_rollbacks_total', 'cause="experiment"')).toBe(0)
    expect(value('sluice_rollbacks_total', 'cause="unreadable"')).toBe(0)
  })

  it('are told of every release whose controller answers, and which does not', async () => {
    const rig = new ControlFake()
    rig.controller(R1).view = () => Promise.reject(new Error('overloaded'))
    const response = await rig.request('GET', '/metrics')
    expect(response.status).toBe(200)
    const samples = samplesOf(await response.text())
    const up = samples.filter(({ name }) => name === 'sluice_controller_up')
    expect(up.map(({ labels, value }) => [labels, value])).toEqual([
      [`release="${CHINESE}"`, 1],
      [`release="${R1}"`, 0],
    ])
    const others = samples.filter(
      ({ labels }) => labels.includes(`"${R1}"`) && !up.some((each) => each.labels === labels),
    )
    expect(others).toEqual([])
    expect(samples.filter(({ name }) => name === 'sluice_release_info')).toHaveLength(1)
  })

  it('tell each series once, and each family in one piece', async () => {
    const text = await (await rig.request('GET', '/metrics')).text()
    const keys = samplesOf(text).map(({ name, labels }) => `${name}{${labels}}`)
    expect(new Set(keys).size).toBe(keys.length)
    const types = Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name)
    expect(new Set(types).size).toBe(types.length)
  })
})

describe('the text format', () => {
  it('escapes what would end a label or a line', () => {
    const text = prometheusText([
      {
        name: 'a',
        type: 'gauge',
        help: 'back\\slash\nnew "line"',
        samples: [{ labels: { x: 'q"b\\n\n', y: '视频' }, value: 1 }],
      },
    ])
    expect(text).toBe('# HELP a back\\\\slash\\nnew "line"\n# TYPE a gauge\na{x="q\\"b\\\\n\\n",y="视频"} 1\n')
  })

  it('writes numbers that are none as Prometheus reads them, and names families without samples', () => {
    const samples = [NaN, Infinity, -Infinity, 1e21, 0.1].map((value) => ({ labels: {}, value }))
    const text = prometheusText([
      { name: 'a', type: 'gauge', help: 'h', samples },
      { name: 'b', type: 'gauge', help: 'h', samples: [] },
    ])
    expect(text.split('\n').slice(2, 7)).toEqual(['a NaN', 'a +Inf', 'a -Inf', 'a 1e+21', 'a 0.1'])
    expect(text.split('\n').slice(7)).toEqual(['# HELP b h', '# TYPE b gauge', ''])
  })

  it('makes buckets that grow and end with the count', () => {
    const sketch = emptySketch()
    for (let i = 1; i <= 1000; i++) addTo(sketch, i / 10)
    const samples = histogramSamples(sketch, [1, 10, 50, 200], {})
    const buckets = samples.filter(({ suffix }) => suffix === '_bucket').map(({ value }) => value)
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b))
    expect(buckets.slice(-2)).toEqual([1000, 1000])
    for (const [i, exact] of [10, 100, 500].entries())
      expect(Math.abs(buckets[i]! - exact)).toBeLessThanOrEqual(exact * 0.005 + 1)
  })
})
