/**
 * Live configuration as forms: the values that act now, a patch laid over them, and the patch that
 * a posted form asks for. Whether values are allowed is the control plane's to say.
 */
import type { ConfigView, ReleaseView } from '../api/index.ts'
import type { Text } from './text/index.ts'

export type Patch = Record<string, unknown>
export const SECTIONS = ['ladder', 'shadow', 'thresholds', 'raw', 'back'] as const
export type Section = (typeof SECTIONS)[number]

/** A guardrail as operators write it. */
export type GuardrailTable = Record<string, unknown> & { metric: string }
export const LIMIT_KEYS = ['max', 'max_over_control', 'max_seconds', 'for_windows'] as const

/** What forms are filled with. */
export interface Draft {
  ladder: unknown[]
  bake: string
  min_jobs: number
  shadow: { sample: number; max_in_flight: number; max_jobs_per_day: number; during_canary: boolean }
  guardrails: GuardrailTable[]
}

export function draftOf(config: ConfigView, view: ReleaseView, patch: Patch): Draft {
  const value = (key: string): unknown => (key in patch ? patch[key] : config.values[key]?.value)
  const inner = (key: string): unknown => tableOf(patch['shadow'])[key] ?? config.values[`shadow.${key}`]?.value
  return {
    ladder: Array.isArray(value('ladder')) ? (value('ladder') as unknown[]) : view.ladder.map((rung) => rung.percent),
    bake: textOf(value('bake')),
    min_jobs: Number(value('min_jobs') ?? view.jobs.needed),
    shadow: {
      sample: Number(inner('sample')),
      max_in_flight: Number(inner('max_in_flight')),
      max_jobs_per_day: Number(inner('max_jobs_per_day')),
      during_canary: inner('during_canary') === true,
    },
    guardrails: Array.isArray(value('guardrails')) ? (value('guardrails') as GuardrailTable[]) : [],
  }
}

/** Whether the release asks for a second person. */
export function requiresReview({ values }: ConfigView): boolean {
  return values['require_review']?.value === true
}

export type Parsed = { ok: true; patch: Patch } | { ok: false; errors: Map<string, string>; raw: string }

/** The patch that a section's form asks for: only what differs from the draft it was filled with. */
export function patchOf(section: Section, fields: URLSearchParams, draft: Draft, t: Text): Parsed {
  if (section === 'raw') {
    const raw = fields.get('raw') ?? ''
    const patch = readJson(raw)
    return patch ? { ok: true, patch } : { ok: false, errors: new Map([['raw', t.config.notJson]]), raw }
  }
  if (section === 'back') return { ok: true, patch: { [fields.get('key') ?? '']: null } }
  const errors = new Map<string, string>()
  const number = (name: string): number => {
    const text = (fields.get(name) ?? '').trim()
    const value = Number(text)
    if (text === '' || !Number.isFinite(value)) errors.set(name, t.config.notNumber)
    return value
  }
  const patch =
    section === 'ladder'
      ? ladderPatch(fields, draft, number, errors, t)
      : section === 'shadow'
        ? shadowPatch(fields, draft, number)
        : thresholdPatch(fields, draft, number)
  return errors.size > 0 ? { ok: false, errors, raw: '' } : { ok: true, patch }
}

function ladderPatch(
  fields: URLSearchParams,
  draft: Draft,
  number: (name: string) => number,
  errors: Map<string, string>,
  t: Text,
): Patch {
  const patch: Patch = {}
  const ladderText = fields.get('ladder')
  if (ladderText !== null) {
    const ladder = ladderText
      .split(/[,，\s]+/)
      .filter(Boolean)
      .map(Number)
    if (ladder.some(Number.isNaN)) errors.set('ladder', t.config.notNumber)
    else if (!same(ladder, draft.ladder)) patch['ladder'] = ladder
  }
  const bake = (fields.get('bake') ?? '').trim()
  if (bake !== draft.bake) patch['bake'] = bake
  const minJobs = number('min_jobs')
  if (minJobs !== draft.min_jobs) patch['min_jobs'] = minJobs
  return patch
}

function shadowPatch(fields: URLSearchParams, draft: Draft, number: (name: string) => number): Patch {
  const asked = {
    sample: number('shadow.sample'),
    max_in_flight: number('shadow.max_in_flight'),
    max_jobs_per_day: number('shadow.max_jobs_per_day'),
    during_canary: fields.get('shadow.during_canary') === '1',
  }
  const changed = Object.entries(asked).filter(([key, value]) => draft.shadow[key as keyof Draft['shadow']] !== value)
  return changed.length > 0 ? { shadow: Object.fromEntries(changed) } : {}
}

function thresholdPatch(fields: URLSearchParams, draft: Draft, number: (name: string) => number): Patch {
  const guardrails = draft.guardrails.map((guardrail, i) => {
    const asked = LIMIT_KEYS.filter((key) => fields.has(`guardrails.${i}.${key}`))
    return { ...guardrail, ...Object.fromEntries(asked.map((key) => [key, number(`guardrails.${i}.${key}`)])) }
  })
  return same(guardrails, draft.guardrails) ? {} : { guardrails }
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

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
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
