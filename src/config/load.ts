/** The Worker's variables → the whole configuration, or every error of it at once with its path. */
import * as v from 'valibot'
import { detail, type ErrorDetail } from '../core/errors.ts'
import { isTable } from './fields.ts'
import { issueDetail } from './issue-words.ts'
import { odditiesOf } from './odd-keys.ts'
import { type ReleaseSettings, releaseSchema } from './release-schema.ts'
import { type SluiceSettings, sluiceSchema } from './sluice-schema.ts'

/** One release as the file has it; `key` is the variable's name and `table` what stands there, for overlays. */
export interface ReleaseConfig extends ReleaseSettings {
  key: string
  table: Record<string, unknown>
}

export interface SluiceConfig extends SluiceSettings {
  releases: ReleaseConfig[]
}

export type ConfigResult = { ok: true; config: SluiceConfig } | { ok: false; issues: ErrorDetail[] }

/** `protocols` are the names that may stand under `protocol`. */
export function readConfig(vars: Record<string, unknown>, protocols: readonly string[]): ConfigResult {
  const issues: ErrorDetail[] = []
  const global = vars['SLUICE'] === undefined ? {} : readTable('SLUICE', vars, issues)
  const sluice = global && read('SLUICE', global, sluiceSchema, issues)
  const keys = releaseKeys(vars)
  if (keys.length === 0)
    issues.push(detail('RELEASE_…', 'no_release', 'no release: at least one table [vars.RELEASE_…] is needed'))
  const named = new Map<unknown, string>()
  const releases = keys.flatMap((key): ReleaseConfig[] => {
    const table = readTable(key, vars, issues)
    const release = table && readRelease(key, table, protocols, issues)
    const twin = table && named.get(table['name'])
    const name = String(table?.['name'])
    if (twin)
      issues.push(detail(`${key}.name`, 'name_taken', `"${name}" is already the name of ${twin}`, { name, twin }))
    else if (typeof table?.['name'] === 'string') named.set(table['name'], key)
    return release ? [{ ...release, key, table }] : []
  })
  return sluice && issues.length === 0 ? { ok: true, config: { ...sluice, releases } } : { ok: false, issues }
}

/** The variables that hold releases, in the order in which requests are matched. */
export function releaseKeys(vars: Record<string, unknown>): string[] {
  return Object.keys(vars)
    .filter((key) => key.startsWith('RELEASE_'))
    .sort()
}

/** What else stands there is not told: it may be a secret with a name like a release's. */
function readTable(key: string, vars: Record<string, unknown>, issues: ErrorDetail[]): Record<string, unknown> | null {
  const table = asTable(vars[key])
  if (isTable(table)) return table
  const message = `no table: write [vars.${key}], or rename the variable if it is something else`
  issues.push(detail(key, 'not_release_table', message, { variable: key }))
  return null
}

/** One release's table, validated; its issues are added to `issues` under `key`. */
export function readRelease(
  key: string,
  table: Record<string, unknown>,
  protocols: readonly string[],
  issues: ErrorDetail[],
): ReleaseSettings | null {
  const before = issues.length
  const release = read(key, table, releaseSchema, issues)
  const { protocol } = table
  if (typeof protocol === 'string' && !protocols.includes(protocol)) {
    const choices = protocols.join(', ')
    const message = `"${protocol}" is none of ${choices}`
    issues.push(detail(`${key}.protocol`, 'unknown_protocol', message, { choices, given: protocol }))
  }
  const declares = protocol === 'jobs'
  if (declares && table['wire'] === undefined)
    issues.push(
      detail(`${key}.wire`, 'wire_missing', 'protocol = "jobs" needs the table wire: see docs/protocols/jobs.md'),
    )
  if (!declares && table['wire'] !== undefined)
    issues.push(detail(`${key}.wire`, 'wire_in_vain', 'only protocol = "jobs" goes by it: take it out'))
  return issues.length === before ? release : null
}

function read<S extends v.GenericSchema>(
  key: string,
  value: unknown,
  schema: S,
  issues: ErrorDetail[],
): v.InferOutput<S> | null {
  const odd = odditiesOf(value)
  issues.push(...odd.issues.map((issue) => ({ ...issue, path: `${key}.${issue.path}` })))
  if (odd.tooDeep) return null
  const result = v.safeParse(schema, value)
  if (result.success) return odd.issues.length === 0 ? result.output : null
  issues.push(
    ...result.issues.map((issue) => {
      const below = v.getDotPath(issue) ?? ''
      return issueDetail([key, below].filter(Boolean).join('.'), issue, !MAY_HOLD_SECRETS.test(below))
    }),
  )
  return null
}

/** Anybody may read the issues while the file is invalid: what may hold a credential by mistake is not shown again. */
const MAY_HOLD_SECRETS = /(^|\.)(auth|urls?|jwks_url)(\.|$)/

/** Variables may also arrive as JSON text, as `wrangler dev --var` gives them. */
export function asTable(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
