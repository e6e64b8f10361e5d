/** `KEY=VALUE` words → a merge patch of the live overlay. Values are written as in the file; nothing is validated here. */
import { parse } from 'smol-toml'
import { usage } from './failure.ts'

type Patch = Record<string, unknown>

/** Without a prototype: there `__proto__` is a key as any other, which the gateway then refuses. */
function emptyPatch(): Patch {
  return Object.create(null) as Patch
}

/** `bake=10m shadow.sample=0.5` → `{ bake: "10m", shadow: { sample: 0.5 } }`. */
export function settingPatch(pairs: readonly string[]): Patch {
  const patch = emptyPatch()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw usage(`not KEY=VALUE: ${pair}`)
    put(patch, pair.slice(0, at).trim(), valueOf(pair.slice(at + 1).trim()))
  }
  return patch
}

/** `null` takes a key back to the file. */
export function clearingPatch(keys: readonly string[]): Patch {
  const patch = emptyPatch()
  for (const key of keys) {
    if (key.includes('=')) throw usage(`unset takes a key alone: ${key}`)
    put(patch, key, null)
  }
  return patch
}

function put(patch: Patch, dotted: string, value: unknown): void {
  const keys = dotted.split('.')
  const last = keys.pop()!
  if (last === '' || keys.includes('')) throw usage(`not a key: ${dotted}`)
  let table = patch
  for (const key of keys) {
    const inner = Object.hasOwn(table, key) ? table[key] : (table[key] = emptyPatch())
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) throw usage(`${key} is given twice`)
    table = inner as Patch
  }
  if (Object.hasOwn(table, last)) throw usage(`${dotted} is given twice`)
  table[last] = value
}

/** As TOML has it; what is no TOML value, like a bare 10m or auto, is text. */
function valueOf(text: string): unknown {
  if (text === '') throw usage('an empty value: write "" for an empty text, or use `config unset`')
  if (/^[+-]?(inf|nan)$/.test(text)) return text
  try {
    return (parse(`value = ${text}`) as { value: unknown }).value
  } catch {
    if (/^["'[{]/.test(text)) throw usage(`not a TOML value: ${text}`)
    return text
  }
}
