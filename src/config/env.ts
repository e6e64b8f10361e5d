/** What the runtime gives the Worker: bindings, secrets and variables. The configuration is read from it once. */
import type { ErrorDetail } from '../core/errors.ts'
import { type ConfigResult, readConfig } from './load.ts'

export interface Env {
  CONTROLLER: DurableObjectNamespace
  COUNTER_SHARD: DurableObjectNamespace
  JOB_LEDGER: DurableObjectNamespace
  LIVE_CONFIG: DurableObjectNamespace
  /** JSON list of the control plane's static tokens. */
  SLUICE_TOKENS?: string
  /** JSON list of write-only keys for events from pages. */
  SLUICE_EVENT_KEYS?: string
  /** Signs cookies, sessions and job ids: one key, or two with the new one first. */
  SLUICE_COOKIE_KEY?: string
  SLUICE_WEBHOOK_KEY?: string
  /** `"1"`: every new submit goes to control, nothing is asked. */
  SLUICE_FORCE_CONTROL?: string
  [name: string]: unknown
}

const MIN_KEY_CHARS = 16
const known = new WeakMap<object, ConfigResult>()

/** The configuration of this environment, validated once an isolate; secrets that it names must be there. */
export function configOf(env: Env, protocols: readonly string[]): ConfigResult {
  let result = known.get(env)
  if (!result) {
    result = withSecrets(readConfig(env, protocols), env)
    known.set(env, result)
  }
  return result
}

function withSecrets(result: ConfigResult, env: Env): ConfigResult {
  if (!result.ok) return result
  const issues: ErrorDetail[] = []
  if ((env.SLUICE_COOKIE_KEY ?? '').length < MIN_KEY_CHARS) {
    issues.push({
      path: 'SLUICE_COOKIE_KEY',
      message: `this secret is missing or shorter than ${MIN_KEY_CHARS} characters`,
    })
  }
  for (const release of result.config.releases) {
    for (const [arm, { auth }] of Object.entries(release.arms)) {
      if (auth && typeof env[auth] !== 'string') {
        issues.push({ path: `${release.key}.arms.${arm}.auth`, message: `the secret ${auth} is not set` })
      }
    }
  }
  return issues.length > 0 ? { ok: false, issues } : result
}

/** An arm's bearer token; null where it has none. With two keys the new one is sent. */
export function armToken(env: Env, secret: string | null): string | null {
  const value = secret === null ? undefined : env[secret]
  return typeof value === 'string' ? (value.split(',')[0]?.trim() ?? null) : null
}
