/** What the controller's alarm sets off: judge, tell the shards, settle, send webhooks, set the next alarm. Answers nobody. */
import type { Analytics } from './analytics.ts'
import type { BlastRadius } from './blast-radius.ts'
import { remark } from './commit.ts'
import type { Experiment } from './experiment.ts'
import type { Outbox, Undeliverable } from './outbox.ts'
import type { ControllerParts } from './parts.ts'
import type { Pusher } from './pusher.ts'
import { RemovedRelease } from './removed-release.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tick } from './tick.ts'

interface WakeParts extends ControllerParts {
  outbox: Outbox
  tick: Tick
  pusher: Pusher
  blast: BlastRadius
  experiment: Experiment
  analytics: Analytics
  scheduler: Scheduler
  waitUntil: (work: Promise<unknown>) => void
}

export class Wake {
  readonly #parts: WakeParts

  constructor(parts: WakeParts) {
    this.#parts = parts
  }

  /** Scheduled again before anything can fail, and nothing thrown: the platform gives up on an alarm after six failures. */
  async run(): Promise<void> {
    const { tick, pusher, blast, experiment, analytics, scheduler, waitUntil } = this.#parts
    const effective = this.#parts.effective()
    await scheduler.scheduleRetry(effective.ok ? effective.config : null)
    if (!effective.ok) return effective.code === 'release_not_found' ? this.#idle() : undefined
    // A step that fails does not keep the next ones from running.
    await this.#attempt('tick', () => tick.run())
    await this.#attempt('push', () => pusher.push())
    await this.#attempt('close-shadows', () => pusher.closeShadows())
    await this.#attempt('settle', () => blast.settle())
    this.#send()
    const current = this.#parts.effective()
    if (!current.ok) return
    // Beside the alarm: what can't be read of an experiment delays no rollback, and neither does what is only for charts.
    waitUntil(this.#attempt('experiment', () => experiment.evaluate(current.config)))
    waitUntil(this.#attempt('analytics', () => analytics.write(current.config)))
    await this.#attempt('schedule', () => scheduler.schedule(current.config))
  }

  async #attempt(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      console.error(JSON.stringify({ at: 'release-controller', release: this.#parts.name, step, error: String(error) }))
    }
  }

  /** Webhooks go out beside the alarm: a receiver that hangs holds up no judgement. */
  #send(): void {
    const { outbox, scheduler, waitUntil } = this.#parts
    for (const sending of outbox.send((lost) => this.#webhookGivenUp(lost))) {
      const sent = async () => {
        await sending
        const effective = this.#parts.effective()
        if (effective.ok) await scheduler.schedule(effective.config)
      }
      waitUntil(this.#attempt('webhooks', sent))
    }
  }

  #webhookGivenUp(lost: Undeliverable): void {
    const { store } = this.#parts
    const reason = `webhook ${lost.event} to ${lost.url} given up: ${lost.error}`
    const entry = { who: 'system:webhook', action: 'webhook_given_up', reason, evidence: lost }
    store.commit(remark(store.state, entry), Date.now())
  }

  /** Of a release that is gone from the file: control serves, webhooks still go out, and then no alarm is set. */
  async #idle(): Promise<void> {
    await this.#attempt('removed-release', () => new RemovedRelease(this.#parts).run())
    this.#send()
    await this.#attempt('idle', () => this.#parts.scheduler.idle())
  }
}
