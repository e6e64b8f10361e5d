/** Whether an overlay may be published: the one check, asked where it is proposed and again where it takes effect. */
import type { ErrorDetail } from '../core/errors.ts'
import type { ReleaseConfig } from './load.ts'
import { odditiesOf } from './odd-keys.ts'
import { effectiveRelease, type Overlay } from './overlay.ts'

/** More than any release needs, and few enough for a change request of it to travel to live-config in a header. */
const MAX_OVERLAY_CHARS = 6000
/** Refuses a change that nobody else has seen, where the release asks for two people. */
export const REVIEW_NEEDED =
  'this release asks for a second person: make a change request (POST …/config/changes), or give break_glass=true and a reason'
const INVALID = 'the configuration would not be valid'

export type Publishable =
  | { ok: true; config: ReleaseConfig }
  | { ok: false; code: 'invalid_request' | 'body_too_large'; message: string; details: ErrorDetail[] }

export function publishable(file: ReleaseConfig, overlay: Overlay, protocols: readonly string[]): Publishable {
  const odd = odditiesOf(overlay)
  if (odd.tooDeep) return { ok: false, code: 'invalid_request', message: INVALID, details: odd.issues }
  if (JSON.stringify(overlay).length > MAX_OVERLAY_CHARS) {
    const message = `a live overlay has at most ${MAX_OVERLAY_CHARS} characters`
    return { ok: false, code: 'body_too_large', message, details: [] }
  }
  const effective = effectiveRelease(file, overlay, protocols)
  if (effective.ok) return effective
  return { ok: false, code: 'invalid_request', message: INVALID, details: effective.issues }
}
