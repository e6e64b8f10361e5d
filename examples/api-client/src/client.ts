/** A client whose paths, queries, bodies and answers are checked against the document that the server itself gave. */
import createClient from 'openapi-fetch'
import type { paths } from './control-plane.d.ts'
import { answered, Failure, refusal, token, url } from './server.ts'

export const sluice = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } })

/** The answer's data; throws a `Failure` with what the server refused. */
export async function must<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data, error, response } = await answered(call)
  if (data === undefined || data === null) throw refusal(response, error)
  return data
}

/** Asks every half second until `ready`, for half a minute. */
export async function until<T>(ask: () => Promise<T>, ready: (answer: T) => boolean): Promise<T> {
  for (const end = Date.now() + 30_000; ;) {
    const answer = await ask()
    if (ready(answer)) return answer
    if (Date.now() > end) throw new Failure(`not in 30 s: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
