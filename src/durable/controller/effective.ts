/** The configuration that a controller acts by: the file with the published overlay on top, and what of it is judged. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Env } from '../../config/env.ts'
import { configOf } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { effectiveRelease, type Overlay } from '../../config/overlay.ts'
import { PROTOCOL_NAMES } from '../../protocols/index.ts'
import type { Refusal } from '../rpc.ts'
import type { ConfigMark } from './store.ts'

export type Effective = { ok: true; file: ReleaseConfig; config: ReleaseConfig } | Refusal

/** An overlay that no longer fits a changed file is left aside: the file alone is always valid. */
export function effectiveOf(env: Env, name: string, overlay: Overlay): Effective {
  const read = configOf(env, PROTOCOL_NAMES)
  if (!read.ok)
    return { ok: false, code: 'config_invalid', message: 'the configuration is not valid', details: read.issues }
  const file = read.config.releases.find((release) => release.name === name)
  if (!file) return { ok: false, code: 'release_not_found', message: `there is no release "${name}"`, details: [] }
  const laid = effectiveRelease(file, overlay, PROTOCOL_NAMES)
  return { ok: true, file, config: laid.ok ? laid.config : file }
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
