/**
 * How a subject is named inside Sluice: its source with its id, so that a header can't speak for a cookie. The data
 * plane names who asks; the control plane finds whom an event means.
 */
import type { SubjectSource } from './sluice-schema.ts'

export type SubjectKind = SubjectSource['kind'] | 'request'

/** `header:alice`; owners of jobs are keyed hashes of it. */
export function subjectKey(kind: SubjectKind, value: string): string {
  return `${kind}:${value}`
}

export function kindOf(key: string): SubjectKind {
  return key.slice(0, key.indexOf(':')) as SubjectKind
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)$/i

/** Every key that a plain subject may have: by the sources configured, less those that never make such a value. */
export function keysOfSubject(value: string, sources: readonly SubjectSource[], hasUsers: boolean): string[] {
  const kinds = sources.map(({ kind }) => kind).filter((kind) => canMake(kind, value, hasUsers))
  return [...new Set(kinds)].map((kind) => subjectKey(kind, value))
}

function canMake(kind: SubjectSource['kind'], value: string, hasUsers: boolean): boolean {
  if (kind === 'jwt') return hasUsers
  if (kind === 'cookie') return UUID.test(value)
  return kind === 'header' || ADDRESS.test(value)
}
