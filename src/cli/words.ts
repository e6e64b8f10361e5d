/** Figures and moments as a person reads them: percents, spans of time, places on the ladder. */

/** `4 s`, `12 min`, `2 h 05 min`, `3 d 4 h`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 120) return `${s} s`
  const minutes = Math.round(s / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** ISO 8601 → `2026-11-24 08:30:00Z`. */
export function moment(iso: string): string {
  return new Date(iso)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, 'Z')
}

/** How long from now until then, or how long ago. */
export function fromNow(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000
  return seconds >= 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`
}

/** Three significant digits, thousands grouped. */
export function figure(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(value) >= 1000 ? 21 : 3 })
}

export function percentOf(share: number): string {
  return `${figure(share * 100)} %`
}

export function place({ stage, percent }: { stage: string; percent: number }): string {
  return stage.startsWith('canary') ? `${stage} (${percent} %)` : stage
}

export function plural(n: number, noun: string): string {
  return `${figure(n)} ${noun}${n === 1 ? '' : 's'}`
}
