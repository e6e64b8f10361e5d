/** Why a command ends without having done its work, as lines for a person and an exit code for a script. */

/** Exit codes of SPEC section 10. `refused` also stands for a server that can't be reached. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unhealthy: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: ExitCode
  /** Printed below the message, indented. */
  readonly lines: readonly string[]
  /** The server's own answer, which `--json` prints. */
  readonly body: unknown
  /** The code and status of the server's refusal; null where the server did not speak. */
  readonly refusal: { code: string; status: number } | null

  constructor(
    exitCode: ExitCode,
    message: string,
    more: { lines?: string[]; body?: unknown; refusal?: { code: string; status: number }; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.exitCode = exitCode
    this.lines = more.lines ?? []
    this.body = more.body
    this.refusal = more.refusal ?? null
  }
}

export function usage(message: string, lines: string[] = []): Failure {
  return new Failure(EXIT.usage, message, { lines })
}
