/**
 * The live overlay of one release: read, patched, cleared, put back to an earlier version. A change is validated as the
 * file is, then published by one compare-and-set in the controller, which holds the truth.
 */
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { odditiesOf } from '../config/odd-keys.ts'
import { type Overlay, patchOverlay, sources } from '../config/overlay.ts'
import { publishable, REVIEW_NEEDED } from '../config/publishable.ts'
import { SluiceError } from '../core/errors.ts'
import type { LiveChange } from '../dashboard/port.ts'
import type { PublicationOrigin } from '../durable/controller-rpc.ts'
import type { ConfigView } from '../api/index.ts'
import { ask, askAnswer } from './ask.ts'
import { versionView } from './change-view.ts'
import type { ControlDeps } from './deps.ts'
import { wrongKey } from './read-request.ts'

export interface ConfigChange extends LiveChange {
  who: string
  /** Only say what the configuration would be. */
  dryRun: boolean
}

export type ConfigService = ReturnType<typeof configService>

export function configService(deps: ControlDeps, env: Env, fileOf: (name: string) => ReleaseConfig) {
  const controller = (name: string) => deps.controller(env, fileOf(name).name)
  const view = (name: string) => askAnswer(controller(name).config())

  /** What acts, the overlay that a change makes of it, validated, and the configuration as it would be then. */
  const drafted = async (
    name: string,
    ifMatch: number | null,
    overlayFrom: (seen: ConfigView) => Overlay | Promise<Overlay>,
  ) => {
    const [file, seen] = [fileOf(name), await view(name)]
    const next = await overlayFrom(seen)
    requireVersion(ifMatch, seen.version)
    // Nothing to publish: no version, no entry in the history.
    const isRead = seen.set_aside === undefined
    if (isRead && JSON.stringify(next) === JSON.stringify(seen.overlay))
      return { seen, next, would: { ...seen, changed: false } }
    const checked = publishable(file, next, deps.protocols)
    if (!checked.ok) throw new SluiceError(checked.code, checked.message, { details: checked.details })
    return { seen, next, would: { ...seen, overlay: next, values: sources(file, next) } }
  }

  const publish = async (
    name: string,
    change: ConfigChange,
    overlayFrom: (seen: ConfigView) => Overlay | Promise<Overlay>,
    origin: PublicationOrigin = {},
  ) => {
    if (change.breakGlass) requireReason(change.reason, 'reason')
    const { seen, next, would } = await drafted(name, change.ifMatch, overlayFrom)
    if (would.changed === false) return would
    // Here nobody else has seen the change. What is published is refused where it takes effect.
    if (change.dryRun && fileOf(name).requireReview && !change.breakGlass)
      throw new SluiceError('review_required', REVIEW_NEEDED)
    if (change.dryRun) return would
    const actor = { who: change.who, ifMatch: null }
    const from = { ...origin, break_glass: change.breakGlass }
    return askAnswer(controller(name).publish(next, seen.version, change.reason, actor, from))
  }

  /** As it was published; version 0 is the file alone. */
  const overlayOf = async (name: string, version: number): Promise<Overlay> => {
    if (version === 0) return {}
    const [found] = await ask(controller(name).publications({ before: version + 1, limit: 1 }))
    if (found?.version === version) return found.overlay
    throw wrongKey('version', 'unknown_version', `there is no version ${version}`)
  }

  return {
    view,
    overlayOf,
    patch: async (name: string, patch: Record<string, unknown>, change: ConfigChange) =>
      publish(name, change, patchedBy(patch)),
    /** What a patch would make of it, whoever may then publish it. */
    preview: async (name: string, patch: Record<string, unknown>, ifMatch: number | null): Promise<ConfigView> =>
      (await drafted(name, ifMatch, patchedBy(patch))).would,
    clear: (name: string, change: ConfigChange) => publish(name, change, () => ({})),
    restore: (name: string, version: number, change: ConfigChange) =>
      publish(name, change, () => overlayOf(name, version), { restored: version }),
    /** Newest first. */
    versions: async (name: string, before: number | null, limit: number) => {
      const found = await ask(controller(name).publications({ before, limit: limit + 1 }))
      const items = found.slice(0, limit).map((each) => versionView(fileOf(name), each))
      return { items, next: found.length > limit ? String(items.at(-1)!.version) : null }
    },
  }
}

/** To go past the review. */
export function requireReason(given: string, field: string): void {
  if (given === '') throw wrongKey(field, 'missing_key', 'a reason is needed to go past the review')
}

function requireVersion(given: number | null, current: number): void {
  if (given === null || given === current) return
  throw new SluiceError('version_mismatch', `the configuration is at version ${current}, not ${given}`)
}

function patchedBy(patch: Record<string, unknown>): (seen: ConfigView) => Overlay {
  const { issues } = odditiesOf(patch)
  if (issues.length > 0) throw new SluiceError('invalid_request', 'the change is not valid', { details: issues })
  return (seen) => patchOverlay(seen.overlay, patch)
}
