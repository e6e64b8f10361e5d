/** The gateway as a process of its own: the project's wrangler.toml with other variables, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, isFree, untilFree } from './free-port.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
/** Forty times what a start takes on an idle machine. */
const READY_MS = 160_000
const PORT_FREE_MS = 10_000

export interface DemoGateway {
  url: string
  /** Bearer token with the role admin. */
  token: string
  logFile: string
  stop(): Promise<void>
}

interface ProcessOptions {
  /** Folder for the generated configuration, secrets, state and log. */
  folder: string
  /** Null picks a free one. */
  port: number | null
  /** Further secrets, or others in place of the random ones. */
  secrets?: Record<string, string>
  /** Ends it at once, also while it starts. */
  signal?: AbortSignal
  /** Ends with the gateway's own end, however that came. */
  onExit?: (code: number | null) => void
}

export interface GatewayOptions extends ProcessOptions {
  /** TOML of the [vars…] tables. */
  vars: string
}

/**
 * Resolves once `GET /_sluice/readyz` says ready; rejects with the end of the log if it does not come up, and before
 * anything is written if `port` is taken.
 */
export async function startGateway({ vars, ...options }: GatewayOptions): Promise<DemoGateway> {
  await refuseTaken(options.port)
  mkdirSync(options.folder, { recursive: true })
  const config = join(options.folder, 'wrangler.toml')
  writeFileSync(config, `${withMain(withoutVars(readFileSync(join(ROOT, 'wrangler.toml'), 'utf8')))}\n${vars}\n`)
  return startWorker(config, options)
}

/** The same for a wrangler.toml that is there already; a path from the project's root will do. */
export async function startWorker(
  config: string,
  { folder, port, secrets = {}, signal, onExit }: ProcessOptions,
): Promise<DemoGateway> {
  await refuseTaken(port)
  mkdirSync(folder, { recursive: true })
  const token = randomBytes(24).toString('base64url')
  const chosen = port ?? (await freePort())
  const tokens = [{ name: 'demo', role: 'admin', sha256: createHash('sha256').update(token).digest('hex') }]
  const secretsFile = join(folder, 'secrets.env')
  const all = {
    SLUICE_TOKENS: JSON.stringify(tokens),
    SLUICE_COOKIE_KEY: randomBytes(32).toString('base64url'),
    ...secrets,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}='${value}'\n`)
  writeFileSync(secretsFile, lines.join(''), { mode: 0o600 })
  const logFile = join(folder, 'gateway.log')
  const log = openSync(logFile, 'w')
  const flags = ['--ip', '127.0.0.1', '--port', String(chosen), '--inspector-port', String(await freePort())]
  const child = spawn(
    // By the Node that runs this, which is the project's own: `npx` would put two more processes in between.
    process.execPath,
    [WRANGLER, 'dev', '-c', config, ...flags, '--env-file', secretsFile, '--persist-to', join(folder, 'state')],
    {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        // Wrangler leaves its temporary files behind when it is killed.
        TMPDIR: folder,
        NO_COLOR: '1',
        CI: '1',
        WRANGLER_SEND_METRICS: 'false',
        // Else it asks the network where this machine is, and waits for that where there is none.
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      },
    },
  )
  if (onExit) child.once('exit', onExit)
  signal?.addEventListener('abort', () => killGroup(child), { once: true })
  const url = `http://127.0.0.1:${chosen}`
  try {
    await ready(url, child)
  } catch (cause) {
    killGroup(child)
    throw new Error(
      `the gateway did not come up; the end of ${logFile}:\n${readFileSync(logFile, 'utf8').slice(-1500)}`,
      { cause },
    )
  }
  return { url, token, logFile, stop: () => stop(child, chosen) }
}

/** Whoever listens there already would answer `readyz` in our place, with tokens of its own. */
async function refuseTaken(port: number | null): Promise<void> {
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

/** The group: wrangler and workerd. */
function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

/** The text of a wrangler.toml less every [vars…] table. */
function withoutVars(toml: string): string {
  let inVars = false
  return toml
    .split('\n')
    .filter((line) => {
      const table = /^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}/.exec(line)
      if (table) inVars = /^vars(\.|$)/.test(table[1]!)
      return !inVars
    })
    .join('\n')
}

/** Paths in a wrangler.toml are relative to it, and this one is written elsewhere. */
function withMain(toml: string): string {
  return toml.replace('main = "src/worker.ts"', `main = ${JSON.stringify(join(ROOT, 'src/worker.ts'))}`)
}
