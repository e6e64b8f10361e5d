/**
 * Change requests of the live configuration: drafts that others see, review and publish. live-config holds them, and
 * the controller the truth of what was published: it commits first, and whatever live-config was not told of is found
 * with the next read.
 */
import type { Caller } from '../auth/caller.ts'
import { atLeast } from '../auth/roles.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { type Overlay, patchOverlay } from '../config/overlay.ts'
import { diffOf, patchTo } from '../config/overlay-diff.ts'
import { publishable } from '../config/publishable.ts'
import { detail as errorDetail, type ErrorCode, SluiceError } from '../core/errors.ts'
import type { ChangeResult } from '../durable/live-config-client.ts'
import type { ChangeRequest, Ending, Refused } from '../durable/live-config-data.ts'
import type { ConfigView } from '../api/index.ts'
import type {
  ChangeAct,
  ChangeDetail,
  ChangedKey,
  ChangeEdit,
  ChangeView,
  Proposed,
  Published,
  Reviewed,
} from '../api/changes.ts'
import { ask } from './ask.ts'
import { approversOf, changeDetail, changeView } from './change-view.ts'
import { type ConfigService, requireReason } from './config-service.ts'
import type { ControlDeps } from './deps.ts'

export type Person = Pick<Caller, 'who' | 'role'>

export type ChangesService = ReturnType<typeof changesService>

export function changesService(
  deps: ControlDeps,
  env: Env,
  fileOf: (name: string) => ReleaseConfig,
  config: ConfigService,
) {
  const kept = (name: string) => deps.liveConfig(env, fileOf(name).name)
  const controller = (name: string) => deps.controller(env, fileOf(name).name)
  const now = () => new Date(deps.now()).toISOString()

  /** That it is published stands already: where live-config can't be told, the next read tells it. */
  const ended = async (name: string, request: ChangeRequest, ending: Ending): Promise<ChangeRequest> => {
    try {
      await ask(kept(name).end(request.id, null, ending))
    } catch (error) {
      deps.log({ level: 'warn', event: 'change_not_closed', release: name, change: request.id, error: String(error) })
    }
    return { ...request, ending }
  }

  /** live-config is read first: what was published before that, the controller then knows. */
  const read = async (name: string): Promise<ChangeRequest[]> => {
    const requests = await ask(kept(name).changes())
    // One that is discarded may have been published in that moment.
    const others = requests.filter(({ ending }) => ending?.status !== 'published').map(({ id }) => id)
    const published = others.length > 0 ? await ask(controller(name).publications({ changes: others })) : []
    return Promise.all(
      requests.map(async (request) => {
        const isTold = request.ending?.status === 'published'
        const found = isTold ? undefined : published.find(({ change }) => change?.id === request.id)
        if (!found) return request
        const { who, at, version } = found
        return ended(name, request, { status: 'published', who, at, comment: '', version })
      }),
    )
  }

  const one = async (name: string, id: number): Promise<ChangeRequest> => {
    const found = (await read(name)).find((request) => request.id === id)
    if (!found) throw new SluiceError('change_not_found', `there is no change request ${id}`)
    return found
  }

  /** To be changed by somebody who has seen this revision. */
  const open = async (name: string, id: number, revision: number): Promise<ChangeRequest> => {
    const request = await one(name, id)
    if (request.ending) throw refused({ why: 'closed' })
    if (request.revision !== revision) throw refused({ why: 'other_revision' })
    return request
  }

  const detail = async (name: string, request: ChangeRequest): Promise<ChangeDetail> => {
    const current = await config.view(name)
    const [from, to] = await ends(name, request, current)
    const { baseVersion } = request
    const base = baseVersion === current.version ? current.overlay : await config.overlayOf(name, baseVersion)
    return changeDetail(fileOf(name), request, { current, base, from, to }, deps.protocols)
  }

  /** The overlays between which it makes the difference: what was published tells it better than what was asked for. */
  const ends = async (name: string, request: ChangeRequest, current: ConfigView): Promise<[Overlay, Overlay]> => {
    const version = request.ending?.version ?? null
    if (version !== null) return Promise.all([config.overlayOf(name, version - 1), config.overlayOf(name, version)])
    const from = request.ending ? await config.overlayOf(name, request.baseVersion) : current.overlay
    return [from, patchOverlay(from, request.patch)]
  }

  /** The patch that makes a valid overlay of the one that acts, without what changes nothing. */
  const patchFor = (name: string, current: Overlay, wanted: Overlay): Record<string, unknown> => {
    const checked = publishable(fileOf(name), wanted, deps.protocols)
    if (!checked.ok) throw new SluiceError(checked.code, checked.message, { details: checked.details })
    const patch = patchTo(current, wanted)
    if (Object.keys(patch).length > 0) return patch
    throw new SluiceError('invalid_request', 'nothing would change: it is so already')
  }

  const settled = async (name: string, change: Promise<ChangeResult>): Promise<ChangeDetail> => {
    const done = await ask(change)
    if (!done.ok) throw refused(done)
    return detail(name, done.request)
  }

  /** What came between: it was published itself in that moment, or something else was. */
  const overtaken = async (name: string, { id }: ChangeRequest): Promise<SluiceError> => {
    const request = await one(name, id)
    if (request.ending) return refused({ why: 'closed' })
    const current = await config.view(name)
    const moved = diffOf(fileOf(name), await config.overlayOf(name, request.baseVersion), current.overlay)
    const message = `made for version ${request.baseVersion}, and version ${current.version} acts: rebase it, then look again`
    const details = moved.map(({ key, from, to }) => errorDetail(key, 'moved', `${worded(from)} → ${worded(to)}`))
    return new SluiceError('change_stale', message, { details })
  }

  return {
    /** Newest first; null: of every status. */
    list: async (name: string, status: ChangeView['status'] | null) => {
      const [requests, current] = [await read(name), await config.view(name)]
      return requests
        .map((request) => changeView(request, current.version))
        .filter((view) => !status || view.status === status)
    },
    show: async (name: string, id: number) => detail(name, await one(name, id)),
    propose: async (name: string, { title, reason, patch, restore }: Proposed, { who }: Person) => {
      const { overlay, version: baseVersion } = await config.view(name)
      const wanted = restore === undefined ? patchOverlay(overlay, patch ?? {}) : await config.overlayOf(name, restore)
      const proposal = { title, reason, patch: patchFor(name, overlay, wanted), baseVersion }
      // Where live-config was lost, numbers go on after those that the controller knows as published.
      const above = await ask(controller(name).lastPublishedChange())
      return settled(name, kept(name).propose(proposal, who, now(), above))
    },
    edit: async (name: string, id: number, { revision, title, reason, patch }: ChangeEdit, by: Person) => {
      const request = await open(name, id, revision)
      if (request.author !== by.who) throw new SluiceError('not_author', 'only its author edits a change request')
      const { overlay, version: baseVersion } = await config.view(name)
      // A new patch is one for what acts now, as its author then sees it.
      const content = patch && { patch: patchFor(name, overlay, patchOverlay(overlay, patch)), baseVersion }
      const edit = { title: title ?? request.title, reason: reason ?? request.reason, ...content }
      return settled(name, kept(name).edit(id, revision, edit, now()))
    },
    /** The same patch for the overlay of today. */
    rebase: async (name: string, id: number, { revision }: ChangeAct, by: Person) => {
      const request = await open(name, id, revision)
      requireOwner(request, by)
      const { version: baseVersion } = await config.view(name)
      if (request.baseVersion === baseVersion) return detail(name, request)
      return settled(name, kept(name).edit(id, revision, { baseVersion }, now()))
    },
    review: async (name: string, id: number, review: Reviewed, { who }: Person) => {
      const request = await open(name, id, review.revision)
      if (review.verdict === 'approve' && request.author === who)
        throw new SluiceError('review_required', 'whoever made a change request does not approve it')
      return settled(name, kept(name).review(id, { who, at: now(), ...review }))
    },
    publish: async (
      name: string,
      id: number,
      { revision, comment, break_glass: breakGlass }: Published,
      { who }: Person,
    ) => {
      if (breakGlass) requireReason(comment, 'comment')
      const request = await open(name, id, revision)
      const current = await config.view(name)
      if (request.baseVersion !== current.version) throw await overtaken(name, request)
      const { title, author } = request
      // Why nobody else was waited for says more than what the change was asked for, which its request tells.
      const reason = breakGlass ? comment : request.reason || title
      const change = { id, title, author, approved_by: approversOf(request) }
      const overlay = patchOverlay(current.overlay, request.patch)
      const nothing = 'nothing is left to publish: what it asks for acts already; discard it'
      if (Object.keys(patchTo(current.overlay, overlay)).length === 0) throw new SluiceError('invalid_request', nothing)
      const origin = { change, break_glass: breakGlass }
      const done = await ask(controller(name).publish(overlay, current.version, reason, { who, ifMatch: null }, origin))
      if (!done.ok && done.code === 'version_mismatch') throw await overtaken(name, request)
      if (!done.ok) throw new SluiceError(done.code, done.message, { details: done.details })
      const ending = { status: 'published', who, at: now(), comment, version: current.version + 1 } as const
      return detail(name, await ended(name, request, ending))
    },
    discard: async (name: string, id: number, { revision, comment }: ChangeAct, by: Person) => {
      requireOwner(await open(name, id, revision), by)
      const ending = { status: 'discarded', who: by.who, at: now(), comment, version: null } as const
      return settled(name, kept(name).end(id, revision, ending))
    },
  }
}

function requireOwner({ author }: ChangeRequest, { who, role }: Person): void {
  if (author === who || atLeast(role, 'admin')) return
  throw new SluiceError('not_author', 'this needs the author of the change request, or the role admin')
}

function worded({ value, source }: ChangedKey['from']): string {
  return `${JSON.stringify(value).slice(0, 200)} (${source})`
}

const REFUSALS: Record<Refused['why'], readonly [code: ErrorCode, message: string]> = {
  not_found: ['change_not_found', 'there is no such change request any more'],
  closed: ['change_closed', 'the change request is published or discarded already'],
  other_revision: ['version_mismatch', 'the change request was edited since you read it; look again'],
  too_many: ['invalid_request', 'there are too many of these: publish or discard some first'],
}

function refused({ why }: Pick<Refused, 'why'>): SluiceError {
  return new SluiceError(...REFUSALS[why])
}
