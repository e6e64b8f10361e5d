/**
 * What live-config holds, and each change of it as a pure function: data in, data or a refusal out. Overlays are
 * kept as they came; whether one is valid was settled before.
 */

export interface Draft {
  overlay: Record<string, unknown>
  /** Version of the published overlay that the draft was made from. */
  baseVersion: number
  savedAt: string
}

export interface PublishedVersion {
  version: number
  overlay: Record<string, unknown>
  who: string
  reason: string
  at: string
}

/** A dashboard view under a name: `query` is the part of its address after `?`. */
export interface SavedView {
  name: string
  query: string
}

export interface LiveConfigData {
  schema: 1
  drafts: Record<string, Draft>
  /** Newest first. */
  published: PublishedVersion[]
  views: Record<string, SavedView[]>
}

export type Change = { ok: true; data: LiveConfigData } | { ok: false; why: 'too_many' | 'older_than_known' }

const MAX_DRAFTS = 50
const MAX_PUBLISHED = 50
const MAX_VIEWERS = 100
const MAX_VIEWS = 20
const DRAFT_LIFETIME_MS = 30 * 86_400_000

export function emptyLiveConfig(): LiveConfigData {
  return { schema: 1, drafts: {}, published: [], views: {} }
}

/** Stored data of any known schema → today's. Throws on a newer one, so that an older build overwrites nothing. */
export function upgradeLiveConfig(
  stored: Partial<Omit<LiveConfigData, 'schema'>> & { schema?: number },
): LiveConfigData {
  const { schema = 1 } = stored
  if (schema !== 1) throw new Error(`live-config is stored in schema ${schema}; this build knows schema 1`)
  const { drafts, published, views } = { ...emptyLiveConfig(), ...stored }
  return { schema, drafts, published, views }
}

export function withDraft(data: LiveConfigData, who: string, draft: Draft): Change {
  const drafts = { ...data.drafts, [who]: draft }
  return Object.keys(drafts).length > MAX_DRAFTS
    ? { ok: false, why: 'too_many' }
    : { ok: true, data: { ...data, drafts } }
}

export function withoutDraft(data: LiveConfigData, who: string): LiveConfigData {
  const { [who]: _discarded, ...drafts } = data.drafts
  return { ...data, drafts }
}

/** Recording a version again changes nothing; one that is older than the newest came too late to be of use. */
export function withPublished(data: LiveConfigData, entry: PublishedVersion): Change {
  const newest = data.published[0]?.version ?? -1
  if (entry.version === newest) return { ok: true, data }
  if (entry.version < newest) return { ok: false, why: 'older_than_known' }
  return { ok: true, data: { ...data, published: [entry, ...data.published].slice(0, MAX_PUBLISHED) } }
}

export function withView(data: LiveConfigData, who: string, view: SavedView): Change {
  const kept = (data.views[who] ?? []).filter(({ name }) => name !== view.name)
  const views = { ...data.views, [who]: [...kept, view] }
  const tooMany = kept.length >= MAX_VIEWS || Object.keys(views).length > MAX_VIEWERS
  return tooMany ? { ok: false, why: 'too_many' } : { ok: true, data: { ...data, views } }
}

export function withoutView(data: LiveConfigData, who: string, name: string): LiveConfigData {
  const { [who]: mine = [], ...others } = data.views
  const left = mine.filter((view) => view.name !== name)
  return { ...data, views: left.length > 0 ? { ...others, [who]: left } : others }
}

/** Drafts that nobody has touched for a month go. */
export function withoutOldDrafts(data: LiveConfigData, nowMs: number): LiveConfigData {
  const kept = Object.entries(data.drafts).filter(([, draft]) => nowMs - Date.parse(draft.savedAt) < DRAFT_LIFETIME_MS)
  return { ...data, drafts: Object.fromEntries(kept) }
}
