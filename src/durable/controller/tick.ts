/**
 * The controller's tick: closed windows of all shards and ledgers folded into the judgement, verdicts taken, and what
 * core/next-action.ts says about them carried out. Also the release's view, from what the tick knows.
 */
import type { ReleaseView } from '../../api/index.ts'
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { driftOf } from '../../config/overlay.ts'
import { type Blocker, blockers } from '../../core/gates.ts'
import { recentMsOf, type Verdict } from '../../core/guardrails/index.ts'
import {
  foldWindows,
  type Judgement,
  openJudgement,
  overdueAfter,
  verdictsOf,
} from '../../core/guardrails/evaluation.ts'
import { alertOf, asksFor, nextAction } from '../../core/next-action.ts'
import { isRunning, type ReleaseState } from '../../core/release.ts'
import { windowStart } from '../../core/window.ts'
import { jobProtocolOf } from '../../protocols/index.ts'
import type { Actions } from './actions.ts'
import type { BlastRadius } from './blast-radius.ts'
import { gather, type Gathered, NOTHING } from './gather.ts'
import type { Effective } from './effective.ts'
import type { Signals } from './signals.ts'
import type { ControllerStore } from './store.ts'
import { releaseView, submitsOf, verdictView } from './view.ts'

/** How much a window's last flushes may lag behind its end. */
const WINDOW_GRACE_MS = 50
/** Windows, the open one among them, that tell the split of a release that is not judged. */
const SPLIT_WINDOWS = 5
/** Rows of more windows than this at once are folded over several ticks. */
const MAX_WINDOWS_A_TICK = 240

interface TickParts {
  env: Env
  store: ControllerStore
  actions: Actions
  signals: Signals
  blast: BlastRadius
  /** The configuration as it is now: it may change while a tick waits. */
  effective: () => Effective
}

export class Tick {
  readonly #env: Env
  readonly #store: ControllerStore
  readonly #actions: Actions
  readonly #signals: Signals
  readonly #blast: BlastRadius
  readonly #effective: () => Effective
  #ledgers: Gathered['ledgers'] = NOTHING

  constructor({ env, store, actions, signals, blast, effective }: TickParts) {
    this.#env = env
    this.#store = store
    this.#actions = actions
    this.#signals = signals
    this.#blast = blast
    this.#effective = effective
  }

  /** Nothing where the release is not running. Rejects where it could not be judged, and then nothing is done. */
  async run(): Promise<void> {
    const before = this.#effective()
    if (!before.ok || !isRunning(this.#store.state)) return
    await this.judge(before.config)
    const current = this.#effective()
    if (current.ok) this.#act(current.config)
  }

  /**
   * Takes in what has closed since the last time. Two that overlap can't fold a window twice: what was gathered
   * for a span or an epoch that is no longer the next one is dropped.
   */
  async judge(config: ReleaseConfig): Promise<void> {
    const began = this.#judgement(config)
    if (!isRunning(this.#store.state)) return
    const now = Date.now()
    const closed = windowStart(now - WINDOW_GRACE_MS, config.windowMs)
    const until = Math.min(closed, began.judgedUntil + MAX_WINDOWS_A_TICK * config.windowMs)
    const longest = Math.max(0, ...config.guardrails.map((guardrail) => recentMsOf(guardrail) ?? 0))
    const { shadow, epoch } = began
    const late = overdueAfter(began, config.guardrails)
    const question = {
      fromMs: began.judgedUntil,
      toMs: until,
      recentFromMs: now - longest,
      overdue: late && { epoch, shadow, ...late },
    }
    const gathered = await gather(this.#env, config, question)
    this.#ledgers = gathered.ledgers
    this.#store.judgedAt = now
    const current = this.#judgement(config)
    if (current.epoch !== epoch || current.judgedUntil !== began.judgedUntil) return
    const { state } = this.#store
    const { windowMs, guardrails } = config
    const jobOperation = jobProtocolOf(config.protocol) ? 'job' : 'other'
    const span = { rows: gathered.windows, untilMs: until, windowMs, guardrails, jobOperation } as const
    let judgement = current
    let verdicts: Verdict[] = []
    // Verdicts are taken after each window, so that a breach is seen also where several windows are caught up on.
    for (judgement of foldWindows(current, span)) {
      const context = { now, clockStartedAt: judgement.firstJobAt, epochStartedAt: state.epochSince }
      verdicts = verdictsOf(judgement, guardrails, gathered.recent, context, (metric) =>
        this.#signals.means(metric, epoch),
      )
      if (verdicts.some((verdict) => asksFor('rollback', verdict, guardrails, state))) break
    }
    const started =
      state.clockStartedAt === null && judgement.firstJobAt !== null
        ? { state: { ...state, clockStartedAt: judgement.firstJobAt } }
        : {}
    this.#store.commit({ verdicts, ...(judgement === current ? {} : { judgement }), ...started }, null, now)
  }

  #act(config: ReleaseConfig): void {
    const now = Date.now()
    const { state, verdicts, decision } = this.#store
    const { alerted, candidateJobs } = this.#judgement(config)
    const found = { state, verdicts, alerted, decision, blockers: this.blockers(config, now) }
    const next = nextAction(found, config)
    const evidence = { verdicts: verdicts.map(verdictView) }
    switch (next?.action) {
      case 'alert':
        return this.#alert(config, next.verdicts, now)
      case 'advance':
      case 'promote': {
        const reason = `bake over, ${candidateJobs} candidate jobs, all guardrails pass`
        const command = { action: next.action, force: false }
        this.#actions.bySystem(config, command, { who: 'system:auto', reason, evidence }, now)
        return
      }
      case 'rollback':
      case 'pause':
        if (next.by === 'guardrail') return this.#breached(config, next.action, next.verdict, now)
        this.#actions.bySystem(
          config,
          { action: next.action },
          {
            who: 'system:experiment',
            reason: `the experiment says so: ${decision!.message}`,
            evidence: { decision },
            cause: 'experiment',
          },
          now,
        )
    }
  }

  /** Rolls back or pauses because of this verdict, and tells the breach as well. */
  #breached(config: ReleaseConfig, action: 'rollback' | 'pause', verdict: Verdict, now: number): void {
    const evidence = { verdict: verdictView(verdict), verdicts: this.#store.verdicts.map(verdictView) }
    const { message: reason, guardrail } = verdict
    const cause = action === 'rollback' ? { cause: guardrail } : {}
    this.#actions.bySystem(config, { action }, { who: 'system:guardrail', reason, evidence, ...cause }, now)
    this.#actions.tell(config, 'guardrail_breached', { action, reason, evidence }, now)
    // A pause leaves the epoch as it is: told once is enough.
    this.#markAlerted(config, [verdict], now)
  }

  #alert(config: ReleaseConfig, verdicts: readonly Verdict[], now: number): void {
    this.#markAlerted(config, verdicts, now)
    for (const verdict of verdicts) {
      const evidence = { verdict: verdictView(verdict) }
      const entry = { who: 'system:guardrail', action: 'guardrail_breached', reason: verdict.message, evidence }
      this.#actions.note(config, 'guardrail_breached', entry, now)
    }
  }

  #markAlerted(config: ReleaseConfig, verdicts: readonly Verdict[], now: number): void {
    const judgement = this.#judgement(config)
    const alerted = [...judgement.alerted, ...verdicts.map(alertOf)]
    this.#store.commit({ judgement: { ...judgement, alerted } }, null, now)
  }

  blockers(config: ReleaseConfig, now: number, state: ReleaseState = this.#store.state): Blocker[] {
    return blockers(state, config, this.#actions.facts(config, now))
  }

  /** The release as it is, or with `as` the state that a dry run would lead to. */
  async view(asked: ReleaseConfig, nextCheckAt: number | null, as?: ReleaseState): Promise<ReleaseView> {
    const asOf = Date.now()
    // A judgement counts the submits of its epoch, but only while the release runs; else the last windows tell the split.
    const counts = this.#judgement(asked).submits
    const span = counts.control + counts.candidate > 0 ? 0 : SPLIT_WINDOWS * asked.windowMs
    const question = { fromMs: asOf - span, toMs: asOf, recentFromMs: asOf, overdue: null }
    const [gathered, blast] = await Promise.all([
      gather(this.#env, asked, question).catch(() => null),
      this.#blast.current(asked),
    ])
    if (gathered) this.#ledgers = gathered.ledgers
    const now = Date.now()
    const effective = this.#effective()
    const config = effective.ok ? effective.config : asked
    const state = as ?? this.#store.state
    const { judgement, published } = this.#store
    const verdicts = this.#actions.verdicts(config, now)
    const standing = this.blockers(config, now, state)
    const shown = {
      state,
      config,
      drift: effective.ok ? driftOf(effective.file, published.overlay) : Object.keys(published.overlay),
      judgement,
      submits: span === 0 ? counts : submitsOf(gathered?.windows ?? [], state.epoch),
      verdicts,
      blockers: standing,
      ledgers: this.#ledgers,
      blast,
      nextCheckAt,
      now,
    }
    return { ...releaseView(shown), ...(as ? { dry_run: true } : {}) }
  }

  #judgement(config: ReleaseConfig): Judgement {
    const { judgement, state } = this.#store
    return judgement ?? openJudgement(state, config, null)
  }
}
