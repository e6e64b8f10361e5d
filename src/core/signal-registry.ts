/** Signals whose name says what they are: unit, bounds, and whether more of it is better. Other names are free, and less is better. */

export interface KnownSignal {
  unit: string
  better: 'less' | 'more'
  /** Values outside can't be; null where there is no end. */
  least: number | null
  most: number | null
}

const share = (better: KnownSignal['better']): KnownSignal => ({ unit: 'share', better, least: 0, most: 1 })
const amount = (unit: string): KnownSignal => ({ unit, better: 'less', least: 0, most: null })

const KNOWN = new Map<string, KnownSignal>([
  ['fvd', amount('distance')],
  ['lpips', amount('distance')],
  ['clip_similarity', { unit: 'cosine', better: 'more', least: -1, most: 1 }],
  ['ssim', { unit: 'index', better: 'more', least: -1, most: 1 }],
  ['psnr', { unit: 'dB', better: 'more', least: 0, most: null }],
  ['temporal_ssim', { unit: 'index', better: 'more', least: -1, most: 1 }],
  ['temporal_psnr', { unit: 'dB', better: 'more', least: 0, most: null }],
  ['gpu_utilisation', share('less')],
  ['gpu_memory', amount('bytes')],
  ['cold_start', amount('seconds')],
  ['retries', amount('retries')],
  ['cost', amount('money')],
])

export function moreIsBetter(name: string): boolean {
  return KNOWN.get(name)?.better === 'more'
}

/** What is wrong with a value of a known signal; null where nothing is, or the name is free. */
export function impossibleValue(name: string, value: number): string | null {
  const known = KNOWN.get(name)
  if (!known) return null
  if (known.least !== null && value < known.least) return `${name} is at least ${known.least} (${known.unit})`
  if (known.most !== null && value > known.most) return `${name} is at most ${known.most} (${known.unit})`
  return null
}
