/** What live-config keeps for operators, as the API takes and answers it: drafts, published overlays, saved views. */
import * as v from 'valibot'

const isoTime = v.pipe(v.string(), v.isoTimestamp())

/** An operator's own draft of the next overlay, and the version that is published now. */
export const draftViewSchema = v.object({
  draft: v.nullable(
    v.object({
      overlay: v.record(v.string(), v.unknown()),
      /** Version of the published overlay that it was made from. */
      base_version: v.number(),
      saved_at: isoTime,
      /** Why it could not be published as it is. */
      issues: v.array(v.object({ path: v.string(), message: v.string() })),
    }),
  ),
  version: v.number(),
})
export type DraftView = v.InferOutput<typeof draftViewSchema>
export const draftRequestSchema = v.strictObject({
  overlay: v.record(v.string(), v.unknown()),
  base_version: v.pipe(v.number(), v.integer(), v.minValue(0)),
})

export const publishedOverlaySchema = v.object({
  version: v.number(),
  overlay: v.record(v.string(), v.unknown()),
  who: v.string(),
  reason: v.string(),
  at: isoTime,
})
export type PublishedOverlay = v.InferOutput<typeof publishedOverlaySchema>

/** A dashboard view under a name; `query` is the part of its address after `?`. */
export const savedViewSchema = v.strictObject({
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(60)),
  query: v.pipe(v.string(), v.maxLength(1000)),
})
export type SavedView = v.InferOutput<typeof savedViewSchema>
