/**
 * What operators keep for themselves in live-config: their draft of the next overlay, their saved views, and the
 * record of what was published. Nothing here acts; publishing is config-service.ts' work.
 */
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { effectiveRelease } from '../config/overlay.ts'
import { SluiceError } from '../core/errors.ts'
import type { Kept } from '../durable/live-config-client.ts'
import type { DraftView, PublishedOverlay, SavedView } from './api-drafts.ts'
import { ask, askAnswer } from './ask.ts'
import type { ControlDeps } from './deps.ts'

export interface LiveConfigService {
  draft(name: string, who: string): Promise<DraftView>
  /** An invalid draft is kept too: it is work in progress, and its issues are told with it. */
  saveDraft(name: string, who: string, overlay: Record<string, unknown>, baseVersion: number): Promise<DraftView>
  discardDraft(name: string, who: string): Promise<DraftView>
  published(name: string, limit: number): Promise<PublishedOverlay[]>
  views(name: string, who: string): Promise<SavedView[]>
  saveView(name: string, who: string, view: SavedView): Promise<SavedView[]>
  removeView(name: string, who: string, view: string): Promise<SavedView[]>
}

export function liveConfigService(
  deps: ControlDeps,
  env: Env,
  fileOf: (name: string) => ReleaseConfig,
): LiveConfigService {
  const stored = (name: string) => deps.liveConfig(env, fileOf(name).name)

  const draft = async (name: string, who: string): Promise<DraftView> => {
    const [found, current] = await Promise.all([
      ask(stored(name).draft(who)),
      askAnswer(deps.controller(env, fileOf(name).name).config()),
    ])
    if (!found) return { draft: null, version: current.version }
    const effective = effectiveRelease(fileOf(name), found.overlay, deps.protocols)
    const { overlay, baseVersion, savedAt } = found
    const issues = effective.ok ? [] : effective.issues
    return { draft: { overlay, base_version: baseVersion, saved_at: savedAt, issues }, version: current.version }
  }

  const views = (name: string, who: string) => ask(stored(name).views(who))

  return {
    draft,
    saveDraft: async (name, who, overlay, baseVersion) => {
      requireKept(await ask(stored(name).saveDraft(who, overlay, baseVersion)))
      return draft(name, who)
    },
    discardDraft: async (name, who) => {
      requireKept(await ask(stored(name).discardDraft(who)))
      return draft(name, who)
    },
    published: (name, limit) => ask(stored(name).published(limit)),
    views,
    saveView: async (name, who, view) => {
      requireKept(await ask(stored(name).saveView(who, view)))
      return views(name, who)
    },
    removeView: async (name, who, view) => {
      requireKept(await ask(stored(name).removeView(who, view)))
      return views(name, who)
    },
  }
}

function requireKept(kept: Kept): void {
  if (!kept.ok) throw new SluiceError('invalid_request', 'there are too many of these already: remove one first')
}
