/** The configuration that a controller acts by: the file with the published overlay on top, and what of it is judged. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Env } from '../../config/env.ts'
import { configOf } from '../../config/env.ts'
import { detail, type ErrorDetail } from '../../core/errors.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { effectiveRelease, type Overlay } from '../../config/overlay.ts'
import { PROTOCOL_NAMES } from '../../protocols/index.ts'
import type { Refusal } from '../controller-rpc.ts'
import type { ConfigMark, Published } from './stored-state.ts'

export interface EffectiveConfig {
  ok: true
  file: ReleaseConfig
  config: ReleaseConfig
  /** Why the overlay is left aside: a deploy changed the file so that it no longer fits. Empty while it acts. */
  setAside: readonly ErrorDetail[]
  mark: ConfigMark
}
export type Effective = EffectiveConfig | Refusal

const UNREADABLE = detail(
  'overlay',
  'overlay_unreadable',
  'what is stored is no overlay: drop the live configuration, or publish another',
)

/** Validated once for each overlay and file; both keep their identity between calls. */
const known = new WeakMap<Overlay, EffectiveConfig>()

/** An overlay that no longer fits a changed file is left aside: the file alone is always valid. */
export function effectiveOf(env: Env, name: string, { overlay, unreadable }: Published): Effective {
  const read = configOf(env, PROTOCOL_NAMES)
  if (!read.ok)
    return { ok: false, code: 'config_invalid', message: 'the configuration is not valid', details: read.issues }
  const file = read.config.releases.find((release) => release.name === name)
  if (!file) return { ok: false, code: 'release_not_found', message: `there is no release "${name}"`, details: [] }
  let effective = known.get(overlay)
  if (effective?.file !== file) {
    const laid = effectiveRelease(file, overlay, PROTOCOL_NAMES)
    const config = laid.ok ? laid.config : file
    const issues = laid.ok ? [] : laid.issues
    effective = { ok: true, file, config, setAside: unreadable ? [UNREADABLE] : issues, mark: markOf(config) }
    known.set(overlay, effective)
  }
  return effective
}

export function markOf(config: ReleaseConfig): ConfigMark {
  const { guardrails, arms, rules, windowMs, ...rest } = config
  return {
    judged: digest({ guardrails, arms, rules, windowMs }),
    all: digest({ ...rest, table: null, guardrails, arms, rules, windowMs }),
  }
}

function digest(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(value)))).slice(0, 32)
}
