/**
 * One per release: what operators edit (drafts, the record of published overlays, saved dashboard views), on
 * itty-durable. Not the truth of anything: what acts is in the controller. Callers use live-config-client.ts.
 */
import { createDurable } from 'itty-durable'
import { error } from 'itty-router'
import type { Kept, LiveConfigFacade } from './live-config-client.ts'
import {
  type Change,
  type Draft,
  emptyLiveConfig,
  type LiveConfigData,
  type PublishedVersion,
  type SavedView,
  upgradeLiveConfig,
  withDraft,
  withoutDraft,
  withoutOldDrafts,
  withoutView,
  withPublished,
  withView,
} from './live-config-data.ts'

/** The part of itty-durable's class that is used here; its own declarations say `any`. */
interface Itty {
  state: { storage: DurableObjectStorage; defaultState: string }
  fetch(request: Request): Promise<Response>
  getPersistable(): Record<string, unknown>
  loadFromStorage(): Promise<void>
  onLoad(): Promise<void>
  persist(): Promise<void>
}

/** Left to itself it would persist on every call, and show callers the messages of its errors. */
const IttyDurable = createDurable({
  autoPersist: false,
  onError: (thrown: { status?: number }) => error(thrown.status ?? 500, 'live-config failed'),
}) as unknown as new (state: DurableObjectState, env: object) => Itty

type Method = keyof LiveConfigFacade
type Arguments<M extends Method> = Parameters<LiveConfigFacade[M]>

/** Anything else on the prototype chain, `destroy` and `persist` included, could be called by name too. */
const CALLABLE: Record<Method, true> = {
  draft: true,
  saveDraft: true,
  discardDraft: true,
  published: true,
  recordPublished: true,
  views: true,
  saveView: true,
  removeView: true,
}
const CLEANING_EVERY_MS = 86_400_000

export class LiveConfig extends IttyDurable implements Record<Method, (packed: string) => unknown> {
  /** The one field, so it is all that is stored. */
  data: LiveConfigData

  /** itty-durable would copy every binding and secret onto the object: it gets none. */
  constructor(state: DurableObjectState, _env: unknown) {
    super(state, {})
    this.data = emptyLiveConfig()
    this.state.defaultState = JSON.stringify(this.getPersistable())
    void state.blockConcurrencyWhile(() => this.loadFromStorage())
  }

  override async fetch(request: Request): Promise<Response> {
    const method = /^\/do\/call\/(\w+)$/.exec(new URL(request.url).pathname)?.[1]
    const callable = request.method === 'GET' && method !== undefined && Object.hasOwn(CALLABLE, method)
    return callable ? super.fetch(request) : error(403, 'not callable')
  }

  override async onLoad(): Promise<void> {
    this.data = upgradeLiveConfig(this.data)
  }

  draft(packed: string): Draft | null {
    const [who] = unpack<'draft'>(packed)
    return this.data.drafts[who] ?? null
  }

  async saveDraft(packed: string): Promise<Kept> {
    const [who, overlay, baseVersion] = unpack<'saveDraft'>(packed)
    const savedAt = new Date().toISOString()
    const kept = await this.#change(withDraft(this.data, who, { overlay, baseVersion, savedAt }))
    if ((await this.state.storage.getAlarm()) === null) await this.#cleanLater()
    return kept
  }

  discardDraft(packed: string): Promise<Kept> {
    const [who] = unpack<'discardDraft'>(packed)
    return this.#change({ ok: true, data: withoutDraft(this.data, who) })
  }

  published(packed: string): PublishedVersion[] {
    const [limit] = unpack<'published'>(packed)
    return this.data.published.slice(0, limit)
  }

  recordPublished(packed: string): Promise<Kept> {
    const [entry] = unpack<'recordPublished'>(packed)
    return this.#change(withPublished(this.data, entry))
  }

  views(packed: string): SavedView[] {
    const [who] = unpack<'views'>(packed)
    return this.data.views[who] ?? []
  }

  saveView(packed: string): Promise<Kept> {
    const [who, view] = unpack<'saveView'>(packed)
    return this.#change(withView(this.data, who, view))
  }

  removeView(packed: string): Promise<Kept> {
    const [who, name] = unpack<'removeView'>(packed)
    return this.#change({ ok: true, data: withoutView(this.data, who, name) })
  }

  /** An alarm wakes an evicted object before anything is loaded; without the first line it would store the defaults. */
  async alarm(): Promise<void> {
    await this.loadFromStorage()
    await this.#change({ ok: true, data: withoutOldDrafts(this.data, Date.now()) })
    if (Object.keys(this.data.drafts).length > 0) await this.#cleanLater()
  }

  async #change(change: Change): Promise<Kept> {
    if (!change.ok) return change
    const before = this.data
    this.data = change.data
    try {
      await this.persist()
    } catch (thrown) {
      this.data = before
      throw thrown
    }
    return { ok: true }
  }

  #cleanLater(): Promise<void> {
    return this.state.storage.setAlarm(Date.now() + CLEANING_EVERY_MS)
  }
}

function unpack<M extends Method>(packed: string): Arguments<M> {
  return JSON.parse(packed) as Arguments<M>
}
