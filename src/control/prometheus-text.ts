/**
 * Numbers → the Prometheus text format 0.0.4. It serialises what it is given and keeps nothing: the client libraries
 * register and count by themselves, which a Worker's isolates can't.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { countAbove, type Sketch } from '../core/sketch.ts'

export type Labels = Record<string, string>

export interface Family {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram'
  samples: { suffix?: string; labels: Labels; value: number }[]
}

export const PROMETHEUS_MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Families without samples are named too, so that a reader knows of them before their first. */
export function prometheusText(families: readonly Family[]): string {
  return families.map(familyText).join('')
}

function familyText({ name, help, type, samples }: Family): string {
  const lines = samples.map(
    ({ suffix = '', labels, value }) => `${name}${suffix}${labelText(labels)} ${number(value)}\n`,
  )
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** A sketch as the samples of one histogram: values up to each bound, cumulative, with sum and count. Seconds. */
export function histogramSamples(sketch: Sketch, bounds: readonly number[], labels: Labels): Family['samples'] {
  return [
    ...bounds.map((bound) => ({
      suffix: '_bucket',
      labels: { ...labels, le: String(bound) },
      value: sketch.count - countAbove(sketch, bound),
    })),
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: sketch.count },
    { suffix: '_sum', labels, value: sketch.sum },
    { suffix: '_count', labels, value: sketch.count },
  ]
}
