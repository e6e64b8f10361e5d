/** From which age on a job that is still open counts as slow, by a limit in seconds or by control's p99. Nothing is judged here. */
import type { GuardrailSettings, JobAge, JobLatencies } from './monitor.ts'
import { quantile } from '../sketch.ts'

/** From so many of control's jobs on, their p99 is good enough to call an open job slow by. */
const ENOUGH_TO_COMPARE = 100

/** The longest of them, in either measure; null where there is none. */
export function longest(ages: readonly JobAge[]): JobAge | null {
  if (ages.length === 0) return null
  const perClip = ages.map(({ perClipSeconds }) => perClipSeconds).filter((each) => each !== null)
  return {
    seconds: Math.max(...ages.map(({ seconds }) => seconds)),
    perClipSeconds: perClip.length === 0 ? null : Math.max(...perClip),
  }
}

export function toleratedByLimit({
  maxSeconds,
  normalise,
}: Pick<GuardrailSettings, 'maxSeconds' | 'normalise'>): JobAge | null {
  return maxSeconds === null ? null : { seconds: maxSeconds, perClipSeconds: normalise ? maxSeconds : null }
}

export function toleratedByControl(
  { metric, maxOverControl, normalise }: Pick<GuardrailSettings, 'metric' | 'maxOverControl' | 'normalise'>,
  { latency, per_clip }: JobLatencies,
): JobAge | null {
  if (metric !== 'latency_p99' || maxOverControl === null || latency.count < ENOUGH_TO_COMPARE) return null
  const factor = 1 + maxOverControl
  const perClip = normalise && per_clip.count >= ENOUGH_TO_COMPARE ? quantile(per_clip, 0.99)! * factor : null
  return { seconds: quantile(latency, 0.99)! * factor, perClipSeconds: perClip }
}
