/**
 * Guardrails: windows in, verdicts out. A monitor watches one guardrail through one epoch: open it, fold each closed
 * window into it once, in order, and judge after every fold: the verdict is of the last window, and a streak that was
 * full and has been broken since shows no more. What is done about a verdict is the caller's.
 */
import { ALL_KINDS, type Guardrail, kindOf } from './kinds.ts'
import type { ClosedWindow, Form, GuardrailSettings, JudgeContext, Lack, MonitorState, Uncounted } from './monitor.ts'
import { MONITOR_VERSION, type WrittenGuardrail } from './monitor.ts'
import type { Finding, Verdict } from './verdict.ts'
import type { Operation } from '../outcome.ts'
import { addCounts } from '../window.ts'
import { durationText, lackText, unseenIn, unseenLately } from './words.ts'

export type { Guardrail } from './kinds.ts'
export type { ClosedWindow, JudgeContext, MonitorState } from './monitor.ts'
export type { Finding, Verdict } from './verdict.ts'

/** What all metrics match, as a regular expression's source. */
export const METRIC_PATTERN = [...new Set(ALL_KINDS.map(({ metrics }) => metrics.source))].join('|')

export function isMetric(metric: unknown): boolean {
  return typeof metric === 'string' && ALL_KINDS.some(({ metrics }) => metrics.test(metric))
}

/** What a guardrail's table lacks; null where a kind takes it as it is. Of a metric that is none, what no kind would take. */
export function lacking(written: WrittenGuardrail): Lack | null {
  const { metric } = written
  const form = formOf(written.within, written.method)
  const kinds = ALL_KINDS.filter(
    (kind) => kind.form === form && (!isMetric(metric) || kind.metrics.test(String(metric))),
  )
  if (kinds.length === 0) return NOT_JUDGED[form]
  const lacks = kinds.map((kind) => kind.lacks(written))
  return lacks.includes(null) ? null : (lacks[0] ?? null)
}

const NOT_JUDGED: Record<Form, Lack> = {
  windows: { code: 'not_by_windows', message: 'this metric is not judged by windows' },
  within: { code: 'not_within', message: 'this metric is not judged within some seconds: leave out "within"' },
  sequential: {
    code: 'not_sequential',
    message: 'this metric is not judged job by job: leave out method = "sequential"',
  },
}

function formOf(within: unknown, method: unknown): Form {
  if (within !== undefined && within !== null) return 'within'
  return method === 'sequential' ? 'sequential' : 'windows'
}

/** One monitor per operation. Two guardrails on the same metric get the same id, which config/guardrail-schema.ts numbers. */
export function guardrailsOf(settings: GuardrailSettings, operations: readonly Operation[]): Guardrail[] {
  const { metric, action, noData, noDataGraceMs, bothBad } = settings
  const form = formOf(settings.withinMs, settings.method)
  const kind = ALL_KINDS.find((each) => each.form === form && each.metrics.test(metric))!
  const names = Object.keys(kind.settings) as (keyof GuardrailSettings)[]
  const own = Object.fromEntries(names.map((key) => [key, settings[key]]))
  const common = { kind: kind.kind, metric, action, noData, noDataGraceMs, bothBad, ...own }
  return (kind.isPosted ? (['job'] as const) : operations).map((operation) => {
    const id = [metric, operation, ...(form === 'windows' ? [] : [form])].join(':')
    return { ...common, id, operation } as Guardrail
  })
}

/**
 * A monitor that has seen nothing. Hand over the state of the epoch before, if the release has had one, and how many
 * stages are still to come, this one included. Carried over are what control did, and by how much of their α sequential
 * monitors have judged: each epoch takes an equal part of what is left, one more being kept for epochs that nobody planned.
 */
export function openMonitor(previous?: MonitorState, stages = previous?.stages ?? 1): MonitorState {
  const spent = previous ? previous.spent + previous.share : 0
  return {
    version: MONITOR_VERSION,
    stages,
    share: (1 - spent) / (stages + 1),
    spent,
    control: previous?.control ?? { x: 0, n: 0 },
    seen: 0,
    seenAt: null,
    since: null,
    acknowledged: null,
    pending: null,
    last: null,
    looks: 0,
    submits: [],
    streak: null,
    trial: null,
    evidence: null,
    tripped: null,
  }
}

/**
 * The state after one more closed window; constant work, and nothing given is changed. Windows without traffic may be
 * left out. Counters that come late belong into the next window that is folded.
 *
 * Jobs that hang: the caller adds each candidate job still open beyond `overdueAfter` to the candidate's sketches, with its
 * age as its latency, before folding (right-censored: its real latency can only be longer), and not again when it ends.
 * Control's as `open`, or equal arms would not look alike until the slow jobs of both have ended; they add their latency
 * when they end, since the candidate is held against what control's jobs took.
 */
export function foldWindow(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  if (window.startMs < (state.since ?? 0)) return state
  const next = kindOf(guardrail).fold(guardrail, state, window)
  if (next.seen > state.seen) return { ...next, seenAt: window.endMs, uncounted: undefined }
  const ended = window.candidate[guardrail.operation]
  return ended?.requests && !kindOf(guardrail).isPosted
    ? { ...next, uncounted: addUncounted(ended, window.endMs, state.uncounted) }
    : next
}

function addUncounted({ requests, outcomes }: Uncounted, endMs: number, earlier?: Uncounted): Uncounted {
  const unseenAt = unseenIn({ requests, outcomes }) > 0 ? endMs : earlier?.unseenAt
  if (!earlier) return { requests, outcomes, unseenAt }
  return { requests: requests + earlier.requests, outcomes: addCounts({ ...outcomes }, earlier.outcomes), unseenAt }
}

/** The verdict with its words. */
export function judge(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Verdict {
  const { words, evidence, measure = 'share', ...figures } = assess(guardrail, state, context)
  const kind = kindOf(guardrail)
  const { withinSeconds = null, alpha = null } = kind.terms?.(guardrail) ?? {}
  return {
    guardrail: guardrail.id,
    kind: kind.kind,
    metric: guardrail.metric,
    operation: guardrail.operation,
    method: kind.form === 'sequential' ? 'sequential' : 'threshold',
    action: guardrail.action,
    ...figures,
    measure,
    withinSeconds,
    alpha,
    ...(evidence ? { evidence: evidence() } : {}),
    formula: kind.formula(guardrail),
    message: words(),
  }
}

/** The same verdict in figures only, for those who judge millions of windows and read few. */
export function assess(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const finding = withNoDataGrace(guardrail, state, context, kindOf(guardrail).assess(guardrail, state, context))
  const { uncounted } = state
  if (finding.status !== 'no_data' || !uncounted) return finding
  const unseen = unseenLately(guardrail, uncounted, context)
  const ends = { ...uncounted.outcomes, ...(unseen > 0 ? { unseen } : {}) }
  return { ...finding, evidence: () => ({ ...finding.evidence?.(), ...ends }) }
}

/** The finding as it is worth now: `no_data` once nothing of the candidate was seen for longer than `no_data_grace`. */
function withNoDataGrace(guardrail: Guardrail, state: MonitorState, context: JudgeContext, finding: Finding) {
  if (finding.status === 'breach' || finding.status === 'error') return finding
  const missingMs = missingFor(guardrail, state, context)
  if (missingMs <= guardrail.noDataGraceMs) return finding
  const words = (): string => {
    // Of what was never seen, the finding's own words say as much.
    if (finding.status === 'no_data') return finding.words()
    const lack = kindOf(guardrail).isPosted
      ? `no new samples for ${durationText(missingMs)}`
      : lackText(guardrail, state, context, missingMs)
    return `${lack}; before that: ${finding.words()}`
  }
  return { ...finding, status: 'no_data', note: 'grace_over', words } as const
}

/** Ms without an observation of the candidate, as far as they are known. */
function missingFor(guardrail: Guardrail, state: MonitorState, context: JudgeContext): number {
  const { now, clockStartedAt, epochStartedAt, listeningSince, recent, signals, judgedUntil = now } = context
  if ((recent?.candidate[guardrail.operation]?.requests ?? 0) > 0) return 0
  const { isPosted } = kindOf(guardrail)
  const heardAt = isPosted ? (signals?.candidate?.lastAt ?? null) : (state.seenAt ?? null)
  const since = heardAt ?? clockStartedAt ?? epochStartedAt ?? null
  if (since === null) return 0
  return (isPosted ? now : Math.min(now, judgedUntil)) - Math.max(since, listeningSince ?? 0)
}

/** Whether a part of these requests, of at least `least`, can trip what looks back over seconds. */
export function mayTrip(guardrail: Guardrail, counts: { n: number; x: number }, least: number): boolean {
  return kindOf(guardrail).mayTrip?.(guardrail, counts, least) ?? false
}

/** How far back the guardrail looks without waiting for a window to close; null where it waits. */
export function recentMsOf(guardrail: Guardrail): number | null {
  return kindOf(guardrail).recentMs?.(guardrail) ?? null
}
