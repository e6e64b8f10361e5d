/**
 * Runs the command within the test's own process: the same program without a start of Node for each. What only a
 * process of its own has, its exit code and its pipes, `runProcess` shows.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { main } from '../../src/cli/main.ts'

const BIN = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url))

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface Running {
  ended: Promise<Ended>
  /** What was printed until now. */
  sofar(): { out: string; err: string }
}

let isRunning = false

/** One at a time: what is printed meanwhile is taken for the command's. `env` replaces all SLUICE_… variables. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  if (isRunning) throw new Error('a command is running already')
  isRunning = true
  const [out, err] = [printedTo(process.stdout), printedTo(process.stderr)]
  const outer = process.env
  process.env = { ...withoutOwn(outer), ...env }
  const ended = main(args)
    .then((code) => ({ code, out: out.text(), err: err.text() }))
    .finally(() => {
      process.env = outer
      out.release()
      err.release()
      isRunning = false
    })
  return { ended, sofar: () => ({ out: out.text(), err: err.text() }) }
}

export function run(args: readonly string[], env?: Record<string, string>): Promise<Ended> {
  return start(args, env).ended
}

/** Resolves once `holds` does; rejects with what `running` printed where it does not within a minute. */
export async function until(running: Running, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${holds}; printed: ${JSON.stringify(running.sofar())}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The command as it is installed, without a terminal. `use` gets the process before it prints. */
export function runProcess(
  args: readonly string[],
  env: Record<string, string> = {},
  use: (child: ChildProcessByStdio<null, Readable, Readable>) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...withoutOwn(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk))
  use(child)
  return new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

function printedTo(stream: NodeJS.WriteStream): { text: () => string; release: () => void } {
  let printed = ''
  const spy = vi.spyOn(stream, 'write').mockImplementation((text) => (printed += String(text)).length > 0)
  return { text: () => printed, release: () => spy.mockRestore() }
}

function withoutOwn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isOwn = /^(SLUICE_|FORCE_COLOR|NODE_OPTIONS|VITEST)/
  return Object.fromEntries(Object.entries(env).filter(([key]) => !isOwn.test(key)))
}
