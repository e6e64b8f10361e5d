/** Control's subjects in parts by their keyed hash, for the report's self-check: sums over the tables of experiment-counts.ts. */
import { addedParts, PARTS, type PartSums } from '../../core/self-check.ts'
import type { PartsQuestion } from '../experiment-rpc.ts'

/** The first three of the twelve hex digits that an owner is make 4,096. */
const DIGITS = 3
const OWNERS_A_PART = 16 ** DIGITS / PARTS

/** Goes over all of control's subjects, so it is asked by people and not by every report. */
export function partsOf(sql: SqlStorage, { metrics, today }: PartsQuestion): Record<string, PartSums[]> {
  const within = ({ observeDays = -1 }) => today - observeDays - 1
  return Object.fromEntries(
    metrics.map((metric) => {
      const { name, kind, low, high } = metric
      const of = kind === 'ratio' ? '* c.x' : ''
      const value = `CASE WHEN c.bucket > ${high.bucket} THEN ${high.edge} ${of} WHEN c.bucket < ${low.bucket} THEN ${low.edge} ${of} ELSE c.y END`
      const control = `s.arm = 'control' AND s.day <= ${within(metric)}`
      const rows = sql.exec<Record<keyof PartSums, number>>(
        `SELECT part, SUM(n) AS n, SUM(y) AS y, SUM(y * y) AS yy, SUM(x) AS x, SUM(x * x) AS xx, SUM(x * y) AS xy FROM (
           SELECT substr(s.owner, 1, ${DIGITS}) AS part, 1 AS n, COALESCE(${value}, 0) AS y, COALESCE(c.x, 0) AS x
           FROM subjects s LEFT JOIN counted c ON c.owner = s.owner AND c.metric = ? WHERE ${control}
         ) GROUP BY part`,
        name,
      )
      return [
        name,
        addedParts(Array.from(rows, (row) => ({ ...row, part: Math.floor(Number(`0x${row.part}`) / OWNERS_A_PART) }))),
      ]
    }),
  )
}
