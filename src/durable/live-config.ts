/**
 * One per release: the change requests of its live configuration, on itty-durable. Not the truth of what acts: that is
 * in the controller, which is asked wherever the two could differ. Callers use live-config-client.ts.
 */
import { createDurable } from 'itty-durable'
import { error } from 'itty-router'
import { CALLABLE, type ChangeResult, type LiveConfigFacade } from './live-config-client.ts'
import {
  type Change,
  type ChangeRequest,
  emptyLiveConfig,
  type LiveConfigData,
  migrateLiveConfig,
  withEdit,
  withEnding,
  withProposal,
  withReview,
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
    const isCallable = request.method === 'GET' && CALLABLE.some((name) => name === method)
    return isCallable ? super.fetch(request) : error(403, 'not callable')
  }

  override async onLoad(): Promise<void> {
    this.data = migrateLiveConfig(this.data)
  }

  changes(): ChangeRequest[] {
    return this.data.changes
  }

  propose(packed: string): Promise<ChangeResult> {
    return this.#change(withProposal(this.data, ...unpack<'propose'>(packed)))
  }

  edit(packed: string): Promise<ChangeResult> {
    return this.#change(withEdit(this.data, ...unpack<'edit'>(packed)))
  }

  review(packed: string): Promise<ChangeResult> {
    return this.#change(withReview(this.data, ...unpack<'review'>(packed)))
  }

  end(packed: string): Promise<ChangeResult> {
    return this.#change(withEnding(this.data, ...unpack<'end'>(packed)))
  }

  async #change(change: Change): Promise<ChangeResult> {
    if (!change.ok) return change
    const before = this.data
    this.data = change.data
    try {
      await this.persist()
    } catch (thrown) {
      this.data = before
      throw thrown
    }
    return { ok: true, request: change.request }
  }
}

function unpack<M extends Method>(packed: string) {
  return JSON.parse(packed) as Parameters<LiveConfigFacade[M]>
}
