/**
 * The live overlay: the keys that operators may change without a redeploy, written as in the
 * file and validated as the file is. File + overlay → effective release, with each key's source.
 */
import { detail, type ErrorDetail } from '../core/errors.ts'
import { isTable } from './fields.ts'
import { type ReleaseConfig, readRelease } from './load.ts'
import type { ObjectEntries } from 'valibot'
import { experimentEntries } from './experiment-schema.ts'
import { releaseEntries, shadowEntries } from './release-schema.ts'

export const OVERLAY_KEYS = [
  'ladder',
  'bake',
  'min_jobs',
  'advance',
  'failover',
  'shadow',
  'rules',
  'guardrails',
  'experiment',
] as const satisfies (keyof typeof releaseEntries)[]
export type OverlayKey = (typeof OVERLAY_KEYS)[number]
const LIVE = OVERLAY_KEYS.join(', ')
export type Overlay = Partial<Record<OverlayKey, unknown>>

/** These two are tables: an overlay that names one of their keys leaves the others to the file. */
const TABLES: Readonly<Record<string, ObjectEntries>> = { shadow: shadowEntries, experiment: experimentEntries }
export const MERGED: readonly string[] = Object.keys(TABLES)

export type EffectiveResult = { ok: true; config: ReleaseConfig } | { ok: false; issues: ErrorDetail[] }

/** The release as it acts: the file's table with the overlay laid over it, validated whole. */
export function effectiveRelease(file: ReleaseConfig, overlay: Overlay, protocols: readonly string[]): EffectiveResult {
  const isLive = (key: string) => (OVERLAY_KEYS as readonly string[]).includes(key)
  const issues: ErrorDetail[] = Object.keys(overlay)
    .filter((key) => !isLive(key))
    .map((path) => detail(path, 'not_live', `can't be changed live; it can be: ${LIVE}`, { keys: LIVE }))
  const live = Object.fromEntries(Object.entries(overlay).filter(([key]) => isLive(key)))
  const table = mergedTable(file.table, live)
  const found: ErrorDetail[] = []
  const settings = readRelease(file.key, table, protocols, found)
  // Paths of an overlay are told as the operator wrote them, without the file's variable name.
  issues.push(...found.map((issue) => ({ ...issue, path: issue.path.replace(`${file.key}.`, '') })))
  return settings && issues.length === 0
    ? { ok: true, config: { ...settings, key: file.key, table } }
    : { ok: false, issues }
}

function mergedTable(table: Record<string, unknown>, overlay: Overlay): Record<string, unknown> {
  const merged = new Map<string, unknown>(Object.entries(table))
  for (const [key, value] of Object.entries(overlay)) {
    const both = MERGED.includes(key) && isTable(table[key]) && isTable(value)
    merged.set(key, both ? { ...(table[key] as object), ...(value as object) } : value)
  }
  return Object.fromEntries(merged)
}

/** A patch on top of an overlay: `null` takes a key back to the file; tables are merged key by key. */
export function patchOverlay(overlay: Overlay, patch: Record<string, unknown>): Overlay {
  const next = new Map<string, unknown>(Object.entries(overlay))
  for (const [key, value] of Object.entries(patch)) {
    const before = next.get(key)
    const isMerged = MERGED.includes(key) && isTable(value)
    const laid = isMerged ? withoutNulls(isTable(before) ? { ...before, ...value } : value) : value
    if (laid === null || laid === undefined) next.delete(key)
    else next.set(key, laid)
  }
  return Object.fromEntries(next) as Overlay
}

/** Inside a table, too, `null` means the file's value; nothing left means no table. */
function withoutNulls(given: Record<string, unknown>): Record<string, unknown> | undefined {
  const kept = Object.entries(given).filter(([, value]) => value !== null)
  return kept.length > 0 ? Object.fromEntries(kept) : undefined
}

/** Keys of the overlay that say something else than the file does. */
export function driftOf(file: ReleaseConfig, overlay: Overlay): string[] {
  const live = mergedTable(file.table, overlay)
  return Object.keys(overlay).filter((key) => !isSame(file.table[key], live[key]))
}

/** Whatever the order of the keys of tables. */
export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, sortedKeys) === JSON.stringify(b, sortedKeys)
}

function sortedKeys(_: string, value: unknown): unknown {
  return isTable(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value
}

export interface SourcedValue {
  value: unknown
  source: 'file' | 'live' | 'default'
  /** What the file says, where `source` is live. */
  file?: unknown
}

/** Each key of the release with where it comes from; keys of `shadow` and `experiment` one by one, as `shadow.sample`. */
export function sources(file: ReleaseConfig, overlay: Overlay): Record<string, SourcedValue> {
  const table = mergedTable(file.table, overlay)
  const out: Record<string, SourcedValue> = {}
  for (const key of Object.keys(releaseEntries)) {
    const live = (overlay as Record<string, unknown>)[key]
    const entries = TABLES[key]
    const inner = table[key] ?? {}
    if (entries && isTable(inner)) {
      const inFile = file.table[key] as Record<string, unknown> | undefined
      for (const name of Object.keys({ ...entries, ...inner }))
        out[`${key}.${name}`] = Object.hasOwn(inner, name)
          ? sourced(inner[name], isTable(live) && Object.hasOwn(live, name), inFile?.[name])
          : { value: defaultOf(entries, name), source: 'default' }
    } else if (Object.hasOwn(table, key)) {
      out[key] = sourced(table[key], live !== undefined, file.table[key])
    } else {
      out[key] = { value: defaultOf(releaseEntries, key), source: 'default' }
    }
  }
  return out
}

function sourced(value: unknown, live: boolean, file: unknown): SourcedValue {
  return live ? { value, source: 'live', ...(file === undefined ? {} : { file }) } : { value, source: 'file' }
}

function defaultOf(entries: ObjectEntries, key: string): unknown {
  const schema = entries[key]!
  return 'default' in schema ? (schema.default ?? null) : null
}
