/** What the controller's alarm sets off: judge, tell the shards, settle, send webhooks, set the next alarm. Answers nobody. */
import { writeAnalytics } from './analytics.ts'
import type { BlastRadius } from './blast-radius.ts'
import { remark } from './commit.ts'
import type { Experiment } from './experiment.ts'
import type { Undeliverable } from './outbox.ts'
import type { ControllerParts } from './parts.ts'
import { closeShadows, pushSnapshot } from './pushing.ts'
import { withdraw } from './removed-release.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tick } from './tick.ts'

export interface WakeParts extends ControllerParts {
  tick: Tick
  blast: BlastRadius
  experiment: Experiment
  scheduler: Scheduler
  waitUntil: (work: Promise<unknown>) => void
}

/** Scheduled again before anything can fail, and nothing thrown: the platform gives up on an alarm after six failures. */
export async function wake(parts: WakeParts): Promise<void> {
  const { name, tick, blast, experiment, scheduler, waitUntil } = parts
  const effective = parts.effective()
  await scheduler.scheduleRetry(effective.ok ? effective.config : null)
  if (!effective.ok) return effective.code === 'release_not_found' ? idle(parts) : undefined
  // A step that fails does not keep the next ones from running.
  await attempt(name, 'tick', () => tick.run())
  await attempt(name, 'push', () => pushSnapshot(parts))
  await attempt(name, 'close-shadows', () => closeShadows(parts))
  await attempt(name, 'settle', () => blast.settle())
  sendWebhooks(parts)
  const current = parts.effective()
  if (!current.ok) return
  // Beside the alarm: what can't be read of an experiment delays no rollback, and neither does what is only for charts.
  waitUntil(attempt(name, 'experiment', () => experiment.evaluate(current.config)))
  waitUntil(attempt(name, 'analytics', () => writeAnalytics(parts, current.config)))
  await attempt(name, 'schedule', () => scheduler.schedule(current.config))
}

async function attempt(release: string, step: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    console.error(JSON.stringify({ at: 'release-controller', release, step, error: String(error) }))
  }
}

/** Webhooks go out beside the alarm: a receiver that hangs holds up no judgement. */
function sendWebhooks({ name, store, outbox, scheduler, effective, waitUntil }: WakeParts): void {
  const givenUp = (lost: Undeliverable) => {
    const reason = `webhook ${lost.event} to ${lost.url} given up: ${lost.error}`
    const entry = { who: 'system:webhook', action: 'webhook_given_up', reason, evidence: lost }
    store.commit(remark(store.state, entry), Date.now())
  }
  for (const sending of outbox.send(givenUp)) {
    const sent = async () => {
      await sending
      const current = effective()
      if (current.ok) await scheduler.schedule(current.config)
    }
    waitUntil(attempt(name, 'webhooks', sent))
  }
}

/** Of a release that is gone from the file: control serves, webhooks still go out, and then no alarm is set. */
async function idle(parts: WakeParts): Promise<void> {
  await attempt(parts.name, 'removed-release', () => withdraw(parts))
  sendWebhooks(parts)
  await attempt(parts.name, 'idle', () => parts.scheduler.idle())
}
