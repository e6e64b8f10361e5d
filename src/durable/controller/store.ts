/**
 * What the controller keeps: state, judgement, overlay, append-only audit. Whatever changes together
 * is written in one synchronous transaction. Decides nothing.
 */
import type { HistoryEntry } from '../../control/api.ts'
import type { Overlay } from '../../config/overlay.ts'
import type { FixedReading } from '../../core/experiment.ts'
import type { Facts } from '../../core/gates.ts'
import type { Judgement } from '../../core/judgement.ts'
import type { Verdict } from '../../core/guardrails.ts'
import { initialState, type ReleaseState } from '../../core/release.ts'
import type { EpochPlace } from '../../core/report-span.ts'
import type { Place } from '../../core/transitions.ts'

export interface AuditDraft {
  who: string
  action: string
  reason: string
  from: Place
  to: Place
  /** For rollbacks: the guardrail, or `manual`. */
  cause?: string
  evidence?: unknown
}

/** The overlay as published; `version` counts publications. */
export interface Published {
  overlay: Overlay
  version: number
}

/** Hashes of the effective config: of what is judged or split, and of all that isolates see. */
export interface ConfigMark {
  judged: string
  all: string
}

/** When a run started, and the epoch that its rollback began. */
export interface EndedRun {
  startedAt: number
  epoch: number
}

interface Kept {
  state: ReleaseState
  judgement: Judgement | null
  verdicts: Verdict[]
  published: Published
  configMark: ConfigMark | null
  /** Version of the snapshot that each shard has confirmed. */
  pushedVersion: number
  /** The experiment's decision, and of which epoch it is. */
  decision: ExperimentDecision | null
  /** Sums at the planned end of the split that began with epoch `span`. */
  reading: (FixedReading & { span: number }) | null
  /** A rollback that has not been summed up yet: when it was decided, and which run it ended. */
  unsettledSince: number | null
  unsettledRun: EndedRun | null
  /** Copies of this epoch and before are to be ended; null once every ledger has confirmed it. */
  shadowsToClose: number | null
}

const NEVER_PUBLISHED: Published = { overlay: {}, version: 0 }

export interface ExperimentDecision {
  epoch: number
  decision: NonNullable<Facts['experiment']>
  message: string
}

type AuditRow = { id: number; at_ms: number; entry: string }

export class ControllerStore {
  readonly #storage: DurableObjectStorage
  readonly #cache: Partial<Kept> = {}
  /** When counters could last be read and judged; in memory only, so a fresh object gets the benefit of the doubt. */
  judgedAt = Date.now()

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec('CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID')
    storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER, action TEXT, cause TEXT, entry TEXT)',
    )
  }

  get state(): ReleaseState {
    return this.#get('state') ?? initialState(0)
  }

  get judgement(): Judgement | null {
    return this.#get('judgement')
  }

  get verdicts(): Verdict[] {
    return this.#get('verdicts') ?? []
  }

  get published(): Published {
    return this.#get('published') ?? NEVER_PUBLISHED
  }

  get configMark(): ConfigMark | null {
    return this.#get('configMark')
  }

  get pushedVersion(): number {
    return this.#get('pushedVersion') ?? -1
  }

  get unsettledSince(): number | null {
    return this.#get('unsettledSince')
  }

  get unsettledRun(): EndedRun | null {
    return this.#get('unsettledRun')
  }

  get shadowsToClose(): number | null {
    return this.#get('shadowsToClose')
  }

  get decision(): ExperimentDecision | null {
    return this.#get('decision')
  }

  get reading(): Kept['reading'] {
    return this.#get('reading')
  }

  /** Every epoch since then with its stage and split, oldest first: the audit has an entry for each. */
  places(sinceMs: number): EpochPlace[] {
    return [
      ...this.#storage.sql.exec<{ epoch: number; stage: string; percent: number; sinceMs: number }>(
        `SELECT json_extract(entry, '$.epoch') AS epoch, json_extract(entry, '$.to.stage') AS stage,
           json_extract(entry, '$.to.percent') AS percent, MIN(at_ms) AS sinceMs
         FROM audit WHERE at_ms >= ? GROUP BY 1 ORDER BY 1`,
        sinceMs,
      ),
    ]
  }

  /** All or nothing: on an error neither storage nor memory changes. */
  commit(changes: Partial<Kept>, audit: AuditDraft | null, now: number): void {
    this.#storage.transactionSync(() => {
      for (const [name, value] of Object.entries(changes)) {
        this.#storage.sql.exec('INSERT OR REPLACE INTO kept VALUES (?, ?)', name, JSON.stringify(value))
      }
      if (audit) this.#append(audit, changes.state ?? this.state, now)
    })
    Object.assign(this.#cache, changes)
  }

  history(cursor: string | null, limit: number): { items: HistoryEntry[]; next: string | null } {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor)
    const rows = [
      ...this.#storage.sql.exec<AuditRow>(
        'SELECT id, at_ms, entry FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?',
        before,
        limit + 1,
      ),
    ]
    const items = rows.slice(0, limit).map((row): HistoryEntry => ({
      id: String(row.id),
      at: new Date(row.at_ms).toISOString(),
      ...JSON.parse(row.entry),
    }))
    return { items, next: rows.length > limit ? items.at(-1)!.id : null }
  }

  rollbacks(): { cause: string; n: number }[] {
    return [
      ...this.#storage.sql.exec<{ cause: string; n: number }>(
        "SELECT cause, COUNT(*) AS n FROM audit WHERE action = 'rollback' GROUP BY cause",
      ),
    ]
  }

  publications(limit: number): { version: number; at: string; who: string; reason: string }[] {
    const rows = this.#storage.sql.exec<AuditRow>(
      "SELECT id, at_ms, entry FROM audit WHERE action = 'configure' ORDER BY id DESC LIMIT ?",
      limit,
    )
    return [...rows].map(({ at_ms, entry }) => {
      const { who, reason, evidence } = JSON.parse(entry) as HistoryEntry & { evidence: { overlay_version: number } }
      return { version: evidence.overlay_version, at: new Date(at_ms).toISOString(), who, reason }
    })
  }

  #append({ cause, ...draft }: AuditDraft, state: ReleaseState, now: number): void {
    const entry = { ...draft, epoch: state.epoch, version: state.version }
    this.#storage.sql.exec(
      'INSERT INTO audit (at_ms, action, cause, entry) VALUES (?, ?, ?, ?)',
      now,
      draft.action,
      cause ?? null,
      JSON.stringify(entry),
    )
  }

  #get<K extends keyof Kept>(name: K): Kept[K] | null {
    if (!(name in this.#cache)) {
      const [row] = this.#storage.sql.exec<{ value: string }>('SELECT value FROM kept WHERE name = ?', name)
      if (row) this.#cache[name] = JSON.parse(row.value) as Kept[K]
      else return null
    }
    return (this.#cache[name] as Kept[K] | undefined) ?? null
  }
}
