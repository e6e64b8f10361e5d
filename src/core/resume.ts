/** What a person has seen and resumed in spite of is judged no more: a pause needs evidence that is newer. */
import { openMonitor } from './guardrails.ts'
import type { Judgement } from './judgement.ts'
import type { Guardrail, MonitorState, SignalMean, Signals, Verdict } from './monitor.ts'

/**
 * The judgement as of a resume: guardrails that pause and don't pass begin anew, within their epoch. Those that roll
 * back go on as they are, since nobody can resume in spite of a rollback.
 */
export function resumed(
  judgement: Judgement,
  guardrails: readonly Guardrail[],
  verdicts: readonly Verdict[],
  now: number,
): Judgement {
  const monitors = { ...judgement.monitors }
  for (const verdict of verdicts) {
    const { action } = guardrails.find(({ id }) => id === verdict.guardrail) ?? {}
    const state = monitors[verdict.guardrail]
    if (action === 'pause' && verdict.status !== 'pass' && state)
      monitors[verdict.guardrail] = { ...openMonitor(state), since: now, acknowledged: known(state, verdict) }
  }
  return { ...judgement, monitors, listeningSince: now }
}

/** Signals are kept as means of the epoch: what has been acknowledged is taken out of them again. */
function known({ acknowledged }: MonitorState, verdict: Verdict): Signals | null {
  if (!verdict.metric.startsWith('signal:')) return null
  const { value, n, baselineValue, baselineN } = verdict
  return {
    candidate: together(acknowledged?.candidate ?? null, value === null ? null : { n, mean: value }),
    control: together(
      acknowledged?.control ?? null,
      baselineValue === null ? null : { n: baselineN, mean: baselineValue },
    ),
  }
}

function together(a: SignalMean | null, b: SignalMean | null): SignalMean | null {
  if (!a || !b) return a ?? b
  const n = a.n + b.n
  return { n, mean: (a.n * a.mean + b.n * b.mean) / n }
}
