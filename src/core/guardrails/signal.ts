/**
 * Signals posted from outside (quality, resources, cost): candidate's mean against a limit or control's mean. A breach is
 * proven by a test that may be read after every value; a mean that is over the limit by what chance does is none.
 */
import { moreIsBetter } from '../signal-registry.ts'
import { logEAbove } from '../stats/anytime.ts'
import { type Estimate, meanEstimate, testSe } from '../stats/estimates.ts'
import { merged, type Moments } from '../stats/moments.ts'
import { grouped, limitMissing, subjectOf } from './words.ts'
import type {
  GuardrailBase,
  GuardrailSettings,
  JudgeContext,
  Kind,
  MonitorState,
  SignalMean,
  Signals,
} from './monitor.ts'
import type { Finding } from './verdict.ts'

/** With fewer values of an arm its spread is not known well enough for any proof. */
const FEWEST = 20

type Settings = 'max' | 'maxOverControl' | 'minSamples' | 'alpha' | 'literal'
/** `maxOverControl` is relative to the size of control's mean: 0.5 = control × 1.5, or × 0.5 of what is better when larger. */
export interface SignalGuardrail extends GuardrailBase, Pick<GuardrailSettings, Settings> {
  kind: 'signal'
  metric: `signal:${string}`
}

const nameOf = (metric: string) => metric.replace(/^signal:/, '')

export const signal: Kind<SignalGuardrail> = {
  kind: 'signal',
  metrics: /^signal:[\w.-]+$/,
  form: 'windows',
  isPosted: true,
  lacks: ({ metric, max, max_over_control }) => {
    if (max !== undefined && moreIsBetter(nameOf(String(metric))))
      return {
        code: 'more_is_better',
        message: 'of this signal more is better: max_over_control tells how much worse than control it may be, not max',
      }
    return max === undefined && max_over_control === undefined ? limitMissing('max', 'max_over_control') : null
  },
  settings: { max: true, maxOverControl: true, minSamples: true, alpha: true, literal: true },
  fold: (_, state) => state,
  assess,
  formula: ({ metric, max, maxOverControl, minSamples, alpha, literal }) => {
    const [over, sign] = moreIsBetter(nameOf(metric)) ? ['<', '-'] : ['>', '+']
    const limits = [
      ...(max === null ? [] : [`mean > ${max}`]),
      ...(maxOverControl === null ? [] : [`mean ${over} mean_c ${sign} ${maxOverControl} |mean_c|`]),
    ]
    return `${limits.join(' or ')}, n >= ${minSamples}${literal ? '' : `, e >= 1/alpha, alpha ${alpha}`}`
  },
  terms: ({ alpha, literal }) => (literal ? {} : { alpha }),
  lacksControl: ({ max, minSamples }, { baselineN }) => max === null && baselineN < minSamples,
}

/** Signals are kept as sums of the epoch: what a verdict shows is known when it was acknowledged, and taken out again. */
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
  const isMore = moreIsBetter(nameOf(guardrail.metric))
  const relative =
    maxOverControl !== null && control !== null && control.n >= minSamples
      ? control.mean + (isMore ? -1 : 1) * maxOverControl * Math.abs(control.mean)
      : null
  // Each limit must hold: the one that shows is the one that is met first.
  const threshold = max !== null && relative !== null ? Math.min(max, relative) : (max ?? relative)
  const base = {
    note: null,
    measure: 'signal' as const,
    value: candidate?.mean ?? null,
    n,
    baselineValue: control?.mean ?? null,
    baselineN: control?.n ?? 0,
    threshold,
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
  const isOver = isMore ? candidate.mean < base.threshold : candidate.mean > base.threshold
  const isProven = isOver && (guardrail.literal || isShown(guardrail, state.share, candidate, control, relative))
  const against = control ? `, control ${figure(control.mean)} over ${grouped(control.n)}` : ''
  const how = !isOver ? 'within' : isMore ? '<' : '>'
  const doubt = isOver && !isProven ? ', which may still be chance' : ''
  return {
    ...base,
    status: isProven ? 'breach' : isOver ? 'inconclusive' : 'pass',
    windows: { ...base.windows, bad: isProven ? 1 : 0 },
    words: () =>
      `${subject} ${value} ${how} ${figure(base.threshold!)} (mean over ${grouped(n)} samples${against})${doubt}`,
  }
}

/** Whether either limit is proven to be passed. The epoch has its part of α. */
function isShown(
  { metric, max, maxOverControl, alpha }: SignalGuardrail,
  part: number,
  candidate: SignalMean,
  control: SignalMean | null,
  relative: number | null,
): boolean {
  const share = alpha * part
  const own = meanEstimate(momentsOf(candidate))
  const crosses = (excess: number, se: number, units: number) =>
    excess > 0 && (se === 0 || logEAbove(excess / se, units, share) >= -Math.log(share))
  const isFew = (arm: SignalMean) => arm.m2 !== undefined && arm.m2 > 0 && arm.n < FEWEST
  if (isFew(candidate)) return false
  if (max !== null && crosses(own.value - max, Math.sqrt(own.variance), own.n)) return true
  if (relative === null || maxOverControl === null || !control || isFew(control)) return false
  const sign = moreIsBetter(nameOf(metric)) ? -1 : 1
  return crosses(sign * (own.value - relative), contrastSe(own, control, maxOverControl * sign), own.n + control.n)
}

function contrastSe(own: Estimate, control: SignalMean, margin: number): number {
  const theirs = meanEstimate(momentsOf(control))
  const scale = 1 + margin * Math.sign(theirs.value || 1)
  return Math.max(Math.sqrt(own.variance + scale ** 2 * theirs.variance), testSe(theirs, own))
}

function momentsOf({ n, mean, m2 = 0 }: SignalMean): Moments {
  return { n, mean, m2 }
}

/**
 * What is left without the samples known before. Their own spread isn't kept: that of all stays, less what the two means
 * being apart makes, which is never too little.
 */
function without(all: SignalMean | null, known: SignalMean | null): SignalMean | null {
  if (!all || !known) return all
  const n = all.n - known.n
  if (n <= 0) return null
  const rest = { n, mean: (all.n * all.mean - known.n * known.mean) / n, m2: 0 }
  const between = merged({ n: known.n, mean: known.mean, m2: 0 }, rest).m2
  return { ...all, ...rest, ...(all.m2 === undefined ? { m2: 0 } : { m2: Math.max(0, all.m2 - between) }) }
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}
