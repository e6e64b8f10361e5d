/**
 * Slow jobs for the count-based latency monitor: both arms' jobs of a window, counted against limits that were fixed
 * before the window began. What the counts prove is asked elsewhere.
 */
import { latenciesOf, mergeLatencies } from './guardrail-latency.ts'
import { jobsForQuantile, tailOf } from './guardrail-quantile.ts'
import { plural, secondsText } from './guardrail-words.ts'
import type { ClosedWindow, Guardrail, Latencies, MonitorState } from './monitor.ts'
import { countAbove, emptySketch, quantile, type Sketch } from './sketch.ts'
import { addTallies } from './streak.ts'

type Measure = keyof Latencies['control']

/**
 * The yardstick is control's quantile over the epoch's earlier windows. A candidate's job is slow above it times
 * (1 + maxOverControl), one of control's above it as it is. So at the limit itself, a candidate slower by just what is
 * allowed, both arms have the same share of slow jobs, however well so few jobs have told control's quantile: none of
 * them is counted by a limit that it had a part in. Jobs that end before there is a yardstick only make it.
 */
export function addSlow(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const fresh = latenciesOf(guardrail, window)
  const arrived = { n: fresh.candidate.latency.count, controlN: fresh.control.latency.count }
  if (arrived.n + arrived.controlN === 0) return state
  const span = { fromMs: window.startMs, toMs: window.endMs, x: 0, ...arrived, controlX: 0 }
  const earlier = state.pending?.latencies ?? null
  const next = {
    ...state,
    seen: state.seen + arrived.n,
    pending: {
      tally: addTallies(state.pending?.tally ?? null, span),
      latencies: yardstick(earlier ? mergeLatencies(earlier, fresh) : fresh),
    },
  }
  const measure = earlier ? measureFor(guardrail, earlier.control, fresh) : null
  if (!earlier || !measure) return next
  const mark = quantile(earlier.control[measure], 1 - tailOf(guardrail))!
  const [candidate, control] = [fresh.candidate[measure], fresh.control[measure]]
  const counts = {
    ...span,
    x: countAbove(candidate, mark * times(guardrail)),
    n: candidate.count,
    controlX: countAbove(control, mark),
    controlN: control.count,
  }
  return { ...next, trial: addTallies(state.trial, counts) }
}

/** Per unit of work where the sizes of at least half of the jobs are known; null until control has enough jobs. */
function measureFor(guardrail: Guardrail, control: Latencies['control'], fresh: Latencies): Measure | null {
  const needed = jobsForQuantile(guardrail)
  const known = (arm: Record<Measure, Sketch>): boolean => arm.per_clip.count * 2 >= arm.latency.count
  if (control.per_clip.count >= needed && [control, fresh.candidate, fresh.control].every(known)) return 'per_clip'
  return control.latency.count >= needed ? 'latency' : null
}

function yardstick({ control }: Latencies): Latencies {
  return { candidate: { latency: emptySketch(), per_clip: emptySketch() }, control }
}

function times({ maxOverControl }: Guardrail): number {
  return 1 + (maxOverControl ?? 0)
}

/** `share of jobs slower than 60.3 s`, by the limit of the next window. */
export function slowSubject(guardrail: Guardrail, { pending }: MonitorState): string {
  const latencies = pending?.latencies
  const measure = latencies ? measureFor(guardrail, latencies.control, latencies) : null
  const mark = latencies && measure ? quantile(latencies.control[measure], 1 - tailOf(guardrail)) : null
  const limit = mark === null ? 'the limit' : secondsText(mark * times(guardrail))
  return `share of ${plural(guardrail.operation)} slower than ${limit}${measure === 'per_clip' ? ' per clip' : ''}`
}
