/** When the controller's one alarm goes off next: the earliest of all that is due. Does none of it. */
import type { ReleaseConfig } from '../../config/load.ts'
import { isRunning } from '../../core/release.ts'
import { nextTickAt, periodMs } from '../../core/cadence.ts'
import type { ControllerParts } from './parts.ts'
import { isBehind } from './pushing.ts'

const RETRY_PUSH_MS = 1000
/** While the configuration is not valid: a deploy that fixes it must find the guardrails alive. */
const INVALID_PAUSE_MS = 5000
/** While a webhook is under way; should the object die with it, the alarm tries again. */
const SENDING_PAUSE_MS = 10_000

export class Scheduler {
  readonly #parts: ControllerParts
  /** As this object has set it, unix ms: setting it again is a write. */
  #setFor: number | null = null
  /** Something was counted since the last tick began. */
  #isStirred = false

  constructor(parts: ControllerParts) {
    this.#parts = parts
  }

  /**
   * First of all, as an alarm goes off: whatever fails then, there is a next one, at the time of the next tick, so that
   * most need no other. `config` is null while it is not valid.
   */
  async scheduleRetry(config: ReleaseConfig | null): Promise<void> {
    const now = Date.now()
    this.#isStirred = false
    await this.#write(config ? this.#nextTickAt(config, now) : now + INVALID_PAUSE_MS)
  }

  async schedule(config: ReleaseConfig): Promise<void> {
    const now = Date.now()
    const { stored } = this.#parts.store
    await this.#set(now, [
      this.#webhookAt(now),
      isRunning(stored.state) ? this.#nextTickAt(config, now) : null,
      stored.unsettled.length === 0 ? null : now + periodMs(config, true),
      isBehind(stored) ? now + RETRY_PUSH_MS : null,
    ])
  }

  /** Of a release that is gone from the file: webhooks go out, shards learn of it; then no alarm is set until it is back. */
  async idle(): Promise<void> {
    const now = Date.now()
    const { state, pushedVersion } = this.#parts.store.stored
    const hasWork = isRunning(state) || pushedVersion < state.version
    await this.#set(now, [this.#webhookAt(now), hasWork ? now + INVALID_PAUSE_MS : null])
  }

  /**
   * Set again by whoever asks next: an alarm that was lost, that had nothing to do while the release was gone, or that
   * a clock which ran ahead has set for long after the next tick.
   */
  async ensure(config: ReleaseConfig): Promise<void> {
    const { stored } = this.#parts.store
    if (!isRunning(stored.state) && stored.unsettled.length === 0 && !isBehind(stored)) return
    const at = await this.#parts.storage.getAlarm()
    const now = Date.now()
    if (at !== null && at <= this.#nextTickAt(config, now) + periodMs(config, this.#isQuiet)) return
    this.#setFor = null
    await this.schedule(config)
  }

  /** A shard or ledger has counted something after it had nothing to tell. */
  async stir(config: ReleaseConfig): Promise<void> {
    if (this.#isStirred || !isRunning(this.#parts.store.state)) return
    this.#isStirred = true
    // An object that stands for one that was quiet does not know it: the alarm is as that one has set it.
    await this.schedule(config)
  }

  get #isQuiet(): boolean {
    return this.#parts.store.isQuiet && !this.#isStirred
  }

  #nextTickAt(config: ReleaseConfig, now: number): number {
    return nextTickAt(config, now, this.#isQuiet)
  }

  #webhookAt(now: number): number | null {
    const at = this.#parts.outbox.nextAt()
    return this.#parts.outbox.isSending ? Math.min(at ?? Infinity, now + SENDING_PAUSE_MS) : at
  }

  async #set(now: number, times: readonly (number | null)[]): Promise<void> {
    const due = times.filter((at) => at !== null)
    if (due.length === 0) {
      this.#setFor = null
      await this.#parts.storage.deleteAlarm()
      return
    }
    const at = Math.max(Math.min(...due), now + 10)
    if (at !== this.#setFor) await this.#write(at)
  }

  async #write(at: number): Promise<void> {
    await this.#parts.storage.setAlarm(at)
    this.#setFor = at
  }
}
