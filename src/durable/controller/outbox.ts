/**
 * Webhooks on their way out: queued in the transaction that they report, sent by alarm with growing
 * pauses, at least once and always under the same id. Signed as Standard Webhooks
 * (standardwebhooks.com) has it.
 */
import { webhookHeaders } from '../../auth/keys.ts'
import { configOf, type Env } from '../../config/env.ts'
import type { WEBHOOK_EVENTS } from '../../config/sluice-schema.ts'
import { PROTOCOL_NAMES } from '../../protocols/index.ts'
import type { Notice } from './commit.ts'

type Subscription = (typeof WEBHOOK_EVENTS)[number]
/** A type of its own for what a rollback cost, so that nobody is paged twice; it goes where `rolled_back` goes. */
export type WebhookEvent = Subscription | 'rollback_settled'

const TIMEOUT_MS = 10_000
const FIRST_PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 3_600_000
/** About a day of trying. */
const MAX_ATTEMPTS = 32
/** The platform lets an object wait for six answers at a time; a seventh would use up its time in the queue. */
const AT_ONCE = 6

type OutboxRow = { id: string; url: string; event: WebhookEvent; body: string; attempts: number }

export interface Undeliverable {
  id: string
  url: string
  event: WebhookEvent
  error: string
}

export class Outbox {
  readonly #sql: SqlStorage
  readonly #env: Env
  /** Receivers to which one is under way. */
  readonly #asked = new Set<string>()

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql
    this.#env = env
    sql.exec(`CREATE TABLE IF NOT EXISTS outbox (id TEXT, url TEXT, event TEXT, body TEXT, attempts INTEGER,
      next_at INTEGER, PRIMARY KEY (id, url)) WITHOUT ROWID`)
  }

  /** One row a receiver; `id` is the receivers' means to know a repetition. */
  add({ event, data }: Notice, now: number): void {
    const read = configOf(this.#env, PROTOCOL_NAMES)
    if (!read.ok) return
    const id = `msg_${crypto.randomUUID()}`
    const body = JSON.stringify({ type: event, timestamp: new Date(now).toISOString(), data })
    const subscription: Subscription = event === 'rollback_settled' ? 'rolled_back' : event
    for (const { url, events } of read.config.webhooks) {
      if (events.includes(subscription))
        // A receiver that the file names twice is told once.
        this.#sql.exec('INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, 0, ?)', id, url, event, body, now)
    }
  }

  /** When the next one is due whose receiver is free, unix ms; null where there is none, or no more may be under way. */
  nextAt(): number | null {
    if (this.#asked.size >= AT_ONCE) return null
    const next = 'SELECT MIN(next_at) AS at FROM outbox WHERE url NOT IN (SELECT value FROM json_each(?))'
    return this.#sql.exec<{ at: number | null }>(next, JSON.stringify([...this.#asked])).one().at
  }

  get isSending(): boolean {
    return this.#asked.size > 0
  }

  /**
   * Begins to send what is due: one at a time to each receiver, so that nobody waits for what another does. Each promise
   * resolves, and never rejects, when one of them was served and nobody else is due. `givenUp` is called in the same turn
   * in which a webhook is taken out for good.
   */
  send(givenUp: (lost: Undeliverable) => void): Promise<void>[] {
    const sendings: Promise<void>[] = []
    for (let row = this.#take(); row; row = this.#take()) sendings.push(this.#sendFrom(row, givenUp))
    return sendings
  }

  /** Those first whose receiver has refused nothing that still stands here, and news before repetitions. */
  #take(): OutboxRow | undefined {
    if (this.#asked.size >= AT_ONCE) return undefined
    const ranked = 'SELECT *, MAX(attempts) OVER (PARTITION BY url) AS refused FROM outbox'
    const next = `SELECT id, url, event, body, attempts FROM (${ranked})
      WHERE next_at <= ? AND url NOT IN (SELECT value FROM json_each(?)) ORDER BY refused, attempts, next_at LIMIT 1`
    const [row] = this.#sql.exec<OutboxRow>(next, Date.now(), JSON.stringify([...this.#asked]))
    if (row) this.#asked.add(row.url)
    return row
  }

  async #sendFrom(first: OutboxRow, givenUp: (lost: Undeliverable) => void): Promise<void> {
    for (let row: OutboxRow | undefined = first; row; row = this.#take()) {
      const error = await this.#post(row)
      this.#asked.delete(row.url)
      this.#settle(row, error, givenUp)
    }
  }

  #settle({ id, url, event, attempts }: OutboxRow, error: string | null, givenUp: (lost: Undeliverable) => void): void {
    const isLast = attempts + 1 >= MAX_ATTEMPTS
    if (error === null || isLast) this.#sql.exec('DELETE FROM outbox WHERE id = ? AND url = ?', id, url)
    if (error === null) return
    if (isLast) return givenUp({ id, url, event, error })
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS)
    const putOff = 'UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE id = ? AND url = ?'
    this.#sql.exec(putOff, Date.now() + pause, id, url)
  }

  /** Null when the receiver took it. */
  async #post({ id, url, body }: OutboxRow): Promise<string | null> {
    try {
      const signed = await webhookHeaders(this.#env.SLUICE_WEBHOOK_KEY, { id, at: Date.now(), body })
      const headers = { 'content-type': 'application/json', ...signed }
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
      return response.ok ? null : `answered ${response.status}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
