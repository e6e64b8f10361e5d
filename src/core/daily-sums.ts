/** Sums over subjects by metric, arm and day, for a warehouse that does its own statistics. Values are not cut. */
import { ARMS } from './arm.ts'
import type { DaySums, Evidence } from './experiment.ts'
import { isMature, type MetricOf } from './metric-sums.ts'
import { mergedPairs, noPairs } from './stats/moments.ts'

/** Of a subject y is the value (1 or 0 of a proportion) and x how many values there were. Null where no number holds a sum. */
export interface DailySum {
  /** Of first exposure, UTC: `2026-11-02`. */
  day: string
  metric: string
  arm: DaySums['arm']
  /** False where the report leaves these subjects out, as they were not observed for long enough. */
  mature: boolean
  subjects: number
  sum_y: number | null
  sum_yy: number | null
  sum_x: number | null
  sum_xx: number | null
  sum_xy: number | null
}

/** As one table holds those of several releases. */
export type DailyRow = { release: string } & DailySum

const SUMS = ['sum_y', 'sum_yy', 'sum_x', 'sum_xx', 'sum_xy'] as const
const COLUMNS = ['release', 'day', 'metric', 'arm', 'mature', 'subjects', ...SUMS] as const

/** By day, then metric, then arm; a quantile has no sums. `dayText` writes days since 1970. */
export function dailySums(
  { days, now }: Pick<Evidence, 'days' | 'now'>,
  metrics: readonly MetricOf[],
  dayText: (day: number) => string,
): DailySum[] {
  const summed = days.filter((row) => metrics.find(({ name }) => name === row.metric)?.kind !== 'quantile')
  const groups = Map.groupBy(summed, ({ metric, arm, day }) => `${day}|${metric}|${arm}`)
  return [...groups.values()]
    .map((its) => ({ ...its[0]!, moments: its.reduce((sum, each) => mergedPairs(sum, each.moments), noPairs()) }))
    .sort(
      (a, b) =>
        a.day - b.day ||
        Number(a.metric > b.metric) - Number(a.metric < b.metric) ||
        ARMS.indexOf(a.arm) - ARMS.indexOf(b.arm),
    )
    .map(({ day, metric, arm, moments: { n, meanY, meanX, m2Y, m2X, cxy } }) => ({
      day: dayText(day),
      metric,
      arm,
      mature: isMature(day, metrics.find(({ name }) => name === metric) ?? {}, now),
      subjects: n,
      sum_y: finite(n * meanY),
      sum_yy: finite(m2Y + n * meanY ** 2),
      sum_x: finite(n * meanX),
      sum_xx: finite(m2X + n * meanX ** 2),
      sum_xy: finite(cxy + n * meanX * meanY),
    }))
}

/** As RFC 4180 has it, with a line of names. */
export function dailyCsv(rows: readonly DailyRow[]): string {
  const cell = (value: string | number | boolean | null) => {
    const text = String(value ?? '')
    return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const lines = [COLUMNS.join(','), ...rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(','))]
  return `${lines.join('\r\n')}\r\n`
}

export function dailyNdjson(rows: readonly DailyRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

function finite(sum: number): number | null {
  return Number.isFinite(sum) ? sum : null
}
