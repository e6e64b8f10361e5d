/** Change requests and publications as the API shows them: what each differs by, and how it stands. No I/O. */
import type { ReleaseConfig } from '../config/load.ts'
import type { Overlay } from '../config/overlay.ts'
import { diffOf } from '../config/overlay-diff.ts'
import { type Publishable, publishable } from '../config/publishable.ts'
import { detail, type ErrorDetail } from '../core/errors.ts'
import type { Publication } from '../durable/controller-rpc.ts'
import type { ChangeRequest } from '../durable/live-config-data.ts'
import type { ConfigView } from '../api/index.ts'
import type { ChangeDetail, ChangeView, VersionView } from '../api/changes.ts'

/** `version` is that of the overlay which acts now. */
export function changeView(request: ChangeRequest, version: number): ChangeView {
  const { id, title, reason, author, baseVersion, revision, ending } = request
  return {
    id,
    title,
    reason,
    author,
    status: ending?.status ?? 'open',
    base_version: baseVersion,
    stale: ending === null && baseVersion !== version,
    revision,
    created_at: request.createdAt,
    updated_at: request.updatedAt,
    approved_by: approversOf(request),
    ending: ending && { who: ending.who, at: ending.at, comment: ending.comment, version: ending.version },
  }
}

export function approversOf({ reviews, revision }: ChangeRequest): string[] {
  const approvals = reviews.filter((review) => review.verdict === 'approve' && review.revision === revision)
  return [...new Set(approvals.map(({ who }) => who))]
}

export interface Overlays {
  current: Pick<ConfigView, 'version' | 'overlay'>
  /** That of the request's base version. */
  base: Overlay
  /** Between these two the request makes the difference. */
  from: Overlay
  to: Overlay
}

export function changeDetail(
  file: ReleaseConfig,
  request: ChangeRequest,
  { current, base, from, to }: Overlays,
  protocols: readonly string[],
): ChangeDetail {
  const view = changeView(request, current.version)
  const checked = publishable(file, to, protocols)
  return {
    ...view,
    patch: request.patch,
    version: current.version,
    diff: diffOf(file, from, to),
    moved: view.stale ? diffOf(file, base, current.overlay) : [],
    issues: request.ending || checked.ok ? [] : issuesOf(checked),
    reviews: request.reviews,
  }
}

function issuesOf({ code, message, details }: Publishable & { ok: false }): ErrorDetail[] {
  return details.length > 0 ? details : [detail('', code, message)]
}

export function versionView(file: ReleaseConfig, { before, ...publication }: Publication): VersionView {
  const { version, at, who, reason, overlay, change = null, restored = null, break_glass = false } = publication
  return { version, at, who, reason, overlay, diff: diffOf(file, before, overlay), change, restored, break_glass }
}
