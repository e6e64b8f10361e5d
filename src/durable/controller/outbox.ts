/**
 * Webhooks on their way out: queued in the transaction that they report, sent by alarm with growing
 * pauses, at least once and always under the same id. Signed as Standard Webhooks
 * (standardwebhooks.com) has it.
 */
import { webhookHeaders } from '../../auth/webhook-signature.ts'
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
const AT_ONCE = 10

type OutboxRow = { id: string; url: string; event: WebhookEvent; body: string; attempts: number; next_at: number }

export interface Undeliverable {
  id: string
  url: string
  event: WebhookEvent
  error: string
}

export class Outbox {
  readonly #sql: SqlStorage
  readonly #env: Env
  #sending = false

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql
    this.#env = env
    sql.exec(
      'CREATE TABLE IF NOT EXISTS outbox (id TEXT, url TEXT, event TEXT, body TEXT, attempts INTEGER, next_at INTEGER, PRIMARY KEY (id, url)) WITHOUT ROWID',
    )
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
        this.#sql.exec('INSERT INTO outbox VALUES (?, ?, ?, ?, 0, ?)', id, url, event, body, now)
    }
  }

  nextAt(): number | null {
    const [row] = this.#sql.exec<{ at: number | null }>('SELECT MIN(next_at) AS at FROM outbox')
    return row?.at ?? null
  }

  get isSending(): boolean {
    return this.#sending
  }

  /**
   * Sends what is due, news before repetitions, so that no receiver waits behind what another has refused for days.
   * `givenUp` is called in the same turn in which a webhook is taken out for good. Null while an earlier sending is under
   * way or nothing is due.
   */
  send(now: number, givenUp: (lost: Undeliverable) => void): Promise<void> | null {
    if (this.#sending) return null
    const due = [
      ...this.#sql.exec<OutboxRow>(
        'SELECT * FROM outbox WHERE next_at <= ? ORDER BY attempts, next_at LIMIT ?',
        now,
        AT_ONCE,
      ),
    ]
    if (due.length === 0) return null
    this.#sending = true
    const sent = Promise.all(due.map((row) => this.#deliver(row, now, givenUp)))
    return sent.then(() => undefined).finally(() => (this.#sending = false))
  }

  async #deliver(row: OutboxRow, now: number, givenUp: (lost: Undeliverable) => void): Promise<void> {
    const { id, url, event, attempts } = row
    const error = await this.#post(row)
    const isLast = attempts + 1 >= MAX_ATTEMPTS
    if (error === null || isLast) this.#sql.exec('DELETE FROM outbox WHERE id = ? AND url = ?', id, url)
    if (error === null) return
    if (isLast) return givenUp({ id, url, event, error })
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS)
    this.#sql.exec(
      'UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE id = ? AND url = ?',
      now + pause,
      id,
      url,
    )
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
