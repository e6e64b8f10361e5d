/**
 * The controller of the release `objects` as tests drive it: commands by hand, what it shows and has told, and seconds of
 * traffic with the ticks that close them. Time stands still; alarms are fired by the test.
 */
import { reset, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, vi } from 'vitest'
import type { ActionCommand, HistoryEntry, ReleaseView } from '../../../src/api/index.ts'
import type { Actor, Answer } from '../../../src/durable/controller-rpc.ts'
import { batch, controller, shard } from './objects.ts'

/** Unix ms; far ahead, so that no alarm goes off by itself. */
export const T0 = 1_900_000_000_000
export const WINDOW_MS = 1000
export const ANNA: Actor = { who: 'token:anna', ifMatch: null }

/** Each test of the file begins at `T0`, with nothing stored. */
export function eachTestAnew(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await reset()
  })
}

export function good<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`)
  return answer.value
}

export function command(action: ActionCommand['action'], more: Partial<ActionCommand> = {}): ActionCommand {
  return { action, reason: 'test', force: false, dry_run: false, ...more }
}

export async function act(action: ActionCommand['action'], more: Partial<ActionCommand> = {}): Promise<ReleaseView> {
  return good(await controller().act(command(action, more), ANNA))
}

export async function view(): Promise<ReleaseView> {
  return good(await controller().view())
}

/** Oldest first. */
export async function history(): Promise<HistoryEntry[]> {
  return (await controller().history(null, 100)).items.toReversed()
}

/** Fires the alarm; false where none was set. */
export function tick(): Promise<boolean> {
  return runDurableObjectAlarm(controller())
}

let seq = 0

/** For a batch of its own: one that repeats a number is taken for a repeated flush. */
export function nextSeq(): number {
  return ++seq
}

/**
 * Ten submits of each arm in the i-th second after `T0`, `errors` of the candidate's failed and `controlErrors` of
 * control's, then the tick that closes it. In `shadow` the candidate's are copies.
 */
export async function second(
  i: number,
  errors: number,
  epoch = 1,
  { controlErrors = 0, shadow = false } = {},
): Promise<void> {
  const stage = shadow ? { stage: 'shadow' } : {}
  vi.setSystemTime(T0 + i * WINDOW_MS + 500)
  await shard().flush(batch(nextSeq(), 10, errors, { epoch, shadow, ...stage }))
  await shard().flush(batch(nextSeq(), 10, controlErrors, { epoch, arm: 'control', ...stage }))
  vi.setSystemTime(T0 + (i + 1) * WINDOW_MS + 200)
  await tick()
}
