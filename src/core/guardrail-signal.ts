/** Signals posted from outside (quality, resources, cost): candidate's mean against a limit or control's mean; less is better. */
import { grouped, subjectOf } from './guardrail-words.ts'
import type { Finding, Guardrail, JudgeContext } from './monitor.ts'

export function assessSignal(guardrail: Guardrail, context: JudgeContext): Finding {
  const { max, maxOverControl, minSamples } = guardrail
  const candidate = context.signals?.candidate ?? null
  const control = context.signals?.control ?? null
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
    const since = context.clockStartedAt ?? context.epochStartedAt ?? null
    const over = since !== null && context.now - since > guardrail.noDataGraceMs
    return {
      ...base,
      status: 'no_data',
      note: over ? 'grace_over' : null,
      words: () => `${subject}: no samples of the candidate yet`,
    }
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

function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}
