/** The gateway as a process of its own: the project's wrangler.toml with other variables, on loopback. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { type GatewayProcess, refuseTaken, startProcess } from './gateway-process.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')

export interface DemoGateway extends GatewayProcess {
  /** Bearer token with the role admin. */
  token: string
  logFile: string
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
  writeFileSync(config, wranglerToml(vars))
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
  const flags = ['--ip', '127.0.0.1', '--port', String(chosen), '--inspector-port', String(await freePort())]
  const files = ['-c', config, '--env-file', secretsFile, '--persist-to', join(folder, 'state')]
  const started = await startProcess({
    // By the Node that runs this, which is the project's own: `npx` would put two more processes in between.
    command: [process.execPath, WRANGLER, 'dev', ...flags, ...files],
    port: chosen,
    logFile,
    env: {
      // Wrangler leaves its temporary files behind when it is killed.
      TMPDIR: folder,
      NO_COLOR: '1',
      CI: '1',
      WRANGLER_SEND_METRICS: 'false',
      // Else it asks the network where this machine is, and waits for that where there is none.
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    },
    signal,
    onExit,
  })
  return { ...started, token, logFile }
}

/** The project's own wrangler.toml with these [vars…] tables in place of its own, to be written anywhere. */
export function wranglerToml(vars: string): string {
  return `${withMain(withoutVars(readFileSync(join(ROOT, 'wrangler.toml'), 'utf8')))}\n${vars}\n`
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
