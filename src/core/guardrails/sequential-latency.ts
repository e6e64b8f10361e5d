/** Latency job by job: jobs count as slow by limits fixed before their window, and are tested like failures. */
import { toleratedByControl } from './job-age.ts'
import { hasSizes, jobsIn, latenciesOf, mergeLatencies } from './latency.ts'
import type { ClosedWindow, GuardrailSettings, JobLatencies, Kind, Latencies, MonitorState } from './monitor.ts'
import { jobsForQuantile, quantileName, tailOf } from './metric.ts'
import type { SequentialGuardrail, SequentialTest } from './sequential.ts'
import { counting, sequentialFinding, sequentialFormula } from './sequential.ts'
import { countAbove, emptySketch, quantile } from '../sketch.ts'
import { addTallies, nothingYet } from './streak.ts'
import { counted, plural, secondsText, noDataText, subjectOf } from './words.ts'

export interface SequentialLatencyGuardrail
  extends SequentialGuardrail, Pick<GuardrailSettings, 'literal' | 'normalise'> {
  kind: 'sequential_latency'
  maxOverControl: number
}

export const sequentialLatency: Kind<SequentialLatencyGuardrail> = {
  kind: 'sequential_latency',
  metrics: /^latency_p99$/,
  form: 'sequential',
  lacks: ({ max_over_control }) =>
    max_over_control === undefined
      ? { code: 'sequential_over_control', message: 'method = "sequential" takes latency_p99 with max_over_control' }
      : null,
  settings: { maxOverControl: true, alpha: true, minRequests: true, literal: true, normalise: true },
  fold: addSlow,
  assess(guardrail, state, context) {
    if (state.trial && state.trial.n > 0)
      return sequentialFinding(guardrail, testOf(guardrail), state, () => slowSubject(guardrail, state))
    const { n, controlN } = state.pending?.tally ?? { n: 0, controlN: 0 }
    return nothingYet(1, state.seen, { n, baselineN: controlN, noControl: controlN === 0 }, () => {
      if (state.seen === 0) return noDataText(guardrail, state, context)
      const needed = jobsForQuantile(guardrail)
      const { operation } = guardrail
      return controlN < needed
        ? `${subjectOf(guardrail)}: control has ${controlN} of ${counted(needed, operation)} needed for a comparison`
        : `${subjectOf(guardrail)}: no candidate ${plural(operation)} since control had the ${needed} needed for a comparison`
    })
  },
  formula: ({ metric, maxOverControl, alpha }) =>
    `x of n slower than ${1 + maxOverControl} x control's ${quantileName(metric)} of earlier windows, x_c of n_c than that ` +
    `${quantileName(metric)} itself: ${sequentialFormula(alpha, String(tailOf({ metric })), 0)}`,
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: (guardrail, { value, baselineN }) => value === null && baselineN < jobsForQuantile(guardrail),
  readsLatency: true,
  toleratedAge: toleratedByControl,
}

/** How slow is too slow is known from control alone: without it, nothing is. */
function testOf(guardrail: SequentialLatencyGuardrail): SequentialTest {
  // What is tolerated is in the limits by which either arm's jobs were counted.
  return { limit: tailOf(guardrail), margin: 0, alpha: guardrail.alpha, bothBad: null }
}

/**
 * The reference is control's quantile over the epoch's earlier windows. A candidate's job is slow above it times
 * (1 + maxOverControl), one of control's above it as it is. So at the limit itself, a candidate slower by just what is
 * allowed, both arms have the same share of slow jobs, however well so few jobs have told control's quantile: none of
 * them is counted by a limit that it had a part in. Jobs that end before there is a reference only make it.
 */
function addSlow(guardrail: SequentialLatencyGuardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const fresh = latenciesOf(guardrail, window)
  const span = jobsIn(guardrail, window, fresh)
  if (span.n + span.controlN === 0) return state
  const earlier = state.pending?.latencies ?? null
  const next = {
    ...state,
    seen: state.seen + span.n,
    pending: {
      tally: addTallies(state.pending?.tally ?? null, span),
      latencies: referenceQuantile(earlier ? mergeLatencies(earlier, fresh) : fresh),
    },
  }
  const measure = earlier ? measureFor(guardrail, earlier.control, fresh) : null
  if (!earlier || !measure) return next
  const mark = quantile(earlier.control[measure], 1 - tailOf(guardrail))!
  const [candidate, control] = [fresh.candidate[measure], fresh.control[measure]]
  const open = span.controlOpen ?? 0
  const counts = {
    ...span,
    x: countAbove(candidate, mark * times(guardrail)),
    n: candidate.count,
    controlX: countAbove(control, mark) + open,
    controlN: control.count + open,
  }
  return { ...counting(testOf(guardrail), state, counts), seen: next.seen, pending: next.pending }
}

/** Per unit of work where the sizes of at least half of the jobs are known; null until control has enough jobs. */
function measureFor(
  guardrail: SequentialLatencyGuardrail,
  control: JobLatencies,
  fresh: Latencies,
): keyof JobLatencies | null {
  const needed = jobsForQuantile(guardrail)
  if (control.per_clip.count >= needed && [control, fresh.candidate, fresh.control].every(hasSizes)) return 'per_clip'
  return control.latency.count >= needed ? 'latency' : null
}

function referenceQuantile({ control }: Latencies): Latencies {
  return { candidate: { latency: emptySketch(), per_clip: emptySketch() }, control }
}

function times({ maxOverControl }: SequentialLatencyGuardrail): number {
  return 1 + maxOverControl
}

/** `share of jobs slower than 60.3 s`, by the limit of the next window. */
function slowSubject(guardrail: SequentialLatencyGuardrail, { pending }: MonitorState): string {
  const latencies = pending?.latencies
  const measure = latencies ? measureFor(guardrail, latencies.control, latencies) : null
  const mark = latencies && measure ? quantile(latencies.control[measure], 1 - tailOf(guardrail)) : null
  const limit = mark === null ? 'the limit' : secondsText(mark * times(guardrail))
  return `share of ${plural(guardrail.operation)} slower than ${limit}${measure === 'per_clip' ? ' per clip' : ''}`
}
