/** Which control plane, and as whom: `SLUICE_URL` and `SLUICE_TOKEN`. */
export const url = (process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8787').replace(/\/$/, '')
export const token = process.env['SLUICE_TOKEN'] ?? ''

/** What the control plane refused, or that it does not answer: one line. */
export class Failure extends Error {}

/** The answer to a call, also where it is a refusal. */
export async function answered<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw new Failure(`no answer of Sluice from ${url}: ${cause instanceof Error ? cause.message : cause}`)
  })
}

/** `error` is the answer's body: of Sluice's own it tells the code and the sentence. */
export function refusal({ status }: Response, error: unknown): Failure {
  const said = (error as { error?: { code: string; message: string } } | undefined)?.error
  return new Failure(
    said ? `${said.code} (${status}): ${said.message}` : `${url} answers ${status}, and not as Sluice does`,
  )
}

/** How a program ends that could not go on. What is no `Failure` is a fault of its own, and keeps its stack. */
export function end(error: unknown): void {
  if (!(error instanceof Failure)) throw error
  console.error(error.message)
  process.exitCode = 1
}
