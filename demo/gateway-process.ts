/** A gateway's process group on loopback: up when it says that it is ready, gone at once when it is stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFree, untilFree } from './free-port.ts'

const ROOT = join(import.meta.dirname, '..')
/** Forty times what a start takes on an idle machine. */
const READY_MS = 160_000
const PORT_FREE_MS = 10_000

export interface GatewayCommand {
  /** Program and arguments, run from the project's root. */
  command: readonly string[]
  /** What they listen on, on 127.0.0.1. */
  port: number
  /** Written anew with all that the process says. */
  logFile: string
  /** Variables besides those of this process. */
  env?: Record<string, string>
  /** Ends it at once, also while it starts. */
  signal?: AbortSignal | undefined
  /** Ends with the gateway's own end, however that came. */
  onExit?: ((code: number | null) => void) | undefined
}

export interface GatewayProcess {
  url: string
  /** As a power cut: the whole group at once. Resolves when its port is free again. */
  stop(): Promise<void>
}

/** Resolves once `GET /_sluice/readyz` says ready; rejects with the end of the log if it does not come up. */
export async function startProcess(given: GatewayCommand): Promise<GatewayProcess> {
  const { command, port, logFile, env, signal, onExit } = given
  const log = openSync(logFile, 'w')
  const [program, ...args] = command
  const child = spawn(program!, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  })
  if (onExit) child.once('exit', onExit)
  signal?.addEventListener('abort', () => killGroup(child), { once: true })
  const url = `http://127.0.0.1:${port}`
  try {
    await ready(url, child)
  } catch (cause) {
    killGroup(child)
    const end = readFileSync(logFile, 'utf8').slice(-1500)
    throw new Error(`the gateway did not come up; the end of ${logFile}:\n${end}`, { cause })
  }
  return { url, stop: () => stop(child, port) }
}

/** Whoever listens there already would answer `readyz` in our place, with tokens of its own. */
export async function refuseTaken(port: number | null): Promise<void> {
  if (port !== null && !(await isFree(port)))
    throw new Error(`port ${port} is taken: end what listens there, or choose another (PORT=9000 npm start)`)
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS
  while (Date.now() < deadline && isRunning(child)) {
    const answer = await fetch(`${url}/_sluice/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const { exitCode, signalCode } = child
  throw new Error(isRunning(child) ? 'it was not ready in time' : `it ended with ${exitCode ?? signalCode}`)
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

/** Kills before it first waits. The port outlives wrangler for as long as workerd takes to go. */
async function stop(child: ChildProcess, port: number): Promise<void> {
  if (!isRunning(child)) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  killGroup(child)
  await ended
  await untilFree(port, PORT_FREE_MS)
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}
