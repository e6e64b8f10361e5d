/** Signals posted from outside (quality, resources, cost): candidate's mean against a limit or control's mean; less is better. */
import { limitMissing } from './lack.ts'
import { grouped, subjectOf } from './words.ts'
import type { Finding, GuardrailBase, JudgeContext, Kind, MonitorState, SignalMean, Signals } from './monitor.ts'

export interface SignalGuardrail extends GuardrailBase {
  kind: 'signal'
  metric: `signal:${string}`
  max: number | null
  /** Relative to the size of control's mean: 0.5 = control × 1.5. Where both limits are given, each must hold. */
  maxOverControl: number | null
  minSamples: number
}

export const signal: Kind<SignalGuardrail> = {
  kind: 'signal',
  metrics: /^signal:[\w.-]+$/,
  form: 'windows',
  isPosted: true,
  lacks: ({ max, max_over_control }) =>
    max === undefined && max_over_control === undefined ? limitMissing('max', 'max_over_control') : null,
  from: ({ metric, max, maxOverControl, minSamples }) => ({
    metric: metric as SignalGuardrail['metric'],
    max,
    maxOverControl,
    minSamples,
  }),
  fold: (_, state) => state,
  assess,
  formula: ({ max, maxOverControl, minSamples }) => {
    const limits = [
      ...(max === null ? [] : [`mean > ${max}`]),
      ...(maxOverControl === null ? [] : [`mean > mean_c + ${maxOverControl} |mean_c|`]),
    ]
    return `${limits.join(' or ')}, n >= ${minSamples}`
  },
  lacksControl: ({ max, minSamples }, { baselineN }) => max === null && baselineN < minSamples,
}

/** Signals are kept as means of the epoch: what a verdict shows is known when it was acknowledged, and taken out again. */
export function acknowledgedBy(
  known: Signals | null,
  { value, n, baselineValue, baselineN }: Pick<Finding, 'value' | 'n' | 'baselineValue' | 'baselineN'>,
): Signals {
  return {
    candidate: together(known?.candidate ?? null, value === null ? null : { n, mean: value }),
    control: together(known?.control ?? null, baselineValue === null ? null : { n: baselineN, mean: baselineValue }),
  }
}

function together(a: SignalMean | null, b: SignalMean | null): SignalMean | null {
  if (!a || !b) return a ?? b
  const n = a.n + b.n
  return { n, mean: (a.n * a.mean + b.n * b.mean) / n }
}

function assess(guardrail: SignalGuardrail, state: MonitorState, context: JudgeContext): Finding {
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
    measure: 'signal' as const,
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
