/**
 * What live-config holds, change requests of the live configuration, and each change of it as a pure function: data in,
 * data or a refusal out. Whether a patch is valid, and who may do what, was settled before.
 */

export interface Review {
  who: string
  at: string
  verdict: 'approve' | 'comment'
  comment: string
  /** Of the request that was looked at: after an edit an approval says nothing any more. */
  revision: number
}

export interface Ending {
  status: 'published' | 'discarded'
  who: string
  at: string
  comment: string
  /** Of the overlay that it became, where it was published. */
  version: number | null
}

/** A person's proposal: lay `patch` over the published overlay of `baseVersion`. */
export interface Proposal {
  title: string
  reason: string
  patch: Record<string, unknown>
  baseVersion: number
}

export interface ChangeRequest extends Proposal {
  /** Counts from 1 within the release, and is never used again. */
  id: number
  author: string
  createdAt: string
  updatedAt: string
  /** Grows with each edit: of two editors the second is refused. */
  revision: number
  reviews: Review[]
  /** Null: it is open. */
  ending: Ending | null
}

/** Grows when what is stored changes its shape or its meaning. */
const SCHEMA = 1

export interface LiveConfigData {
  schema: typeof SCHEMA
  lastId: number
  /** Newest first. */
  changes: ChangeRequest[]
}

export interface Refused {
  ok: false
  why: 'too_many' | 'not_found' | 'closed' | 'other_revision'
}
export type Change = { ok: true; data: LiveConfigData; request: ChangeRequest } | Refused

const MAX_OPEN = 50
const MAX_ENDED = 50
const MAX_REVIEWS = 20
/** Of all of it: one stored value has at most 2 MB, and a character takes up to two bytes. */
const MAX_CHARS = 700_000

export function emptyLiveConfig(): LiveConfigData {
  return { schema: SCHEMA, lastId: 0, changes: [] }
}

/** Stored data, what is missing filled in. Throws on a newer schema, so that an older build overwrites nothing. */
export function migrateLiveConfig(
  stored: Partial<Omit<LiveConfigData, 'schema'>> & { schema?: number },
): LiveConfigData {
  const { schema = SCHEMA, lastId = 0, changes = [] } = stored
  if (schema > SCHEMA) throw new Error(`live-config is stored in schema ${schema}; this build knows schema ${SCHEMA}`)
  // Here stands a pure step for each schema before today's, once there is one.
  return { schema: SCHEMA, lastId, changes }
}

export function withProposal(data: LiveConfigData, proposal: Proposal, author: string, at: string, above = 0): Change {
  const id = Math.max(data.lastId, above) + 1
  const request = { ...proposal, id, author, createdAt: at, updatedAt: at, revision: 1, reviews: [], ending: null }
  return bounded({ ...data, lastId: id, changes: [request, ...data.changes] }, request)
}

/** A patch of its own, or the same on another base; approvals of what it was before no longer count. */
export function withEdit(
  data: LiveConfigData,
  id: number,
  revision: number,
  edit: Partial<Proposal>,
  at: string,
): Change {
  return changed(data, id, revision, (request) => ({
    ...request,
    ...edit,
    revision: request.revision + 1,
    updatedAt: at,
  }))
}

export function withReview(data: LiveConfigData, id: number, review: Review): Change {
  return changed(data, id, review.revision, (request) =>
    request.reviews.length < MAX_REVIEWS ? { ...request, reviews: [...request.reviews, review] } : null,
  )
}

/** `revision` null: whatever it is, since what the controller has published is so even where somebody discarded it. */
export function withEnding(data: LiveConfigData, id: number, revision: number | null, ending: Ending): Change {
  return changed(data, id, revision, (request) => ({ ...request, ending }))
}

function changed(
  data: LiveConfigData,
  id: number,
  revision: number | null,
  edit: (request: ChangeRequest) => ChangeRequest | null,
): Change {
  const found = data.changes.find((request) => request.id === id)
  if (!found) return { ok: false, why: 'not_found' }
  const isFinal = revision !== null || found.ending?.status === 'published'
  if (found.ending && isFinal) return { ok: false, why: 'closed' }
  if (revision !== null && found.revision !== revision) return { ok: false, why: 'other_revision' }
  const request = edit(found)
  if (!request) return { ok: false, why: 'too_many' }
  return bounded({ ...data, changes: data.changes.map((each) => (each === found ? request : each)) }, request)
}

/** The oldest that have ended make room; one that is open never does. */
function bounded(data: LiveConfigData, request: ChangeRequest): Change {
  const open = data.changes.filter(({ ending }) => ending === null)
  const ended = data.changes.filter(({ ending }) => ending !== null)
  let kept = new Set<ChangeRequest>([...open, ...ended.slice(0, MAX_ENDED)])
  const size = () => JSON.stringify([...kept]).length
  while (size() > MAX_CHARS && kept.size > open.length) kept = new Set([...kept].slice(0, -1))
  if (open.length > MAX_OPEN || size() > MAX_CHARS) return { ok: false, why: 'too_many' }
  return { ok: true, data: { ...data, changes: data.changes.filter((each) => kept.has(each)) }, request }
}
