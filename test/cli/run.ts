/** Runs the real command as a process of its own, without a terminal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url))

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface Running {
  process: ChildProcess
  ended: Promise<Ended>
  /** What was printed until now. */
  sofar(): { out: string; err: string }
}

/** `env` replaces all SLUICE_… variables of the test's own environment. */
export function start(args: string[], env: Record<string, string> = {}): Running {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^(SLUICE_|FORCE_COLOR|NODE_OPTIONS|VITEST)/.test(key),
  )
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
  return { process: child, ended, sofar: () => ({ out, err }) }
}

export function run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return start(args, env).ended
}

/** Resolves once `holds` does; rejects with what `running` printed where it does not within fifteen seconds. */
export async function until(running: Running, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${holds}; printed: ${JSON.stringify(running.sofar())}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
