/** Strata of subjects by one trait: the first that do something have names, all others are one, so that sums stay few. */
import type { Arm } from '../../core/arm.ts'

/** Of traffic as it comes the first are mostly the large ones. */
const MOST_NAMED = 20
const OTHER = 'other'

export class Strata {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS strata (name TEXT PRIMARY KEY) WITHOUT ROWID')
  }

  /** Under which name what a subject did is summed up; from then on it is known. */
  nameOf(bucket: string | null): string {
    const name = bucket ?? 'unknown'
    const known = this.#names()
    if (known.has(name)) return name
    if (known.size >= MOST_NAMED) return OTHER
    this.#sql.exec('INSERT INTO strata VALUES (?)', name)
    return name
  }

  /** Subjects by stratum, arm and day of first exposure. */
  people(trait: string): { stratum: string; people: { arm: Arm; day: number; n: number }[] }[] {
    const known = this.#names()
    const crowd = "SELECT bucket, arm, day, n FROM crowd WHERE trait = ? AND arm != 'both' AND n > 0"
    const rows = this.#sql.exec<{ bucket: string; arm: Arm; day: number; n: number }>(crowd, trait)
    const strata = Map.groupBy(rows, ({ bucket }) => (known.has(bucket) ? bucket : OTHER))
    return Array.from(strata, ([stratum, its]) => ({
      stratum,
      people: [...Map.groupBy(its, ({ arm, day }) => `${arm}|${day}`).values()].map((same) => ({
        arm: same[0]!.arm,
        day: same[0]!.day,
        n: same.reduce((sum, { n }) => sum + n, 0),
      })),
    }))
  }

  clear(): void {
    this.#sql.exec('DELETE FROM strata')
  }

  #names(): Set<string> {
    return new Set(Array.from(this.#sql.exec<{ name: string }>('SELECT name FROM strata'), ({ name }) => name))
  }
}
