/** The reason of a change: from `--reason`, or asked for where a person is there to answer. */
import { createInterface } from 'node:readline/promises'
import { MAX_REASON_CHARS } from '../core/transitions.ts'
import type { Session } from './session.ts'

/** What goes into the audit; empty where nobody can be asked. */
export async function reasonFor(
  what: string,
  given: string | undefined,
  dryRun: boolean,
  { terminal, json }: Session,
): Promise<string> {
  if (given !== undefined) return given
  if (!terminal.interactive || json || dryRun) return ''
  const line = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await line.question(`Reason for ${what} (goes into the history): `)).trim().slice(0, MAX_REASON_CHARS)
  } finally {
    line.close()
  }
}
