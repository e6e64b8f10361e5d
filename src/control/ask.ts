/** Calls to Durable Objects: never longer than their deadline, and refusals and failures as SluiceErrors. */
import { asValue, SluiceError } from '../core/errors.ts'
import type { Answer } from '../durable/controller-rpc.ts'
import { within } from '../durable/deadline.ts'

const DEADLINE_MS = 5000
/** Of each release in a list, which names those that are silent then: nobody waits for one release to see the others. */
export const LISTED_DEADLINE_MS = 2000

export async function ask<T>(call: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  try {
    return await within(deadlineMs, call)
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause
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

/** What several releases said, in their order, and of the others why they said nothing. */
export interface Answers<T> {
  answered: T[]
  silent: { name: string; error: SluiceError }[]
}

/** Asks each, all at once. One that does not answer, or refuses, keeps nobody else's answer back. */
export async function askEach<T>(names: readonly string[], read: (name: string) => Promise<T>): Promise<Answers<T>> {
  const answered: T[] = []
  const silent: Answers<T>['silent'] = []
  const found = await Promise.all(names.map(async (name) => ({ name, ...(await asValue(() => read(name))) })))
  for (const each of found) {
    if ('error' in each) silent.push(each)
    else answered.push(each.value)
  }
  return { answered, silent }
}
