/**
 * The live overlay of one release: read, patched, cleared. A change is validated as the file is, then published by
 * one compare-and-set in the controller, which holds the truth; live-config only keeps the record for operators.
 */
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { odditiesOf } from '../config/odd-keys.ts'
import { type Overlay, patchOverlay, sources } from '../config/overlay.ts'
import { publishable } from '../config/publishable.ts'
import { SluiceError } from '../core/errors.ts'
import type { ConfigView } from './api.ts'
import { ask, askAnswer } from './ask.ts'
import type { ControlDeps } from './deps.ts'

interface ConfigChange {
  reason: string
  who: string
  /** `ConfigView.version` that the caller has seen; null: any. */
  ifMatch: number | null
  /** Only say what the configuration would be. */
  dryRun: boolean
}

export interface ConfigService {
  view(name: string): Promise<ConfigView>
  patch(name: string, patch: Record<string, unknown>, change: ConfigChange): Promise<ConfigView>
  clear(name: string, change: ConfigChange): Promise<ConfigView>
}

export function configService(deps: ControlDeps, env: Env, fileOf: (name: string) => ReleaseConfig): ConfigService {
  const view = (name: string) => askAnswer(deps.controller(env, fileOf(name).name).config())

  const publish = async (file: ReleaseConfig, next: Overlay, seen: ConfigView, change: ConfigChange) => {
    requireVersion(change.ifMatch, seen.version)
    // Nothing to publish: no version, no entry in the history.
    const isRead = seen.set_aside === undefined
    if (isRead && JSON.stringify(next) === JSON.stringify(seen.overlay)) return { ...seen, changed: false }
    const checked = publishable(file, next, deps.protocols)
    if (!checked.ok) throw new SluiceError(checked.code, checked.message, { details: checked.details })
    if (change.dryRun) return { ...seen, overlay: next, values: sources(file, next) }
    const controller = deps.controller(env, file.name)
    const published = await askAnswer(
      controller.publish(next, seen.version, change.reason, { who: change.who, ifMatch: null }),
    )
    await record(file.name, published, change)
    return published
  }

  /** The change stands already, so a record that fails is told to the log and not to the caller. */
  const record = async (name: string, { version, overlay }: ConfigView, { who, reason }: ConfigChange) => {
    try {
      const at = new Date(deps.now()).toISOString()
      await ask(deps.liveConfig(env, name).recordPublished({ version, overlay, who, reason, at }))
    } catch (error) {
      deps.log({ level: 'warn', event: 'publish_not_recorded', release: name, version, error: String(error) })
    }
  }

  return {
    view,
    patch: async (name, patch, change) => {
      const { issues } = odditiesOf(patch)
      if (issues.length > 0) throw new SluiceError('invalid_request', 'the change is not valid', { details: issues })
      const seen = await view(name)
      return publish(fileOf(name), patchOverlay(seen.overlay, patch), seen, change)
    },
    clear: async (name, change) => publish(fileOf(name), {}, await view(name), change),
  }
}

function requireVersion(given: number | null, current: number): void {
  if (given === null || given === current) return
  throw new SluiceError('version_mismatch', `the configuration is at version ${current}, not ${given}`)
}
