/** What a release's controller stores beside its audit, and how that is read. Pure. */
import { isTable } from '../../config/fields.ts'
import type { Overlay } from '../../config/overlay.ts'
import type { Decision } from '../../core/decision.ts'
import type { FixedReading, StoredSelfCheck } from '../../core/experiment.ts'
import type { Judgement } from '../../core/guardrails/evaluation.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import { initialState, type ReleaseState, STATES } from '../../core/release.ts'
import type { BlastSum } from '../../core/rollback-cost.ts'

/** Of all that is stored; grows when a stored value changes its shape or its meaning. */
const SCHEMA = 1

/** The overlay as published; `version` counts publications. */
export interface Published {
  overlay: Overlay
  version: number
  /** What is stored is no overlay at all; `overlay` is then empty. */
  unreadable?: true
}

/** Of the stored text: whatever stands there, the release can be worked with and another overlay be published. */
function publishedOf(text: string): Published {
  const value = parsed(text)
  const { overlay, version } = isTable(value) ? value : {}
  const known = typeof version === 'number' && Number.isSafeInteger(version) ? version : null
  if (isTable(overlay) && known !== null) return { overlay, version: known }
  return { overlay: {}, version: known ?? 0, unreadable: true }
}

/** Rows as stored → values, and the names of those that can't be read; `published` says so itself. */
export function readStored(rows: readonly { name: string; value: string }[]): {
  stored: Partial<Omit<StoredState, 'schema'>> & { schema?: number }
  unreadable: string[]
} {
  const stored: Record<string, unknown> = {}
  const unreadable: string[] = []
  for (const { name, value: text } of rows) {
    const value = name === 'published' ? publishedOf(text) : parsed(text)
    const fits = FITS[name] ?? NULLABLE_TABLE
    if (fits(value, text)) stored[name] = value
    else unreadable.push(name)
  }
  return { stored, unreadable }
}

type Fits = (value: unknown, text: string) => boolean
const NUMBER: Fits = (value) => Number.isSafeInteger(value)
const LIST: Fits = (value) => Array.isArray(value)
const NULLABLE_TABLE: Fits = (value, text) => isTable(value) || text === 'null'
const FITS: Record<string, Fits> = {
  schema: NUMBER,
  pushedVersion: NUMBER,
  shards: NUMBER,
  shadowsToClose: (value, text) => NUMBER(value, text) || text === 'null',
  verdicts: LIST,
  unsettled: LIST,
  state: (value) =>
    isTable(value) &&
    STATES.some((state) => state === value['state']) &&
    COUNTS.every((key) => NUMBER(value[key], '')) &&
    LIST(value['ledgers'] ?? [], ''),
}
const COUNTS = ['epoch', 'version', 'since', 'epochSince']

/** In place of one that can't be read: control serves, and only people lead out of it. */
export function lostState(epoch: number, version: number, reason: string, now: number): ReleaseState {
  return { ...initialState(now), state: 'rolled_back', stage: 'rolled_back', epoch, version, reason }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Hashes of the effective config: of what is judged or split, and of all that isolates see. */
export interface ConfigMark {
  judged: string
  all: string
}

/** A run that was rolled back: when it started, when that was decided, and the epoch that the rollback began. */
export interface EndedRun {
  startedAt: number
  decidedAt: number
  epoch: number
}

export interface StoredState {
  schema: typeof SCHEMA
  state: ReleaseState
  judgement: Judgement | null
  verdicts: Verdict[]
  published: Published
  configMark: ConfigMark | null
  /** Version of the snapshot that each shard has confirmed; -1: none. */
  pushedVersion: number
  /** The most shards that a snapshot was ever pushed to. */
  shards: number
  /** The experiment's decision, and of which epoch it is. */
  decision: { epoch: number; decision: Decision['decision']; message: string } | null
  /** Sums at the planned end of the split that began with epoch `span`. */
  reading: (FixedReading & { span: number }) | null
  /** The report's test tried on control, in the split that began with epoch `span`. */
  selfCheck: (StoredSelfCheck & { span: number }) | null
  /** Runs whose cost is not final yet, since jobs of them are open. */
  unsettled: EndedRun[]
  /** The last run, if it was rolled back, and its cost once that is final; until the next start. */
  endedRun: EndedRun | null
  endedCost: BlastSum | null
  /** Copies of this epoch and before are to be ended; null once every ledger has confirmed it. */
  shadowsToClose: number | null
}

/** What is stored, what is missing filled in. Throws on a newer schema, so that an older build overwrites nothing. */
export function migrateStoredState(stored: Partial<Omit<StoredState, 'schema'>> & { schema?: number }): StoredState {
  const { schema = SCHEMA } = stored
  if (schema > SCHEMA) throw new Error(`the release is stored in schema ${schema}; this build knows schema ${SCHEMA}`)
  // Here stands a pure step for each schema before today's, once there is one: what it stored → what the next one stores.
  return {
    judgement: null,
    verdicts: [],
    published: { overlay: {}, version: 0 },
    configMark: null,
    pushedVersion: -1,
    shards: 1,
    decision: null,
    reading: null,
    selfCheck: null,
    unsettled: [],
    endedRun: null,
    endedCost: null,
    shadowsToClose: null,
    ...stored,
    // Earlier builds kept no counts of ledgers.
    state: { ...initialState(0), ...stored.state },
    schema: SCHEMA,
  }
}
