/** Takes isolates' flushes, keeps windows, answers with the newest snapshot that was pushed. Holds no judgement. */
import { DurableObject } from 'cloudflare:workers'
import type { Env } from '../config/env.ts'
import { type FailedTimes, isUsersSubmit } from '../core/failed-submits.ts'
import { armErrors } from '../core/window.ts'
import { type Snapshot, SNAPSHOT_SCHEMA } from '../core/release.ts'
import { LedgerPost } from './ledger-post.ts'
import type { CounterBatch, CounterShardRpc, LedgerBatch } from './rpc.ts'
import { groupsOf } from '../core/shard-groups.ts'
import { ledgerAt, releaseConfigOf, releaseNameOf, shardOf, stir } from './stubs.ts'
import { addReports, type CountsRange, type CountsReport } from './counts-report.ts'
import { WindowStore } from './window-store.ts'

const DEFAULT_WINDOW_MS = 60_000
const KEEP_SOURCES = 5000

export class CounterShard extends DurableObject<Env> implements CounterShardRpc {
  readonly #sql: SqlStorage
  readonly #windows: WindowStore
  readonly #post: LedgerPost
  #snapshot: Snapshot | null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    const name = releaseNameOf(ctx)
    const release = releaseConfigOf(env, name)
    this.#post = new LedgerPost((index) => ledgerAt(env, name, index))
    this.#windows = new WindowStore(this.#sql, release?.windowMs ?? DEFAULT_WINDOW_MS, () => stir(env, name))
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, seq INTEGER, at_ms INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS failed_submits (epoch INTEGER PRIMARY KEY, first_at INTEGER, last_sent_at INTEGER)`)
    const kept = JSON.parse(this.#read('snapshot') ?? 'null') as Snapshot | null
    this.#snapshot = kept?.schema === SNAPSHOT_SCHEMA ? kept : null
  }

  /** A batch that was counted before (same source, no higher seq) changes nothing. */
  async flush(batch: CounterBatch) {
    const now = Date.now()
    const [known] = this.#sql.exec<{ seq: number }>('SELECT seq FROM sources WHERE source = ?', batch.source)
    if (!known || known.seq < batch.seq) {
      this.#sql.exec('INSERT OR REPLACE INTO sources VALUES (?, ?, ?)', batch.source, batch.seq, now)
      if (!known) this.#forgetOldSources()
      this.#windows.add(batch.rows, now)
      for (const row of batch.rows) this.#noteFailed(row, now)
      if (batch.lost > 0) this.#write('lost', String(this.#lost() + batch.lost))
    }
    return this.#snapshot
  }

  async post(batch: CounterBatch, letters: [number, LedgerBatch][]) {
    await this.flush(batch)
    const answers = await Promise.all(letters.map(([index, letter]) => this.#post.send(index, letter)))
    return { snapshot: this.#snapshot, answers }
  }

  async snapshot() {
    return this.#snapshot
  }

  /** From the controller. An older version than the one known is refused by doing nothing. */
  async push(snapshot: Snapshot): Promise<void> {
    if (this.#snapshot && snapshot.version < this.#snapshot.version) return
    this.#snapshot = snapshot
    this.#write('snapshot', JSON.stringify(snapshot))
  }

  async windows(fromMs: number, toMs: number) {
    return this.#windows.windows(fromMs, toMs)
  }

  /** `others` are shards of the same release, by their numbers: asked by way of this one, and added to its own. */
  async report(span: CountsRange, others: readonly number[] = []): Promise<CountsReport> {
    const own = this.#windows.report(span)
    if (others.length === 0) return own
    const release = releaseNameOf(this.ctx)
    const asked = groupsOf(others).map(([first, ...rest]) =>
      (shardOf(this.env, release, first!) as unknown as CounterShard).report(span, rest),
    )
    return addReports([own, ...(await Promise.all(asked))])
  }

  /** Submits of these epochs that failed at the candidate, copies left out. */
  async failures(fromMs: number, epochs: number[]) {
    return { n: this.#windows.failedSubmits(fromMs, epochs), times: this.#failedTimes(epochs) }
  }

  async totals() {
    return this.#windows.totals()
  }

  /** Events that isolates had to drop. */
  async lost() {
    return this.#lost()
  }

  /** When the candidate's users' submits failed, to the ms; no earlier than it arrived where a row does not tell. */
  #noteFailed({ series, counters, failed }: CounterBatch['rows'][number], now: number): void {
    if (!isUsersSubmit(series) || armErrors(counters) === 0) return
    const add = `INSERT INTO failed_submits VALUES (?, ?, ?) ON CONFLICT (epoch) DO UPDATE
      SET first_at = MIN(first_at, excluded.first_at), last_sent_at = MAX(last_sent_at, excluded.last_sent_at)`
    this.#sql.exec(add, series.epoch, failed?.firstAt ?? now, failed?.lastSentAt ?? 0)
  }

  /** Over these epochs; null where none failed. */
  #failedTimes(epochs: readonly number[]): FailedTimes | null {
    const times = `SELECT MIN(first_at) AS firstAt, MAX(last_sent_at) AS lastSentAt FROM failed_submits
      WHERE epoch IN (SELECT value FROM json_each(?)) HAVING COUNT(*) > 0`
    const [row] = this.#sql.exec<FailedTimes & Record<string, SqlStorageValue>>(times, JSON.stringify(epochs))
    return row ?? null
  }

  #lost(): number {
    return Number(this.#read('lost') ?? 0)
  }

  #forgetOldSources(): void {
    const newest = 'SELECT source FROM sources ORDER BY at_ms DESC LIMIT ?'
    this.#sql.exec(`DELETE FROM sources WHERE source NOT IN (${newest})`, KEEP_SOURCES)
  }

  #read(name: string): string | null {
    const [row] = this.#sql.exec<{ value: string }>('SELECT value FROM kept WHERE name = ?', name)
    return row?.value ?? null
  }

  #write(name: string, value: string): void {
    this.#sql.exec('INSERT OR REPLACE INTO kept VALUES (?, ?)', name, value)
  }
}
