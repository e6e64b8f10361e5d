/** Change requests of the live configuration and its published versions, as the API takes and answers them. */
import * as v from 'valibot'
import { reasonSchema } from './actions.ts'
import { fault } from '../config/issue-words.ts'
import { configValueSchema, detailSchema, isoTime } from './index.ts'

const overlay = v.record(v.string(), v.unknown())
const title = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100))
/** The request's `revision` that the caller has seen: at another one it is answered with 412. */
const revision = v.pipe(v.number(), v.integer(), v.minValue(1))

/** What acts before and after; what no overlay says is shown as the file says it today. */
export const changedKeySchema = v.object({ key: v.string(), from: configValueSchema, to: configValueSchema })
export type ChangedKey = v.InferOutput<typeof changedKeySchema>

export const changeSchema = v.object({
  id: v.number(),
  title: v.string(),
  reason: v.string(),
  author: v.string(),
  status: v.picklist(['open', 'published', 'discarded']),
  /** Version of the published overlay that it was made for. */
  base_version: v.number(),
  /** Another overlay was published since: it can't be published before it is rebased. */
  stale: v.boolean(),
  revision: v.number(),
  created_at: isoTime,
  updated_at: isoTime,
  /** Of this revision. */
  approved_by: v.array(v.string()),
  ending: v.nullable(v.object({ who: v.string(), at: isoTime, comment: v.string(), version: v.nullable(v.number()) })),
})
export type ChangeView = v.InferOutput<typeof changeSchema>

export const changeDetailSchema = v.object({
  ...changeSchema.entries,
  patch: overlay,
  /** Version of the overlay that acts now. */
  version: v.number(),
  /** While it is open against what acts now, then what it changed. */
  diff: v.array(changedKeySchema),
  /** What others changed since, where it is stale. */
  moved: v.array(changedKeySchema),
  /** Why it could not be published as it is. */
  issues: v.array(detailSchema),
  reviews: v.array(
    v.object({
      who: v.string(),
      at: isoTime,
      verdict: v.picklist(['approve', 'comment']),
      comment: v.string(),
      revision: v.number(),
    }),
  ),
})
export type ChangeDetail = v.InferOutput<typeof changeDetailSchema>

export const proposalSchema = v.pipe(
  v.strictObject({
    title,
    reason: reasonSchema,
    /** Keys as in the file, laid over what acts now; null takes a key back to the file. */
    patch: v.optional(overlay),
    /** Instead of a patch: the overlay of this version, as it was. */
    restore: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  }),
  v.check(
    ({ patch, restore }) => (patch === undefined) !== (restore === undefined),
    fault('patch_or_restore', 'give either patch or restore'),
  ),
)
export const changeEditSchema = v.strictObject({
  revision,
  title: v.optional(title),
  reason: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(500))),
  patch: v.optional(overlay),
})
export const reviewSchema = v.strictObject({
  revision,
  verdict: v.picklist(['approve', 'comment']),
  comment: reasonSchema,
})
export const changeActSchema = v.strictObject({ revision, comment: reasonSchema })
export const publishSchema = v.strictObject({
  ...changeActSchema.entries,
  /** One's own, although the release asks for two people; the comment says why. The history and a webhook say so. */
  break_glass: v.optional(v.boolean(), false),
})
export type Proposal = v.InferInput<typeof proposalSchema>
export type Proposed = v.InferOutput<typeof proposalSchema>
export type ChangeEdit = v.InferOutput<typeof changeEditSchema>
export type Reviewed = v.InferOutput<typeof reviewSchema>
export type ChangeAct = v.InferOutput<typeof changeActSchema>
export type Published = v.InferOutput<typeof publishSchema>

/** A published overlay: who, when, why, and what it changed of the one before. */
export const versionSchema = v.object({
  version: v.number(),
  at: isoTime,
  who: v.string(),
  reason: v.string(),
  overlay,
  diff: v.array(changedKeySchema),
  change: v.nullable(
    v.object({ id: v.number(), title: v.string(), author: v.string(), approved_by: v.array(v.string()) }),
  ),
  /** The version that it brought back. */
  restored: v.nullable(v.number()),
  /** Published by one person although the release asks for two. */
  break_glass: v.boolean(),
})
export type VersionView = v.InferOutput<typeof versionSchema>
