/** What tells two live overlays apart: key by key for a reader, and as the patch that makes one of the other. */
import { isTable } from './fields.ts'
import type { ReleaseConfig } from './load.ts'
import { isSame, MERGED, type Overlay, sources, type SourcedValue } from './overlay.ts'

export interface ChangedKey {
  key: string
  from: SourcedValue
  to: SourcedValue
}

/** Of a key that this build does not know, in an overlay of another. */
const NOWHERE: SourcedValue = { value: null, source: 'default' }

/** Each key that would act otherwise, or come from elsewhere; what an overlay does not say is read in the file as it is now. */
export function diffOf(file: ReleaseConfig, from: Overlay, to: Overlay): ChangedKey[] {
  const before = sources(file, from)
  const after = sources(file, to)
  return Object.keys({ ...before, ...after })
    .map((key) => ({ key, from: before[key] ?? NOWHERE, to: after[key] ?? NOWHERE }))
    .filter(({ from: was, to: is }) => was.source !== is.source || !isSame(was.value, is.value))
}

/** `patchOverlay(from, patchTo(from, to))` is `to`. Empty where nothing differs. */
export function patchTo(from: Overlay, to: Overlay): Record<string, unknown> {
  return patchBetween(from, to, (key) => MERGED.includes(key))
}

function patchBetween(from: object, to: object, merges: (key: string) => boolean): Record<string, unknown> {
  const patch: Record<string, unknown> = {}
  const [before, after] = [from as Record<string, unknown>, to as Record<string, unknown>]
  for (const key of Object.keys({ ...before, ...after })) {
    const [was, is] = [before[key], after[key]]
    if (is === undefined) patch[key] = null
    else if (isSame(was, is)) continue
    else patch[key] = merges(key) && isTable(was) && isTable(is) ? patchBetween(was, is, () => false) : is
  }
  return patch
}
