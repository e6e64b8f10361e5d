/**
 * A release's controller in memory: the real commands, publications and view over a store that is an object. What comes
 * of traffic (verdicts, figures, jobs, windows) is what the test says. For the control plane, the pages and the command line.
 */
import type { HistoryEntry, JobView, Page, PairView, ReleaseView } from '../../src/api/index.ts'
import type { ReleaseConfig } from '../../src/config/load.ts'
import { driftOf, effectiveRelease } from '../../src/config/overlay.ts'
import { nextTickAt } from '../../src/core/cadence.ts'
import { blockers } from '../../src/core/gates.ts'
import type { Verdict } from '../../src/core/guardrails/index.ts'
import { initialState, isRunning, type ReleaseState, type Snapshot, snapshotOf } from '../../src/core/release.ts'
import { type Command, transition } from '../../src/core/transitions.ts'
import type { WindowRow } from '../../src/core/window.ts'
import type { ReleaseControllerRpc, SignalSum } from '../../src/durable/controller-rpc.ts'
import { type Commit, stateChange } from '../../src/durable/controller/commit.ts'
import { byHand } from '../../src/durable/controller/commands.ts'
import { decide, judgementOf } from '../../src/durable/controller/decide.ts'
import { markOf } from '../../src/durable/controller/effective.ts'
import { currentVerdicts, factsOf, type Known } from '../../src/durable/controller/facts.ts'
import { NOTHING } from '../../src/durable/controller/gather.ts'
import { configView, publicationOf, publish } from '../../src/durable/controller/publishing.ts'
import { migrateStoredState, type StoredState } from '../../src/durable/controller/stored-state.ts'
import { releaseView, verdictView } from '../../src/durable/controller/view.ts'
import { PROTOCOL_NAMES } from '../../src/protocols/index.ts'
import { aReport } from './report-view.ts'

type Entry = HistoryEntry & { cause?: string }
type Asked = Parameters<ReleaseControllerRpc['publications']>[0]

/** What the controller's store does, without SQL. */
class MemoryStore {
  stored: StoredState
  /** Newest first. */
  entries: Entry[] = []

  constructor(stored: StoredState) {
    this.stored = stored
  }

  get known(): Known {
    return { ...this.stored, judgedAt: Infinity, isQuiet: false }
  }

  commit({ stored = {}, audit = [] }: Commit, now: number): void {
    this.stored = { ...this.stored, ...stored }
    const { epoch, version } = this.stored.state
    const at = new Date(now).toISOString()
    for (const draft of audit)
      this.entries.unshift({ id: String(this.entries.length + 1), at, ...draft, epoch, version })
  }

  publications(asked: Asked) {
    const all = this.entries.filter(({ action }) => action === 'configure').map(publicationOf)
    if ('changes' in asked) return all.filter(({ change }) => change && asked.changes.includes(change.id))
    return all.filter(({ version }) => version < (asked.before ?? Infinity)).slice(0, asked.limit)
  }
}

export class ControllerFake implements ReleaseControllerRpc {
  readonly #file: ReleaseConfig
  readonly #now: () => number
  readonly #store: MemoryStore
  /** Laid over the real view: figures of traffic that nobody sends here. */
  shown: (state: ReleaseState, view: ReleaseView) => Partial<ReleaseView> = () => ({})
  /** Of a running release, in place of what a tick would have stored. */
  verdicts: (state: ReleaseState) => readonly Verdict[] = () => []
  rows: WindowRow[] = []
  /** What is counted in the windows that begin within these times. */
  counted = (fromMs: number, toMs: number, _windowMs: number): WindowRow[] =>
    this.rows.filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
  allJobs: JobView[] = []
  allPairs: PairView[] = []
  /** Every call fails, as if the object could not be reached. */
  unreachable = false

  constructor(file: ReleaseConfig, now: () => number) {
    this.#file = file
    this.#now = now
    this.#store = new MemoryStore(migrateStoredState({ state: initialState(now()), configMark: markOf(file) }))
  }

  get state(): ReleaseState {
    return this.#store.stored.state
  }

  /** As if it had come there in some way that does not matter. */
  set state(state: ReleaseState) {
    this.#store.commit({ stored: { state } }, this.#now())
  }

  get entries(): Entry[] {
    return this.#store.entries
  }

  set entries(entries: Entry[]) {
    this.#store.entries = entries
  }

  get published(): StoredState['published'] {
    return this.#store.stored.published
  }

  set finishedJobs(candidateJobs: number) {
    const judgement = { ...judgementOf(this.#known, this.#config), candidateJobs }
    this.#store.commit({ stored: { judgement } }, this.#now())
  }

  /** As somebody, or as the system; a rollback with its evidence. Throws what the state machine refuses. */
  do(command: Command, who: string, reason: string): void {
    const known = this.#known
    const now = this.#now()
    const next = transition(known.state, command, this.#config, factsOf(known, this.#config, now), reason)
    if (!next.ok) throw new Error(next.message)
    const [verdict] = known.verdicts
    const verdicts = known.verdicts.map(verdictView)
    const evidence =
      command.action === 'rollback' ? { evidence: { verdict: verdict && verdictView(verdict), verdicts } } : {}
    const audit = { who, action: command.action, reason, from: next.from, to: next.to, ...evidence }
    this.#store.commit(stateChange(known, this.#config, next.state, audit, now), now)
  }

  /** What a tick does about the verdicts. */
  tick(): void {
    const now = this.#now()
    this.#store.commit(decide(this.#known, this.#config, now), now)
  }

  viewNow(as = this.state): ReleaseView {
    const known = this.#known
    const now = this.#now()
    const config = this.#config
    const view = releaseView({
      state: as,
      config,
      drift: driftOf(this.#file, known.published.overlay),
      judgement: known.judgement,
      submits: { control: 0, candidate: 0 },
      verdicts: currentVerdicts(known, config, now),
      blockers: blockers(as, config, factsOf(known, config, now)),
      ledgers: NOTHING,
      blast: null,
      nextCheckAt: isRunning(as) ? nextTickAt(config, now) : null,
      now,
    })
    return { ...view, ...this.shown(as, view) }
  }

  lastSnapshot(): Snapshot {
    return snapshotOf(this.state, this.#config)
  }

  snapshot = () => this.#answer(() => this.lastSnapshot())
  view: ReleaseControllerRpc['view'] = () => this.#answer(() => ({ ok: true, value: this.viewNow() }))

  act = (...[command, actor]: Parameters<ReleaseControllerRpc['act']>) =>
    this.#answer(() => {
      const now = this.#now()
      const done = byHand(this.#known, this.#config, command, actor, now)
      if (!done.ok) return done
      const value = done.value.state
      if (command.dry_run) return { ok: true as const, value: { ...this.viewNow(value), dry_run: true } }
      this.#store.commit(done.value.commit, now)
      return { ok: true as const, value: this.viewNow() }
    })

  history = (cursor: string | null, limit: number) =>
    this.#answer((): Page<HistoryEntry> => {
      const items = this.entries.filter(({ id }) => Number(id) < Number(cursor ?? Infinity))
      const page = items.slice(0, limit).map(({ cause: _, ...entry }) => entry)
      return { items: page, next: items.length > limit ? page.at(-1)!.id : null }
    })

  config = () => this.#answer(() => ({ ok: true as const, value: configView(this.#store, this.#effective) }))

  publish = (...[overlay, baseVersion, reason, actor, origin = {}]: Parameters<ReleaseControllerRpc['publish']>) =>
    this.#answer(() => publish(this.#store, this.#file, { overlay, baseVersion, reason, origin }, actor, this.#now()))

  publications = (asked: Asked) => this.#answer(() => this.#store.publications(asked))
  lastPublishedChange = () =>
    this.#answer(() =>
      Math.max(0, ...this.#store.publications({ before: null, limit: Infinity }).map(({ change }) => change?.id ?? 0)),
    )

  windows = (fromMs: number, toMs: number) =>
    this.#answer(() => {
      const { windowMs } = this.#config
      return { windowMs, rows: this.counted(fromMs, toMs, windowMs) }
    })

  totals = () => this.#answer(() => this.rows)

  jobs = (...[filter, cursor, limit]: Parameters<ReleaseControllerRpc['jobs']>) => {
    const wanted = Object.entries(filter) as [keyof JobView, unknown][]
    const matching = this.allJobs.filter((job) =>
      wanted.every(([key, value]) => value === undefined || job[key] === value),
    )
    return this.#answer(() => paged(matching, cursor, limit))
  }

  pairs = (cursor: string | null, limit: number) => this.#answer(() => paged(this.allPairs, cursor, limit))

  scores = () => this.#answer(() => ({ items: [], next: null }))

  rollbacks = () =>
    this.#answer(() => {
      const causes = Map.groupBy(
        this.entries.filter(({ action }) => action === 'rollback'),
        ({ cause = 'manual' }) => cause,
      )
      return [...causes].map(([cause, its]) => ({ cause, n: its.length }))
    })

  addSignals: ReleaseControllerRpc['addSignals'] = () => this.#answer(() => ({ repeated: [], refused: [] }))
  signals = () => this.#answer((): SignalSum[] => [])
  report = () => this.#answer(() => ({ ok: true as const, value: aReport(this.#file.name) }))
  selfCheck = () => this.report()
  dailySums = () => this.#answer(() => ({ ok: true as const, value: [] }))
  telemetryLost = () => this.#answer(() => 0)

  get #known(): Known {
    const { known } = this.#store
    return isRunning(known.state) ? { ...known, verdicts: [...this.verdicts(known.state)] } : known
  }

  get #effective() {
    const { overlay } = this.published
    const laid = effectiveRelease(this.#file, overlay, PROTOCOL_NAMES)
    return { file: this.#file, config: laid.ok ? laid.config : this.#file, setAside: laid.ok ? [] : laid.issues }
  }

  get #config(): ReleaseConfig {
    return this.#effective.config
  }

  async #answer<T>(make: () => T): Promise<T> {
    if (this.unreachable) throw new Error('the object is out of reach')
    return make()
  }
}

/** With the cursors that one ledger gives. */
function paged<T>(all: readonly T[], cursor: string | null, limit: number): Page<T> {
  const from = Number(/~(\d+)/.exec(cursor ?? '')?.[1] ?? 0)
  const next = from + limit < all.length ? `0~${from + limit}|key` : null
  return { items: all.slice(from, from + limit), next }
}
