/** A store with nothing to tell the controller calls it once it has, so that it need not look often until then. */
import type { RecentQuestion } from '../core/guardrails/evaluation.ts'
import type { Series } from '../core/window.ts'

export class CallBack {
  readonly #stir: () => Promise<void>
  /** What the controller is to be called for; `all` where this object does not know what it has promised. */
  #promised: RecentQuestion | 'all' | null = 'all'

  /** `stir` calls the controller. */
  constructor(stir: () => Promise<void>) {
    this.#stir = stir
  }

  /** After a question with nothing to tell. */
  promise(recent: RecentQuestion): void {
    this.#promised = recent
  }

  /** The controller looks often again. */
  drop(): void {
    this.#promised = null
  }

  /** Tried again with the next counts where the controller could not be called. */
  counted(rows: readonly { series: Series }[]): void {
    const promised = this.#promised
    if (!promised) return
    // An epoch that has begun since is asked for as well.
    const isAskedFor = ({ series: { epoch, operation } }: { series: Series }) =>
      promised === 'all' || (epoch >= promised.epoch && promised.operations.includes(operation))
    if (!rows.some(isAskedFor)) return
    this.#promised = null
    this.#stir().catch(() => (this.#promised ??= promised))
  }
}
