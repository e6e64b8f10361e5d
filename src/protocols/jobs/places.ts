/** Places in JSON as keys from its top down, numbers for items of lists: what stands there, and JSON with something there. */

export type Keys = readonly string[]

/** Own members only; undefined where nothing is. */
export function valueAt(body: unknown, keys: Keys): unknown {
  let value = body
  for (const key of keys) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** At the first of the places where something fits. */
export function firstAt<T>(body: unknown, places: readonly Keys[], fits: (value: unknown) => value is T): T | undefined
export function firstAt(body: unknown, places: readonly Keys[], fits: (value: unknown) => boolean): unknown
export function firstAt(body: unknown, places: readonly Keys[], fits: (value: unknown) => boolean): unknown {
  for (const keys of places) {
    const value = valueAt(body, keys)
    if (fits(value)) return value
  }
  return undefined
}

/** JSON that has each of these values at its place; a place within a plain value is left out. */
export function placed(values: readonly (readonly [Keys, unknown])[]): unknown {
  const root: Record<string, unknown> = {}
  for (const [keys, value] of values) {
    let holder: Record<string, unknown> | null = root
    for (const [i, key] of keys.entries()) {
      if (i === keys.length - 1) Object.defineProperty(holder, key, { value, enumerable: true, configurable: true })
      else {
        const inner: unknown = Object.hasOwn(holder, key) ? holder[key] : /^\d{1,2}$/.test(keys[i + 1]!) ? [] : {}
        if (inner === null || typeof inner !== 'object') break
        Object.defineProperty(holder, key, { value: inner, enumerable: true, configurable: true, writable: true })
        holder = inner as Record<string, unknown>
      }
    }
  }
  return root
}
