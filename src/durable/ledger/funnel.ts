/** The shadow funnel: how many submits came to each step, and for which reason the others did not. */
import type { WriteOnce } from '../write-once.ts'

const STEPS = ['eligible', 'sampled', 'admitted', 'submitted', 'finished', 'scored'] as const

export class Funnel {
  readonly #sql: SqlStorage
  readonly #writes: WriteOnce
  /** And not written yet. */
  readonly #counted = new Map<string, number>()

  constructor(sql: SqlStorage, writes: WriteOnce) {
    this.#sql = sql
    this.#writes = writes
    sql.exec('CREATE TABLE IF NOT EXISTS funnel (step TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID')
  }

  /** `step` is one of the funnel's, or `dropped:REASON`. */
  count(step: string, n = 1): void {
    this.#counted.set(step, (this.#counted.get(step) ?? 0) + n)
    this.#writes.write(`funnel ${step}`, () => this.#store(step))
  }

  #store(step: string): void {
    const add = 'INSERT INTO funnel VALUES (?, ?) ON CONFLICT (step) DO UPDATE SET n = n + excluded.n'
    const n = this.#counted.get(step)!
    this.#counted.delete(step)
    this.#sql.exec(add, step, n)
  }

  view() {
    const rows = [...this.#sql.exec<{ step: string; n: number }>('SELECT * FROM funnel')]
    const counts = new Map(rows.map(({ step, n }) => [step, n]))
    const dropped: [string, number][] = rows
      .filter(({ step }) => step.startsWith('dropped:'))
      .map(({ step, n }) => [step.slice('dropped:'.length), n])
    const funnel = Object.fromEntries(STEPS.map((step) => [step, counts.get(step) ?? 0]))
    return { funnel: funnel as Record<(typeof STEPS)[number], number>, dropped: Object.fromEntries(dropped) }
  }
}
