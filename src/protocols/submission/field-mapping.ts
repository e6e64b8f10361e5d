/**
 * A submit's body with the fields that an arm takes: renamed, set and clamped where they stand, in any encoding and in
 * JSON within a field. What is not named stays byte for byte. Knows no protocol.
 */
import type { FieldMapping, SetValue } from '../../config/mapping-schema.ts'
import type { Edit, Field, FieldValue, FormBody } from '../body/form-body.ts'
import { applyEdits, decodeUtf8, pathOf } from '../body/form-body.ts'
import { jsonSource, tryOpenJson } from '../body/json.ts'
import { actsForClient, isStore } from './acting-fields.ts'

type Path = readonly string[]

/** A field as it will be. */
interface Slot {
  body: FormBody
  /** Null where it is new. */
  field: Field | null
  name: string
  keys: Path
  /** Undefined: as it stands. */
  value?: FieldValue
  /** The object that it holds, once looked into; null where it holds none. */
  inner?: Draft | null | undefined
  isGone: boolean
}

const JSON_NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const DECIMAL = /^-?\d{1,15}(\.\d{1,15})?$/

/** `forShadow`: a copy acts for nobody, so it gets no webhook or place to store, however it came to be named. */
export function mapFields(
  body: FormBody,
  { rename, set, clamp }: FieldMapping,
  forShadow: boolean,
): Uint8Array<ArrayBuffer> {
  const draft = new Draft(body)
  const mayStand = (path: Path) => !forShadow || !path.some(actsForClient)
  for (const { from, to } of rename) draft.rename(from, mayStand(to) ? to : null)
  for (const { path, value } of set) {
    const isAddress = typeof value === 'string' && isStore(value)
    if (mayStand(path) && !(forShadow && isAddress)) draft.put(path, fieldValue(value))
  }
  for (const { path, min, max } of clamp) draft.clamp(path, min, max)
  return draft.bytes()
}

/** The body with these values at these places; what can't be put there is left out. */
export function putFields(body: FormBody, values: readonly (readonly [Path, FieldValue])[]): Uint8Array<ArrayBuffer> {
  const draft = new Draft(body)
  for (const [path, value] of values) draft.put(path, value)
  return draft.bytes()
}

function fieldValue(value: SetValue): FieldValue {
  return typeof value === 'string' ? { text: value } : { json: JSON.stringify(value) }
}

/** A body under change. Nothing of it is written before `bytes`. */
class Draft {
  readonly #body: FormBody
  readonly #slots: Slot[]

  constructor(body: FormBody) {
    this.#body = body
    this.#slots = body.fields.map((field) => slotOf(body, field, field.name, pathOf(field.name)))
  }

  /** `to` null takes the field out. */
  rename(from: Path, to: Path | null): void {
    const places = this.#at(from)
    if (places.length === 0) return
    const isTaken = to === null || this.#at(to).length > 0
    const inPlace = to !== null && from.slice(0, -1).join('.') === to.slice(0, -1).join('.')
    if (isTaken) for (const slot of places) slot.isGone = true
    else if (inPlace) for (const slot of places) renameSlot(slot, to.at(-1)!)
    else {
      // Of several values the last one counts, as servers read them. A file stays where it is.
      const value = valueOf(places.at(-1)!)
      if (value === null) return
      for (const slot of places) slot.isGone = true
      if (!this.put(to, value)) for (const slot of places) slot.isGone = false
    }
  }

  /** False where what stands above holds no fields, so that there is no place for one. */
  put(path: Path, value: FieldValue): boolean {
    const places = this.#at(path)
    for (const slot of places) Object.assign(slot, { value, inner: undefined })
    if (places.length > 0) return true
    const isAbove = ({ keys, isGone }: Slot) => !isGone && keys.length < path.length && startsWith(path, keys)
    const above = this.#slots.filter(isAbove)
    const holder = above.find(innerOf)
    if (holder) return innerOf(holder)!.put(path.slice(holder.keys.length), value)
    const empty = above.find((slot) => isNull(valueOf(slot)))
    if (empty) Object.assign(empty, { value: nested(path.slice(empty.keys.length), value), inner: undefined })
    else if (above.length > 0) return false
    else this.#add(path, value)
    return true
  }

  /** Only what is a number, or reads like one. */
  clamp(path: Path, min: number, max: number): void {
    for (const slot of this.#at(path)) {
      const value = valueOf(slot)
      const source = value && ('text' in value ? value.text.trim() : value.json)
      if (!value || !source || !('text' in value ? DECIMAL : JSON_NUMBER).test(source)) continue
      const clamped = Math.min(max, Math.max(min, Number(source)))
      if (clamped === Number(source)) continue
      slot.value = 'text' in value ? { text: String(clamped) } : { json: String(clamped) }
      slot.inner = undefined
    }
  }

  /** The very same array where nothing has changed. */
  bytes(): Uint8Array<ArrayBuffer> {
    const body = this.#body
    const stays = this.#slots.filter(({ isGone }) => !isGone)
    const added = stays.flatMap((slot) => (slot.field ? [] : [{ name: slot.name, value: newValueOf(slot)! }]))
    const gone = new Set(this.#slots.flatMap(({ field, isGone }) => (field && isGone ? [field] : [])))
    return applyEdits(body.bytes, [
      ...(added.length > 0 ? body.add(added, stays.length === added.length) : []),
      ...body.remove(gone),
      ...stays.flatMap(editsOf),
    ])
  }

  /** Its JSON; undefined where nothing has changed. */
  changed(): FieldValue | undefined {
    const bytes = this.bytes()
    return bytes === this.#body.bytes ? undefined : { json: decodeUtf8(bytes, 'body') }
  }

  /** In brackets, where the others beside it stand so; else on top, as an object. */
  #add(path: Path, value: FieldValue): void {
    const [first = '', ...below] = path
    const isBracketed = this.#slots.some(({ keys, isGone }) => !isGone && keys.length > 1 && keys[0] === first)
    const slot = isBracketed
      ? { ...slotOf(this.#body, null, bracketed(path), path), value }
      : { ...slotOf(this.#body, null, first, [first]), value: below.length === 0 ? value : nested(below, value) }
    this.#slots.push(slot)
  }

  /** Every field at this path. */
  #at(path: Path): Slot[] {
    return this.#slots.flatMap((slot) => {
      const { keys, isGone } = slot
      if (isGone || !startsWith(path, keys)) return []
      if (keys.length === path.length) return [slot]
      const inner = innerOf(slot)
      return inner ? inner.#at(path.slice(keys.length)) : []
    })
  }
}

function slotOf(body: FormBody, field: Field | null, name: string, keys: Path): Slot {
  return { body, field, name, keys, isGone: false }
}

function innerOf(slot: Slot): Draft | null {
  if (slot.inner === undefined) {
    const { body, value, field } = slot
    const source = value ? ('json' in value ? value.json : null) : body.jsonOf(field!)
    const opened = source === null ? null : tryOpenJson(source)
    slot.inner = opened && new Draft(opened)
  }
  return slot.inner
}

/** Null for a file. */
function valueOf(slot: Slot): FieldValue | null {
  const { body, field } = slot
  const now = newValueOf(slot)
  if (now || !field) return now ?? null
  if (typeof field.value === 'string') return { text: field.value }
  if (field.value === undefined) return null
  return { json: decodeUtf8(body.bytes.subarray(field.span.start, field.span.end), field.name) }
}

function editsOf(slot: Slot): Edit[] {
  const { body, field, name } = slot
  if (!field) return []
  const now = newValueOf(slot)
  return [...(name === field.name ? [] : body.rename(field, name)), ...(now ? body.set(field, now) : [])]
}

/** Undefined where it stays as it stands. */
function newValueOf({ value, inner }: Slot): FieldValue | undefined {
  return inner?.changed() ?? value
}

function renameSlot(slot: Slot, last: string): void {
  slot.keys = [...slot.keys.slice(0, -1), last]
  slot.name = bracketed(slot.keys)
}

function bracketed([first = '', ...below]: Path): string {
  return first + below.map((key) => `[${key}]`).join('')
}

function isNull(value: FieldValue | null): boolean {
  return value !== null && 'json' in value && value.json === 'null'
}

function nested(path: Path, value: FieldValue): FieldValue {
  return { json: path.reduceRight((source, key) => `{${JSON.stringify(key)}:${source}}`, jsonSource(value)) }
}

function startsWith(path: Path, keys: Path): boolean {
  return keys.length <= path.length && keys.every((key, i) => key === path[i])
}
