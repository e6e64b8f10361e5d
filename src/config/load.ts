/** The Worker's variables → the whole configuration, or every error of it at once with its path. */
import * as v from 'valibot'
import type { ErrorDetail } from '../core/errors.ts'
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
  const sluice = read('SLUICE', vars['SLUICE'] ?? {}, sluiceSchema, issues)
  const keys = Object.keys(vars)
    .filter((key) => key.startsWith('RELEASE_') && isTable(vars[key]))
    .sort()
  if (keys.length === 0)
    issues.push({ path: 'RELEASE_…', message: 'no release: at least one table [vars.RELEASE_…] is needed' })
  const releases = keys.flatMap((key): ReleaseConfig[] => {
    const release = readRelease(key, vars[key], protocols, issues)
    return release ? [{ ...release, key, table: asTable(vars[key]) as Record<string, unknown> }] : []
  })
  for (const [i, release] of releases.entries()) {
    const twin = releases.slice(0, i).find((other) => other.name === release.name)
    if (twin)
      issues.push({ path: `${release.key}.name`, message: `"${release.name}" is already the name of ${twin.key}` })
  }
  return sluice && issues.length === 0 ? { ok: true, config: { ...sluice, releases } } : { ok: false, issues }
}

/** One release's table, validated; its issues are added to `issues` under `key`. */
export function readRelease(
  key: string,
  value: unknown,
  protocols: readonly string[],
  issues: ErrorDetail[],
): ReleaseSettings | null {
  const release = read(key, value, releaseSchema, issues)
  if (release && !protocols.includes(release.protocol)) {
    issues.push({ path: `${key}.protocol`, message: `"${release.protocol}" is none of ${protocols.join(', ')}` })
    return null
  }
  return release
}

function read<S extends v.GenericSchema>(
  key: string,
  value: unknown,
  schema: S,
  issues: ErrorDetail[],
): v.InferOutput<S> | null {
  const result = v.safeParse(schema, asTable(value))
  if (result.success) return result.output
  issues.push(
    ...result.issues
      .flatMap(leaves)
      .map((issue) => ({ path: [key, v.getDotPath(issue)].filter(Boolean).join('.'), message: messageOf(issue) })),
  )
  return null
}

/** A union's own issue hides the ones below it, which say more where they have a path. */
function leaves(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown>[] {
  const deeper = (issue.issues ?? []).filter((inner) => (inner.path?.length ?? 0) > (issue.path?.length ?? 0))
  return deeper.length > 0 ? deeper.flatMap(leaves) : [issue]
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  const given = ['undefined', 'Object', 'Array'].includes(issue.received)
    ? ''
    : ` (given: ${issue.received.slice(0, 80)})`
  return `${issue.message}${issue.message.includes('eceived') ? '' : given}`
}

/** Variables may also arrive as JSON text, as `wrangler dev --var` gives them. */
function asTable(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function isTable(value: unknown): boolean {
  const table = asTable(value)
  return typeof table === 'object' && table !== null && !Array.isArray(table)
}
