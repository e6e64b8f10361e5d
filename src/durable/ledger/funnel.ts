/** The shadow funnel: how many submits came to each step, and for which reason the others did not. */
const STEPS = ['eligible', 'sampled', 'admitted', 'submitted', 'finished', 'scored'] as const

export interface FunnelView {
  funnel: Record<(typeof STEPS)[number], number>
  dropped: Record<string, number>
}

export class Funnel {
  readonly #sql: SqlStorage
  #unwritten: Map<string, number> | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS funnel (step TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID')
  }

  /** `step` is one of the funnel's, or `dropped:REASON`. */
  count(step: string, n = 1): void {
    if (this.#unwritten) this.#unwritten.set(step, (this.#unwritten.get(step) ?? 0) + n)
    else this.#add(step, n)
  }

  /** What this counts is written once for each step, at its end. */
  together<T>(work: () => T): T {
    if (this.#unwritten) return work()
    const steps = (this.#unwritten = new Map<string, number>())
    try {
      return work()
    } finally {
      this.#unwritten = null
      for (const [step, n] of steps) this.#add(step, n)
    }
  }

  #add(step: string, n: number): void {
    this.#sql.exec('INSERT INTO funnel VALUES (?, ?) ON CONFLICT (step) DO UPDATE SET n = n + excluded.n', step, n)
  }

  view(): FunnelView {
    const counts = new Map(
      [...this.#sql.exec<{ step: string; n: number }>('SELECT * FROM funnel')].map(({ step, n }) => [step, n]),
    )
    const dropped = [...counts]
      .filter(([step]) => step.startsWith('dropped:'))
      .map(([step, n]) => [step.slice('dropped:'.length), n])
    return {
      funnel: Object.fromEntries(STEPS.map((step) => [step, counts.get(step) ?? 0])) as FunnelView['funnel'],
      dropped: Object.fromEntries(dropped),
    }
  }
}
