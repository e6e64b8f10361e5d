/** Operations of a declared wire by method and path, as its table's templates name them. */
import type { WireSettings } from '../../config/wire-schema.ts'
import { asServersRead, decodedSegment, leadsOut, plainSpelling, rooted } from '../path-spelling.ts'
import type { JobAddress, Route } from '../protocol.ts'
import { CANCEL, CONTENT, type Kind, other, POLL, RESULT, SUBMIT, withIds } from '../route-kinds.ts'

const ID = '{id}'
const MODEL = '{model}'

interface Template {
  method: string | null
  segments: readonly string[]
  kind: Kind | null
}

interface Match {
  template: Template
  /** As the path spells it; '' where there is none. */
  model: string
  id: string
  /** What stands behind the template's end, with its slashes. */
  below: string
}

export interface DeclaredPaths {
  /** Never throws. */
  route: (method: string, path: string) => Route
  /** Where this template leads for a job. */
  of: (template: string, job: JobAddress) => string
}

export function declaredPaths(wire: WireSettings): DeclaredPaths {
  const { head } = wire
  const headSegments = head === '' ? 0 : segmentsOf(head).length
  const templateOf = (path: string | null | undefined, method: string | null, kind: Kind | null): Template[] =>
    path === null || path === undefined ? [] : [{ method, segments: segmentsOf(path), kind }]
  const submits = wire.submit.flatMap((path) => templateOf(path, 'POST', SUBMIT))
  const ofJobs = [
    ...templateOf(wire.content, 'GET', CONTENT),
    ...templateOf(wire.result, 'GET', RESULT),
    ...templateOf(wire.poll, 'GET', POLL),
    ...templateOf(wire.cancel?.path, wire.cancel?.method ?? null, CANCEL),
    ...(wire.also ?? []).flatMap((path) => templateOf(path, null, null)),
  ]

  /** `model`: of the arm; null leaves the one that stands before a job's paths. */
  const headFor = (prefix: string, model: string | null) =>
    head === '' ? '' : model === null ? prefix : head.replace(MODEL, () => encodeURIComponent(model))
  const filled = (segments: readonly string[], id: string | null) => {
    const own = (segment: string) => (segment === ID && id !== null ? encodeURIComponent(id) : segment)
    return rooted(segments.slice(headSegments).map(own))
  }
  const prefixOf = ({ template: { segments }, model }: Match) =>
    rooted(segments.slice(0, headSegments).map((segment) => (segment === MODEL ? model : segment)))

  const route = (method: string, given: string): Route => {
    const plain = plainSpelling(given)
    const asked = method === 'HEAD' ? 'GET' : method
    const found = jobIn(plain, asked) ?? (plain.includes('%') ? jobIn(asServersRead(plain), asked) : null)
    const submit = asked === 'POST' && found?.template.method !== 'POST' ? submitIn(plain) : null
    if (submit) {
      const prefix = prefixOf(submit)
      const path = (model: string | null) => headFor(prefix, model) + filled(submit.template.segments, null)
      return { ...SUBMIT, prefix, job: null, upstreamPath: (_, model = null) => path(model) }
    }
    if (!found) {
      const above = head === '' ? null : matchOf({ method: null, segments: segmentsOf(head), kind: null }, plain)
      const path = (model: string | null) => (above && model !== null ? headFor('', model) + above.below : plain)
      return { ...other(method), prefix: '', job: null, upstreamPath: (_, model = null) => path(model) }
    }
    const { template, id, below } = found
    const prefix = prefixOf(found)
    const isMeant = template.kind !== null && template.method === asked && below === ''
    return {
      ...(isMeant ? template.kind! : withIds(method)),
      prefix,
      job: id,
      upstreamPath: (upstreamId, model = null) =>
        headFor(prefix, model) + filled(template.segments, upstreamId ?? id) + below,
    }
  }

  /** The job that a path names: by the template that is meant, else by any that the path begins like. */
  const jobIn = (path: string, method: string): Match | null => {
    const matches = ofJobs.flatMap((template) => matchOf(template, path) ?? [])
    return (
      matches.find(({ template, below }) => below === '' && template.method === method) ??
      matches.find(({ below }) => below === '') ??
      matches[0] ??
      null
    )
  }
  const submitIn = (path: string): Match | null => {
    const matches = submits.flatMap((template) => matchOf(template, path) ?? [])
    return matches.find(({ below }) => below === '') ?? null
  }

  return {
    route,
    of: (template, { upstreamId, prefix, model }) => headFor(prefix, model) + filled(segmentsOf(template), upstreamId),
  }
}

function segmentsOf(path: string): string[] {
  return path.slice(1).split('/')
}

/** Some servers route without regard to case, so a path that is spelled otherwise is of this wire as well. */
function matchOf(template: Template, path: string): Match | null {
  const given = path.slice(1, path.length > 1 && path.endsWith('/') ? -1 : undefined).split('/')
  const { segments } = template
  if (!path.startsWith('/') || given.length < segments.length) return null
  let [model, id] = ['', '']
  for (const [i, segment] of segments.entries()) {
    const own = given[i]!
    if (segment === MODEL) model = own
    else if (segment === ID) id = own
    else if (own.toLowerCase() !== segment.toLowerCase()) return null
    if (own === '') return null
  }
  const below = given.slice(segments.length)
  const at = segments.indexOf(ID)
  // What leads out of the id again is all one id that is none.
  if (at >= 0 && leadsOut(given.slice(at + 1))) {
    const whole = { ...template, segments: segments.slice(0, at + 1), kind: null }
    return { template: whole, model, id: decodedSegment(given.slice(at).join('/')), below: '' }
  }
  return { template, model, id: decodedSegment(id), below: rooted(below) }
}
