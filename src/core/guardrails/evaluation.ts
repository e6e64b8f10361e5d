/**
 * All monitors of one epoch together: rows of counters become closed windows, each folded into each
 * monitor exactly once and in order; then the verdicts. Pure; the controller stores what comes out.
 */
import { closedWindows, recentWindow } from './closed-windows.ts'
import { measuredBy } from './metric.ts'
import { foldWindow, judge, openMonitor, recentMsOf } from './index.ts'
import { type Guardrail, kindOf } from './kinds.ts'
import { longest } from './job-age.ts'
import { type JobAge, type JobLatencies, type JudgeContext, MONITOR_VERSION, type MonitorState } from './monitor.ts'
import type { Verdict } from './verdict.ts'
import type { Operation } from '../outcome.ts'
import type { ReleaseState } from '../release.ts'
import { emptySketch, merged } from '../sketch.ts'
import { type Counters, type WindowRow, windowStart } from '../window.ts'

/** As stored: everything that judging needs of the past. Its size does not grow with time or traffic. */
export interface Judgement {
  epoch: number
  /** Candidate's shadow jobs are judged instead of its users' jobs. */
  shadow: boolean
  /** Start of the first window not folded yet. */
  judgedUntil: number
  monitors: Record<string, MonitorState>
  candidateJobs: number
  submits: { control: number; candidate: number }
  /** End of the first window with a finished candidate job: where the stage's clock starts. */
  firstJobAt: number | null
  /** Control's jobs of the epoch that have told a latency, for what counts as overdue. */
  controlJobs: JobLatencies
  /** What has been reported in this epoch already, as `alertOf` names it. */
  alerted: string[]
  /** Last resume, or change of what is copied: time without data is counted from here at the earliest. Unix ms; null: none. */
  listeningSince: number | null
}

/** The part of the effective config by which windows are judged. */
export interface JudgingPlan {
  windowMs: number
  guardrails: readonly Guardrail[]
}

/** Of the epoch that `state` is in. Only windows wholly inside it are judged, so the first starts at or after its begin. */
export function openJudgement(
  { epoch, epochSince, state, percent }: Pick<ReleaseState, 'epoch' | 'epochSince' | 'state' | 'percent'>,
  { windowMs, guardrails, ladder }: JudgingPlan & { ladder: readonly { percent: number }[] },
  previous: Judgement | null,
): Judgement {
  const stages = 1 + ladder.filter((rung) => state === 'shadow' || rung.percent > percent).length
  return {
    epoch,
    shadow: state === 'shadow',
    judgedUntil: windowStart(epochSince + windowMs - 1, windowMs),
    monitors: {
      ...setAside(previous?.monitors ?? {}),
      ...Object.fromEntries(guardrails.map(({ id }) => [id, openMonitor(stored(previous, id), stages)])),
    },
    candidateJobs: 0,
    submits: { control: 0, candidate: 0 },
    firstJobAt: null,
    controlJobs: { latency: emptySketch(), per_clip: emptySketch() },
    alerted: [],
    listeningSince: null,
  }
}

function stored(judgement: Judgement | null, id: string): MonitorState | undefined {
  const state = judgement?.monitors[id]
  return state?.version === MONITOR_VERSION ? state : undefined
}

/** A guardrail that came within the epoch, or with another build, is judged by what follows. */
function monitorOf(judgement: Judgement, { id }: Guardrail): MonitorState {
  return stored(judgement, id) ?? { ...openMonitor(), since: judgement.judgedUntil }
}

/** Of a guardrail that is taken out and put back within a run, the share of α that is spent stays spent. */
function setAside(monitors: Judgement['monitors']): Judgement['monitors'] {
  return Object.fromEntries(
    Object.entries(monitors)
      .filter(([, { version }]) => version === MONITOR_VERSION)
      .map(([id, state]) => [id, { ...openMonitor(state), share: state.share, spent: state.spent }]),
  )
}

/** All counters of the windows from `judgedUntil` up to `untilMs` (exclusive, aligned). */
export interface ClosedSpan extends JudgingPlan {
  rows: readonly WindowRow[]
  untilMs: number
  /** Whose ends are the candidate's finished jobs. */
  jobOperation: Operation
}

/** A job that nobody saw end is none that finished: it brings no stage nearer to its next. */
function finishedIn(counters: Counters | undefined): number {
  return counters ? counters.requests - (counters.outcomes['not_observed'] ?? 0) : 0
}

/**
 * The judgement after each window with counters, oldest first, and at last as of `untilMs`; at least once. It is the
 * same object each time, so that whoever stops early has the windows until there and pays for one copy only.
 */
export function* foldWindows(judgement: Judgement, span: ClosedSpan): Generator<Judgement, void> {
  const { rows, untilMs, windowMs, guardrails, jobOperation } = span
  if (untilMs <= judgement.judgedUntil) {
    yield judgement
    return
  }
  const next: Judgement = {
    ...judgement,
    monitors: { ...judgement.monitors },
    submits: { ...judgement.submits },
    controlJobs: { ...judgement.controlJobs },
  }
  for (const window of closedWindows(rows, judgement, judgement.judgedUntil, untilMs, windowMs)) {
    for (const guardrail of guardrails) {
      next.monitors[guardrail.id] = foldWindow(guardrail, monitorOf(next, guardrail), window)
    }
    const jobs = finishedIn(window.candidate[jobOperation])
    next.candidateJobs += jobs
    if (jobs > 0) next.firstJobAt ??= window.endMs
    if (!next.shadow) next.submits.candidate += window.candidate.submit?.requests ?? 0
    next.submits.control += window.control.submit?.requests ?? 0
    for (const measure of ['latency', 'per_clip'] as const) {
      const sketch = window.control.job?.sketches[measure]
      if (sketch) next.controlJobs[measure] = merged(next.controlJobs[measure], sketch)
    }
    next.judgedUntil = window.endMs
    if (window.endMs < untilMs) yield next
  }
  next.judgedUntil = untilMs
  yield next
}

/** Means of a posted signal, by its name without `signal:`, in the epoch that is judged. */
export type SignalSource = (metric: string) => NonNullable<JudgeContext['signals']>

/** What fast trips need: counts since the first of these times (unix ms, rising), summed up from each to the next. */
export interface RecentQuestion {
  epoch: number
  operations: readonly Operation[]
  cutsMs: readonly number[]
}

/** Null where no guardrail looks at the last seconds. */
export function recentQuestion(
  judgement: Judgement,
  guardrails: readonly Guardrail[],
  now: number,
): RecentQuestion | null {
  const trips = guardrails.filter((guardrail) => recentMsOf(guardrail) !== null)
  if (trips.length === 0) return null
  const cuts = trips.map((guardrail) => recentFrom(guardrail, monitorOf(judgement, guardrail), now))
  return {
    epoch: judgement.epoch,
    operations: [...new Set(trips.map(({ operation }) => operation))],
    cutsMs: [...new Set(cuts)].sort((a, b) => a - b),
  }
}

function recentFrom(guardrail: Guardrail, state: MonitorState, now: number): number {
  return Math.max(now - (recentMsOf(guardrail) ?? 0), state.since ?? 0)
}

/** `recent`: counts of the last seconds, for fast trips, each of which reads as far back as it goes. */
export function verdictsOf(
  judgement: Judgement,
  guardrails: readonly Guardrail[],
  recent: readonly WindowRow[],
  times: Pick<JudgeContext, 'now' | 'clockStartedAt' | 'epochStartedAt'>,
  signals: SignalSource = () => ({ candidate: null, control: null }),
): Verdict[] {
  const { judgedUntil, listeningSince } = judgement
  return guardrails.map((guardrail) => {
    const state = monitorOf(judgement, guardrail)
    const recentMs = recentMsOf(guardrail)
    const fromMs = recentFrom(guardrail, state, times.now)
    const span = recentMs === null ? null : recentWindow(recent, judgement, fromMs, times.now)
    const measured = measuredBy(guardrail.metric)
    const posted = measured.of === 'signal' ? { signals: signals(measured.name) } : {}
    return judge(guardrail, state, { ...times, judgedUntil, listeningSince, ...posted, recent: span })
  })
}

/**
 * From which age on an open job counts as slow: a guardrail's `max_seconds`, or control's p99 with its
 * allowance, in seconds and in seconds per clip. The longest where there are several, since a job is counted once, by
 * its age at that time. Null where no guardrail of jobs' latency gives one, or control's p99 is unknown yet.
 */
export function overdueAfter(judgement: Judgement, guardrails: readonly Guardrail[]): JobAge | null {
  return longest(
    guardrails
      .filter(({ operation }) => operation === 'job')
      .map((guardrail) => kindOf(guardrail).toleratedAge?.(guardrail, judgement.controlJobs) ?? null)
      .filter((age) => age !== null),
  )
}
