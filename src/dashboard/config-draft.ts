/**
 * Live configuration as forms: the values that act now, a patch laid over them, and the patch that
 * a posted form asks for. Whether values are allowed is the control plane's to say.
 */
import type { ConfigView } from '../api/index.ts'
import type { Text } from './text/index.ts'

export type Patch = Record<string, unknown>
export const SECTIONS = ['ladder', 'shadow', 'thresholds', 'raw', 'back'] as const
export type Section = (typeof SECTIONS)[number]

/** Keys that have a field of their own, by the form that they stand in. */
export const FIELDS = {
  ladder: ['ladder', 'bake', 'min_jobs'],
  shadow: ['shadow.sample', 'shadow.max_in_flight', 'shadow.max_jobs_per_day', 'shadow.during_canary'],
} as const

/** A guardrail as operators write it. */
export type GuardrailTable = Record<string, unknown> & { metric: string }
export const LIMIT_KEYS = ['max', 'max_over_control', 'max_seconds', 'for_windows'] as const

/** What a form is filled with: the value that a patch asks for, else the one that acts. */
export function drafted({ values }: ConfigView, patch: Patch, key: string): unknown {
  const [first = '', inner] = key.split('.')
  const asked = inner === undefined ? patch : tableOf(patch[first])
  return asked[inner ?? first] ?? values[key]?.value
}

export function draftedGuardrails(config: ConfigView, patch: Patch): GuardrailTable[] {
  const guardrails = drafted(config, patch, 'guardrails')
  return Array.isArray(guardrails) ? guardrails.filter((each): each is GuardrailTable => isTable(each)) : []
}

/** Whether the release asks for a second person. */
export function requiresReview({ values }: ConfigView): boolean {
  return values['require_review']?.value === true
}

export type Parsed = { ok: true; patch: Patch } | { ok: false; errors: Map<string, string>; raw: string }

/** The patch that a section's form asks for: only what differs from what acts. */
export function patchOf(section: Section, fields: URLSearchParams, config: ConfigView, t: Text): Parsed {
  if (section === 'raw') {
    const raw = fields.get('raw') ?? ''
    const patch = readJson(raw)
    return patch ? { ok: true, patch } : { ok: false, errors: new Map([['raw', t.config.notJson]]), raw }
  }
  if (section === 'back') return { ok: true, patch: { [fields.get('key') ?? '']: null } }
  const errors = new Map<string, string>()
  const asked = (name: string, present: unknown) =>
    read((fields.get(name) ?? '').trim(), present, () => errors.set(name, t.config.notNumber))
  const patch: Patch = {}
  if (section === 'thresholds') {
    const present = draftedGuardrails(config, {})
    const guardrails = present.map((guardrail, i) => {
      const limits = LIMIT_KEYS.filter((key) => fields.has(`guardrails.${i}.${key}`))
      return { ...guardrail, ...Object.fromEntries(limits.map((key) => [key, asked(`guardrails.${i}.${key}`, 0)])) }
    })
    if (!same(guardrails, present)) patch['guardrails'] = guardrails
  } else {
    for (const key of FIELDS[section]) {
      const present = drafted(config, {}, key)
      // A tick that is not set is not sent; a ladder of tables has no field.
      const value = fields.has(key) || typeof present === 'boolean' ? asked(key, present) : present
      if (same(value, present)) continue
      const [first = '', inner] = key.split('.')
      patch[first] = inner === undefined ? value : { ...tableOf(patch[first]), [inner]: value }
    }
  }
  return errors.size > 0 ? { ok: false, errors, raw: '' } : { ok: true, patch }
}

/** A field's text as a value of the kind that acts. */
function read(text: string, present: unknown, notNumber: () => void): unknown {
  if (typeof present === 'boolean') return text === '1'
  const items = text.split(/[,，\s]+/).filter(Boolean)
  if (Array.isArray(present)) return items.map((item) => read(item, 0, notNumber))
  if (typeof present !== 'number') return text
  if (text === '' || !Number.isFinite(Number(text))) notNumber()
  return Number(text)
}

/** A JSON object, or null where the text is none. */
export function readJson(text: string): Patch | null {
  try {
    const value: unknown = JSON.parse(text)
    return isTable(value) && isShallow(value) ? value : null
  } catch {
    return null
  }
}

const MAX_DEPTH = 32

/** Pages walk down what they show: what is nested without end is no configuration. */
function isShallow(value: object): boolean {
  let level: object[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) return false
    level = level.flatMap((each) => Object.values(each)).filter((inner) => typeof inner === 'object' && inner !== null)
  }
  return true
}

export interface KeyChange {
  key: string
  from: unknown
  /** Undefined: back to what the file says, or to the default. */
  to: unknown
}

/** Each key that a patch would change, tables key by key. */
export function changesOf(config: ConfigView, patch: Patch): KeyChange[] {
  return Object.entries(patch).flatMap(([key, value]) => {
    const inner = Object.keys(config.values).filter((known) => known.startsWith(`${key}.`))
    if (value === null && inner.length > 0)
      return inner
        .filter((known) => config.values[known]!.source === 'live')
        .map((known) => ({ key: known, from: config.values[known]!.value, to: config.values[known]!.file }))
    if (value === null) return [{ key, from: config.values[key]?.value, to: config.values[key]?.file }]
    if (!isTable(value)) return [{ key, from: config.values[key]?.value, to: value }]
    return Object.entries(value).map(([name, to]) => ({
      key: `${key}.${name}`,
      from: config.values[`${key}.${name}`]?.value,
      to,
    }))
  })
}

function tableOf(value: unknown): Patch {
  return isTable(value) ? value : {}
}

function isTable(value: unknown): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
