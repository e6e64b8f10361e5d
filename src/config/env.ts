/** What the runtime gives the Worker: bindings, secrets and variables. The configuration is read from it once. */
import { detail, type ErrorDetail } from '../core/errors.ts'
import { asTable, type ConfigResult, readConfig, releaseKeys } from './load.ts'
import { valuesAt } from './paths.ts'
import { SECRET_NAME } from './release-schema.ts'

export interface Env {
  CONTROLLER: DurableObjectNamespace
  COUNTER_SHARD: DurableObjectNamespace
  JOB_LEDGER: DurableObjectNamespace
  LIVE_CONFIG: DurableObjectNamespace
  /** JSON list of the control plane's static tokens. */
  SLUICE_TOKENS?: string
  /** JSON list of write-only keys for events from pages. */
  SLUICE_EVENT_KEYS?: string
  /** Signs cookies and sessions, seals job ids: one key, or two with the new one first. */
  SLUICE_COOKIE_KEY?: string
  SLUICE_WEBHOOK_KEY?: string
  /** `"1"`: every new submit goes to control, nothing is asked. */
  SLUICE_FORCE_CONTROL?: string
  /** Optional: where closed windows are written for charts. */
  ANALYTICS?: AnalyticsEngineDataset
  [name: string]: unknown
}

/** A key to sign with that is shorter can be guessed; which keys there are, `auth/keys.ts` reads. */
export const MIN_KEY_CHARS = 16

const known = new WeakMap<object, ConfigResult>()

/** The configuration of this environment, validated once an isolate; secrets that it names must be there. */
export function configOf(env: Env, protocols: readonly string[]): ConfigResult {
  let result = known.get(env)
  if (!result) {
    result = readEnv(env, protocols)
    known.set(env, result)
  }
  return result
}

function readEnv(env: Env, protocols: readonly string[]): ConfigResult {
  const result = readConfig(env, protocols)
  const issues = [...(result.ok ? [] : result.issues), ...secretIssues(env)]
  return issues.length > 0 ? { ok: false, issues } : result
}

/** Read from the tables as they stand, so that other errors of the file hide none of these. */
function secretIssues(env: Env): ErrorDetail[] {
  const issues: ErrorDetail[] = []
  const cookieKey: unknown = env.SLUICE_COOKIE_KEY
  if (typeof cookieKey !== 'string' || cookieKey.length < MIN_KEY_CHARS) {
    const message = `this secret is missing or shorter than ${MIN_KEY_CHARS} characters: set it`
    issues.push(detail('SLUICE_COOKIE_KEY', 'secret_short', message, { least: MIN_KEY_CHARS }))
  }
  for (const key of releaseKeys(env)) {
    const table = asTable(env[key])
    for (const { path, value } of [...valuesAt(table, 'arms.*.auth'), ...valuesAt(table, 'webhook_secret')]) {
      if (typeof value !== 'string' || !SECRET_NAME.test(value)) continue
      if (tokensIn(env[value]).length > 0) continue
      const message = `the secret ${value} is not set: set it, or take this out`
      issues.push(detail(`${key}.${path}`, 'secret_unset', message, { secret: value }))
    }
  }
  return issues
}

/** An arm's bearer token; null where it has none. With two keys the new one is sent. */
export function armToken(env: Env, secret: string | null): string | null {
  return secret === null ? null : (tokensIn(env[secret])[0] ?? null)
}

function tokensIn(secret: unknown): string[] {
  if (typeof secret !== 'string') return []
  return secret
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '')
}
