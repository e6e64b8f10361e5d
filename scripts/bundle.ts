/** The Worker as it is deployed, and what the runtime is told to serve it by itself, without wrangler between. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'

const ROOT = join(import.meta.dirname, '..')
const MAIN = 'worker.js'
const WORKERD = join(ROOT, 'node_modules', '.bin', 'workerd')
const WRANGLER = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
export const NETWORK = '(name = "internet", network = (allow = ["local", "private"]))'
interface WranglerFile {
  compatibility_date: string
  durable_objects: { bindings: { name: string; class_name: string }[] }
}
const wrangler = parse(readFileSync(join(ROOT, 'wrangler.toml'), 'utf8')) as unknown as WranglerFile
export const DATE = `compatibilityDate = "${wrangler.compatibility_date}"`
const OBJECTS = wrangler.durable_objects.bindings

/** What `wrangler deploy` would upload, written to the folder; throws what wrangler says where it cannot. */
export function bundleTo(folder: string, flags: readonly string[] = []): void {
  const args = ['deploy', '--dry-run', ...flags, '--outdir', folder]
  // By the Node that runs this: `npx` would put a process more in between.
  execFileSync(process.execPath, [WRANGLER, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The files of a bundle that are uploaded. */
export function filesOf(bundle: string): string[] {
  return readdirSync(bundle).filter((file) => !file.endsWith('.map') && file !== 'README.md')
}

export interface Served {
  /** A folder that `bundleTo` has written. */
  bundle: string
  /** Path of an ES module that stands before the bundle's and imports it as `./worker.js`, if there is one. */
  before?: string
  /** Variables and secrets by name: tables, or text. */
  vars: Record<string, unknown>
  /** On loopback. */
  port: number
  /** Where its objects keep their storage; made if it is not there. */
  disk: string
  /** The address that every client has, as the platform would name it; null for none. */
  clientIp: string | null
}

/** The command that serves what a configuration says. Files are embedded by absolute paths, which are imports to it. */
export function serving(config: string): string[] {
  return [WORKERD, 'serve', config, '--experimental', '--import-path', '/']
}

/** A configuration of the runtime. */
export function configOf({ bundle, before, vars, port, disk, clientIp }: Served): string {
  mkdirSync(disk, { recursive: true })
  const texts = filesOf(bundle).filter((file) => file !== MAIN)
  // The first is the one that is served.
  const modules = [
    ...(before === undefined ? [] : [`(name = "before.js", esModule = embed ${quoted(before)})`]),
    `(name = "${MAIN}", esModule = embed ${quoted(join(bundle, MAIN))})`,
    ...texts.map((file) => `(name = "./${file}", text = embed ${quoted(join(bundle, file))})`),
  ]
  const variables = Object.entries(vars).map(([name, value]) =>
    typeof value === 'string'
      ? `(name = "${name}", text = ${quoted(value)})`
      : `(name = "${name}", json = ${quoted(JSON.stringify(value))})`,
  )
  const bindings = OBJECTS.map(({ name, class_name: of }) => `(name = "${name}", durableObjectNamespace = "${of}")`)
  const namespaces = OBJECTS.map(({ class_name: of }) => `(className = "${of}", uniqueKey = "${of}", enableSql = true)`)
  const named = clientIp === null ? '' : `injectRequestHeaders = [(name = "cf-connecting-ip", value = "${clientIp}")]`
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .main), ${NETWORK}, (name = "disk", disk = (path = ${quoted(disk)}, writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (${named}), service = "main")]);
const main :Workerd.Worker = (modules = [${modules.join(', ')}], ${DATE}, bindings = [${[...variables, ...bindings].join(', ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}], durableObjectStorage = (localDisk = "disk"));
`
}

const quoted = (text: string): string => JSON.stringify(text)
