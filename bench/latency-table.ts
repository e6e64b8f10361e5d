/** The table of the guardrail bench on the sequential test of latency. */
import type { LatencyResult } from './latency-cell.ts'
import { per10000, table } from './table.ts'

export function latencyTable(rows: readonly LatencyResult[]): string {
  if (rows.length === 0) return ''
  const arms = [...new Map(rows.map((row) => [placeOf(row), row])).values()]
  const cells = (of: LatencyResult, wanted: (row: LatencyResult) => boolean): LatencyResult[] =>
    rows.filter((row) => placeOf(row) === placeOf(of) && wanted(row))
  return [
    '### Latency, sequential: false alarms at the limit, and jobs until the alarm',
    '',
    '`latency_p99`, `alpha = 0.01`, one epoch, of which half of alpha is for; lognormal latencies. False alarms per 10,000 runs of',
    'at least 2,000 candidate jobs, of arms that are equal (limit: control) and of a candidate slower by what is allowed (control x 1.5):',
    'the worst that may not be called slow. Then the candidate jobs until the alarm, median / p95 of those slower by more.',
    '',
    table(
      [
        'sigma',
        'candidate : control a window',
        'false, control x 1',
        'false, control x 1.5',
        'control x 1, 2x slower',
        'control x 1.5, 2x slower',
        'control x 1.5, 3x slower',
      ],
      arms.map((of) => [
        `${of.sigma}`,
        `${of.candidateJobs} : ${of.controlJobs}`,
        ...cells(of, (row) => row.times === 1 + row.maxOverControl).map((r) => per10000(r.afterJobs.length, r.runs)),
        ...cells(of, (row) => row.times > 1 + row.maxOverControl).map(jobsText),
      ]),
    ),
    '',
  ].join('\n')
}

function placeOf({ sigma, candidateJobs, controlJobs }: LatencyResult): string {
  return `${sigma} ${candidateJobs} ${controlJobs}`
}

function jobsText({ afterJobs, runs, jobs }: LatencyResult): string {
  const at = (q: number): string => {
    const n = afterJobs[Math.ceil(q * runs) - 1]
    return n === undefined
      ? `${Math.round((100 * afterJobs.length) / runs)} % in ${jobs.toLocaleString('en-US')}`
      : n.toLocaleString('en-US')
  }
  return afterJobs.length * 2 < runs ? at(1) : `${at(0.5)} / ${at(0.95)}`
}
