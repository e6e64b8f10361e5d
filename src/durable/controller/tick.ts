/** The controller's tick: closed windows folded into the judgement, and what follows, as one commit; and the view. */
import type { ReleaseView } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { driftOf } from '../../config/overlay.ts'
import { blockers } from '../../core/gates.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import { foldWindows, overdueAfter, recentQuestion, verdictsOf } from '../../core/guardrails/evaluation.ts'
import { asksFor } from '../../core/next-action.ts'
import { isRunning, type ReleaseState } from '../../core/release.ts'
import { windowStart } from '../../core/window.ts'
import { jobProtocolOf } from '../../protocols/index.ts'
import type { BlastRadius } from './blast-radius.ts'
import type { Commit } from './commit.ts'
import { decide, judgementOf } from './decide.ts'
import { currentVerdicts, factsOf } from './facts.ts'
import { gather, type Gathered, NOTHING } from './gather.ts'
import type { ControllerParts } from './parts.ts'
import { releaseView, submitsOf } from './view.ts'
import { isEmpty } from '../counts-report.ts'

/** How much a window's last flushes may lag behind its end. */
export const WINDOW_GRACE_MS = 50
/** Windows, the open one among them, that tell the split of a release that is not judged. */
const SPLIT_WINDOWS = 5
/** Rows of more windows than this at once are folded over several ticks. */
const MAX_WINDOWS_A_TICK = 240

/** Windows and seconds as they were read, and of which span. Times in unix ms. */
interface GatheredWindows extends Gathered {
  epoch: number
  judgedUntil: number
  untilMs: number
  /** Nothing was counted, and nothing older is left to be gathered. */
  isEmpty: boolean
  /** When they were asked for. */
  asOf: number
}

interface TickParts extends ControllerParts {
  blast: BlastRadius
}

export class Tick {
  readonly #parts: TickParts
  #ledgers: Gathered['ledgers'] = NOTHING
  /** The last tick has found nothing; once the next one has called for callbacks, and finds nothing either, it is quiet. */
  #wasEmpty = false

  constructor(parts: TickParts) {
    this.#parts = parts
  }

  /** Nothing where the release is not running. Rejects where it could not be judged, and then nothing is done. */
  async run(): Promise<void> {
    const before = this.#parts.effective()
    if (!before.ok || !isRunning(this.#parts.store.state)) return
    const gathered = await this.#gather(before.config).catch((error: unknown) => {
      this.#parts.store.isQuiet = this.#wasEmpty = false
      throw error
    })
    this.#parts.store.isQuiet = this.#wasEmpty && gathered.isEmpty
    this.#wasEmpty = gathered.isEmpty
    const current = this.#parts.effective()
    if (!current.ok) return
    const judged = this.#judged(current.config, gathered)
    const now = Date.now()
    const decided = decide({ ...this.#parts.store.known, ...judged, judgedAt: gathered.asOf }, current.config, now)
    this.#commit({ ...decided, stored: { ...judged, ...decided.stored } }, gathered, now)
  }

  /** Takes in what has closed since the last time, and does nothing about it: what a person's command is judged by. */
  async judge(config: ReleaseConfig): Promise<void> {
    if (!isRunning(this.#parts.store.state)) return
    const gathered = await this.#gather(config)
    this.#commit({ stored: this.#judged(config, gathered) }, gathered, gathered.asOf)
  }

  /** The one write of a tick. */
  #commit(commit: Commit, { asOf }: GatheredWindows, now: number): void {
    this.#parts.store.commit(commit, now)
    this.#parts.store.judgedAt = asOf
  }

  async #gather(config: ReleaseConfig): Promise<GatheredWindows> {
    const began = judgementOf(this.#parts.store.known, config)
    const asOf = Date.now()
    const closed = windowStart(asOf - WINDOW_GRACE_MS, config.windowMs)
    const untilMs = Math.min(closed, began.judgedUntil + MAX_WINDOWS_A_TICK * config.windowMs)
    const { shadow, epoch, judgedUntil } = began
    const late = overdueAfter(began, config.guardrails)
    const gathered = await gather(this.#parts.env, config, {
      fromMs: judgedUntil,
      toMs: untilMs,
      recent: recentQuestion(began, config.guardrails, asOf),
      callBack: this.#wasEmpty,
      overdue: late && { epoch, sinceMs: this.#parts.store.state.epochSince, shadow, ...late },
    })
    this.#ledgers = gathered.ledgers
    return { ...gathered, epoch, judgedUntil, untilMs, isEmpty: isEmpty(gathered) && untilMs === closed, asOf }
  }

  /**
   * Judgement and verdicts with what was gathered. Two that overlap can't fold a window twice: what was gathered for a
   * span or an epoch that is no longer the next one is dropped.
   */
  #judged(config: ReleaseConfig, gathered: GatheredWindows): NonNullable<Commit['stored']> {
    const { windows, recent, epoch, judgedUntil, untilMs, asOf } = gathered
    const { state } = this.#parts.store
    const current = judgementOf(this.#parts.store.known, config)
    if (current.epoch !== epoch || current.judgedUntil !== judgedUntil) return {}
    const { windowMs, guardrails } = config
    const jobOperation = jobProtocolOf(config) ? 'job' : 'other'
    const span = { rows: windows, untilMs, windowMs, guardrails, jobOperation } as const
    let judgement = current
    let verdicts: Verdict[] = []
    // Verdicts are taken after each window, so that a breach is seen also where several windows are caught up on.
    for (judgement of foldWindows(current, span)) {
      const context = { now: asOf, clockStartedAt: judgement.firstJobAt, epochStartedAt: state.epochSince }
      verdicts = verdictsOf(judgement, guardrails, recent, context, (metric) =>
        this.#parts.signals.means(metric, epoch),
      )
      if (verdicts.some((verdict) => asksFor('rollback', verdict, guardrails, state))) break
    }
    const { firstJobAt: clockStartedAt } = judgement
    const started =
      state.clockStartedAt === null && clockStartedAt !== null ? { state: { ...state, clockStartedAt } } : {}
    return { verdicts, ...(judgement === current ? {} : { judgement }), ...started }
  }

  /** The release as it is, or with `as` the state that a dry run would lead to. */
  async view(asked: ReleaseConfig, nextCheckAt: number | null, as?: ReleaseState): Promise<ReleaseView> {
    const asOf = Date.now()
    // A judgement counts the submits of its epoch, but only while the release runs; else the last windows tell the split.
    const counts = judgementOf(this.#parts.store.known, asked).submits
    const span = counts.control + counts.candidate > 0 ? 0 : SPLIT_WINDOWS * asked.windowMs
    const question = { fromMs: asOf - span, toMs: asOf, overdue: null }
    const [gathered, blast] = await Promise.all([
      gather(this.#parts.env, asked, question).catch(() => null),
      this.#parts.blast.current(asked),
    ])
    if (gathered) this.#ledgers = gathered.ledgers
    const now = Date.now()
    const effective = this.#parts.effective()
    const config = effective.ok ? effective.config : asked
    const { known } = this.#parts.store
    const { judgement, published } = known
    const state = as ?? known.state
    const shown = {
      state,
      config,
      drift: effective.ok ? driftOf(effective.file, published.overlay) : Object.keys(published.overlay),
      judgement,
      submits: span === 0 ? counts : submitsOf(gathered?.windows ?? [], state.epoch),
      verdicts: currentVerdicts(known, config, now),
      blockers: blockers(state, config, factsOf(known, config, now)),
      ledgers: this.#ledgers,
      blast,
      nextCheckAt,
      now,
    }
    return { ...releaseView(shown), ...(as ? { dry_run: true } : {}) }
  }
}
