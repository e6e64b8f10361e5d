/** Signals posted from outside (quality, resources, cost): candidate's mean against a limit or control's mean; less is better. */
import { grouped, subjectOf } from './guardrail-words.ts'
import type { Finding, Guardrail, JudgeContext, MonitorState, SignalMean } from './monitor.ts'

export function assessSignal(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const { max, maxOverControl, minSamples } = guardrail
  const candidate = without(context.signals?.candidate ?? null, state.acknowledged?.candidate ?? null)
  const control = without(context.signals?.control ?? null, state.acknowledged?.control ?? null)
  const subject = subjectOf(guardrail)
  const n = candidate?.n ?? 0
  const relative =
    maxOverControl !== null && control !== null && control.n >= minSamples
      ? control.mean + maxOverControl * Math.abs(control.mean)
      : Infinity
  const threshold = Math.min(max ?? Infinity, relative)
  const base = {
    note: null,
    value: candidate?.mean ?? null,
    n,
    baselineValue: control?.mean ?? null,
    baselineN: control?.n ?? 0,
    threshold: Number.isFinite(threshold) ? threshold : null,
    windows: { fromMs: null, toMs: null, bad: 0, needed: 1 },
  }
  if (!candidate || n === 0) {
    const when = state.acknowledged?.candidate ? 'since the resume' : 'yet'
    return { ...base, status: 'no_data', words: () => `${subject}: no samples of the candidate ${when}` }
  }
  if (!Number.isFinite(candidate.mean) || (control !== null && !Number.isFinite(control.mean)))
    return { ...base, status: 'error', words: () => `${subject}: its mean is not a number` }
  const value = figure(candidate.mean)
  if (n < minSamples)
    return { ...base, status: 'inconclusive', words: () => `${subject}: ${n} of ${minSamples} samples needed` }
  if (base.threshold === null)
    return {
      ...base,
      status: 'inconclusive',
      note: control === null || control.n === 0 ? 'no_control' : null,
      words: () =>
        `${subject} ${value}: control has ${base.baselineN} of ${minSamples} samples needed for a comparison`,
    }
  const bad = candidate.mean > threshold
  const against = control ? `, control ${figure(control.mean)} over ${grouped(control.n)}` : ''
  return {
    ...base,
    status: bad ? 'breach' : 'pass',
    windows: { ...base.windows, bad: bad ? 1 : 0 },
    words: () =>
      `${subject} ${value} ${bad ? '>' : 'within'} ${figure(threshold)} (mean over ${grouped(n)} samples${against})`,
  }
}

/** The mean of the samples that are not among those known before. */
function without(all: SignalMean | null, known: SignalMean | null): SignalMean | null {
  if (!all || !known) return all
  const n = all.n - known.n
  return n <= 0 ? null : { ...all, n, mean: (all.n * all.mean - known.n * known.mean) / n }
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}
