/** One call to a Durable Object: never longer than its deadline, and its refusals and failures as SluiceErrors. */
import { SluiceError } from '../core/errors.ts'
import type { Answer } from '../durable/controller-rpc.ts'
import { within } from '../durable/deadline.ts'

const DEADLINE_MS = 5000

export async function ask<T>(call: Promise<T>): Promise<T> {
  try {
    return await within(DEADLINE_MS, call)
  } catch (cause) {
    throw new SluiceError('control_plane_unavailable', "the release's object does not answer at the moment", {
      headers: { 'retry-after': '2' },
      cause,
    })
  }
}

export async function askAnswer<T>(call: Promise<Answer<T>>): Promise<T> {
  const answer = await ask(call)
  if (answer.ok) return answer.value
  throw new SluiceError(answer.code, answer.message, { details: answer.details })
}
