/**
 * What the controller stores: state, judgement, overlay, append-only audit, and webhooks on their way. What one decision
 * writes is written by `commit`, in one transaction. Decides nothing.
 */
import type { HistoryEntry, Page } from '../../api/index.ts'
import type { ReleaseState } from '../../core/release.ts'
import type { EpochPlace } from '../../core/report/span.ts'
import { placeOf } from '../../core/transitions.ts'
import type { Publication, ReleaseControllerRpc } from '../controller-rpc.ts'
import type { AuditDraft, Commit, Notice } from './commit.ts'
import type { Known } from './facts.ts'
import { type StoredState, lostState, readStored, migrateStoredState } from './stored-state.ts'
import type { Outbox } from './outbox.ts'
import { publicationOf } from './publishing.ts'

type AuditRow = { id: number; at_ms: number; entry: string }

export class ControllerStore {
  readonly #release: string
  readonly #storage: DurableObjectStorage
  readonly #outbox: Outbox
  #stored: StoredState
  /** Of what this object has written, what it was written for. */
  readonly #written = new Map<string, string>()
  /** When counters could last be read and judged; in memory only, so a fresh object gets the benefit of the doubt. */
  judgedAt = Date.now()
  /** Nothing is counted; in memory only, too. */
  isQuiet = false

  constructor(release: string, storage: DurableObjectStorage, outbox: Outbox) {
    this.#release = release
    this.#storage = storage
    this.#outbox = outbox
    // The index: what is asked by action, of which there are few, must not cost more as the history grows.
    storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS stored_state (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER, action TEXT, cause TEXT, entry TEXT);
      CREATE INDEX IF NOT EXISTS audit_by_action ON audit (action, cause)`)
    const rows = [...storage.sql.exec<{ name: string; value: string }>('SELECT * FROM stored_state')]
    const { stored, unreadable } = readStored(rows)
    this.#stored = migrateStoredState(stored)
    if (unreadable.length > 0) this.#fix(unreadable, Date.now())
    else if (stored.schema !== this.#stored.schema) this.commit({ stored: this.#stored }, 0)
  }

  /** Whatever else is lost, a rollback stays possible; where nobody knows how the release stood, control serves. */
  #fix(unreadable: readonly string[], now: number): void {
    const [last] = this.#storage.sql.exec<{ epoch: number | null; version: number | null }>(
      `SELECT MAX(json_extract(entry, '$.epoch')) AS epoch, MAX(json_extract(entry, '$.version')) AS version FROM audit`,
    )
    const isLost = unreadable.includes('state')
    const reason = `what was stored of ${unreadable.join(', ')} could not be read${isLost ? ': control serves everybody until reset and start' : ' and begins anew'}`
    // Beyond all that any shard can hold, or it would keep its own.
    const epoch = last?.epoch ?? 0
    const version = Math.max(last?.version ?? 0, this.#stored.pushedVersion)
    const state = isLost ? lostState(epoch + 1, version + 1, reason, now) : this.state
    const ended = isLost ? { shadowsToClose: epoch, judgement: null } : {}
    const place = placeOf(state)
    const cause = isLost ? { cause: 'unreadable' } : {}
    const action = isLost ? 'rollback' : 'fix'
    const entry = { who: 'system:storage', action, reason, from: place, to: place, ...cause }
    const data = { release: this.#release, ...entry, epoch: state.epoch, version: state.version }
    const webhooks: Notice[] = isLost ? [{ event: 'rolled_back', data }] : []
    this.commit({ stored: { ...this.#stored, state, ...ended }, audit: [entry], webhooks }, now)
    console.error(JSON.stringify({ at: 'release-controller', step: 'read-storage', unreadable }))
  }

  get known(): Known {
    return { ...this.#stored, judgedAt: this.judgedAt, isQuiet: this.isQuiet }
  }

  get stored(): Readonly<StoredState> {
    return this.#stored
  }

  get state(): ReleaseState {
    return this.#stored.state
  }

  /** Every epoch since then with its stage and split, oldest first: the audit has an entry for each. */
  places(sinceMs: number): EpochPlace[] {
    const places = `SELECT json_extract(entry, '$.epoch') AS epoch, json_extract(entry, '$.to.stage') AS stage,
        json_extract(entry, '$.to.percent') AS percent, MIN(at_ms) AS sinceMs
      FROM audit WHERE at_ms >= ? GROUP BY 1 ORDER BY 1`
    return [...this.#storage.sql.exec<EpochPlace & Record<string, SqlStorageValue>>(places, sinceMs)]
  }

  /** All or nothing: on an error neither storage nor memory changes. */
  commit({ stored = {}, audit = [], webhooks = [] }: Commit, now: number): void {
    const state = stored.state ?? this.state
    const marks = Object.entries(stored).map(([name, value]) => [name, value, markOf(name, value)] as const)
    // Most ticks find what the last one found, and a row is written for a price.
    const changed = marks.filter(([name, , mark]) => this.#written.get(name) !== mark)
    if (changed.length + audit.length + webhooks.length > 0)
      this.#storage.transactionSync(() => {
        for (const [name, value] of changed)
          this.#storage.sql.exec('INSERT OR REPLACE INTO stored_state VALUES (?, ?)', name, JSON.stringify(value))
        for (const draft of audit) this.#append(draft, state, now)
        for (const notice of webhooks) this.#outbox.add(notice, now)
      })
    this.#stored = { ...this.#stored, ...stored }
    for (const [name, , mark] of changed) this.#written.set(name, mark)
  }

  history(cursor: string | null, limit: number): Page<HistoryEntry> {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor)
    const newest = 'SELECT id, at_ms, entry FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?'
    const rows = [...this.#storage.sql.exec<AuditRow>(newest, before, limit + 1)]
    const items = rows.slice(0, limit).map(entryOf)
    return { items, next: rows.length > limit ? items.at(-1)!.id : null }
  }

  rollbacks(): { cause: string; n: number }[] {
    const counts = "SELECT cause, COUNT(*) AS n FROM audit WHERE action = 'rollback' GROUP BY cause"
    return [...this.#storage.sql.exec<{ cause: string; n: number }>(counts)]
  }

  /** Newest first. What a publication came of stands in its entry's evidence. */
  publications(asked: Parameters<ReleaseControllerRpc['publications']>[0]): Publication[] {
    const [where, given, limit] =
      'changes' in asked
        ? ["'$.evidence.change.id') IN (SELECT value FROM json_each(?))", JSON.stringify(asked.changes), -1]
        : ["'$.evidence.overlay_version') < ?", asked.before ?? Number.MAX_SAFE_INTEGER, asked.limit]
    const published = `SELECT id, at_ms, entry FROM audit
      WHERE action = 'configure' AND json_extract(entry, ${where} ORDER BY id DESC LIMIT ?`
    const rows = this.#storage.sql.exec<AuditRow>(published, given, limit)
    return Array.from(rows, (row) => publicationOf(entryOf(row)))
  }

  lastPublishedChange(): number {
    const [row] = this.#storage.sql.exec<{ id: number | null }>(
      "SELECT MAX(json_extract(entry, '$.evidence.change.id')) AS id FROM audit WHERE action = 'configure'",
    )
    return row?.id ?? 0
  }

  #append({ cause, ...draft }: AuditDraft, state: ReleaseState, now: number): void {
    const entry = JSON.stringify({ ...draft, epoch: state.epoch, version: state.version })
    const append = 'INSERT INTO audit (at_ms, action, cause, entry) VALUES (?, ?, ?, ?)'
    this.#storage.sql.exec(append, now, draft.action, cause ?? null, entry)
  }
}

/** What of a value is worth a write where it changes: not the sentences of verdicts, which count the seconds without data. */
function markOf(name: string, value: unknown): string {
  if (name !== 'verdicts') return JSON.stringify(value)
  return JSON.stringify((value as StoredState['verdicts']).map(({ message: _, ...verdict }) => verdict))
}

function entryOf({ id, at_ms, entry }: AuditRow): HistoryEntry {
  return { id: String(id), at: new Date(at_ms).toISOString(), ...JSON.parse(entry) }
}
