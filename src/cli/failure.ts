/** Why a command ends without having done its work, as lines for a person and an exit code for a script. */

/** Exit codes. `refused` also stands for a server that can't be reached; `unhealthy` for a release rolled back or breached. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unhealthy: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: ExitCode
  /** Printed below the message, indented. */
  readonly lines: readonly string[]
  /** The server's answer that it is about, as it came. */
  readonly body: unknown
  /** What the command found out by itself, for `--json`. */
  readonly result: object
  /** For scripts; of a server's refusal its own. */
  readonly code: string
  /** The code and status of the server's refusal; null where the server did not speak. */
  readonly refusal: { code: string; status: number } | null

  constructor(
    exitCode: ExitCode,
    message: string,
    more: {
      code?: string
      lines?: string[]
      body?: unknown
      result?: object
      refusal?: { code: string; status: number }
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: more.cause })
    this.exitCode = exitCode
    this.lines = more.lines ?? []
    this.body = more.body
    this.result = more.result ?? {}
    this.refusal = more.refusal ?? null
    this.code = more.refusal?.code ?? more.code ?? 'failed'
  }

  /** What `--json` prints: the server's refusal as it came, else the command's own in the same shape. */
  get json(): unknown {
    if (this.refusal) return this.body
    const details = this.lines.map((message) => ({ path: '', message }))
    const answer = this.body === undefined ? {} : { answer: this.body }
    return { ...this.result, error: { code: this.code, message: this.message, details }, ...answer }
  }
}

export function usage(message: string, lines: string[] = []): Failure {
  return new Failure(EXIT.usage, message, { code: 'usage', lines })
}
