/** What is measured: workers on the runtime itself, without wrangler between, and proxies of others where they are installed. */
import { spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleTo, configOf, DATE, NETWORK, serving } from '../../scripts/bundle.ts'
import type { Ask } from './load.ts'
import { type Running, start } from './processes.ts'

/** Bearer token with the role admin. */
export const TOKEN = 'token-of-the-bench'
/** What ids are sealed and subjects named with. */
export const COOKIE_KEY = 'ab'.repeat(32)
export const RELEASE = 'bench'
const USERS = 256

export interface Backends {
  control: number
  candidate: number
}

export interface System {
  name: string
  /** Resolves when it serves. */
  start(port: number): Promise<Running>
  /** Headers that its clients send besides. */
  headers: (user: number) => Record<string, string>
  /** How often its isolate has called Durable Objects since this was asked last. */
  objectCalls?: (port: number) => Promise<number>
  /** Where its clients submit, if not at the path of the videos. */
  submitPath?: string
}

export interface Bench {
  folder: string
  backends: Backends
  /** Serves the keys that signed tokens are checked with. */
  keysPort: number
}

export function submitsTo(system: System): Ask[] {
  const body = JSON.stringify({ model: 't2v-1', seconds: '8', size: '1280x720', prompt: 'a red fox '.repeat(20) })
  return users((user) => ({
    method: 'POST',
    path: system.submitPath ?? '/v1/videos',
    headers: { 'content-type': 'application/json', ...system.headers(user) },
    body,
  }))
}

/** Polls (`what` empty) or downloads (`/content`) of jobs that were submitted by their users. */
export async function readsOf(system: System, port: number, what: '' | '/content'): Promise<Ask[]> {
  const ids = await Promise.all(
    submitsTo(system).map(async ({ path, headers, body }) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: body! })
      return ((await answer.json()) as { id: string }).id
    }),
  )
  return users((user) => ({ method: 'GET', path: `/v1/videos/${ids[user]}${what}`, headers: system.headers(user) }))
}

function users<T>(of: (user: number) => T): T[] {
  return Array.from({ length: USERS }, (_, user) => of(user))
}

const named = (user: number) => ({ 'x-user-id': `user-${user}`, authorization: `Bearer sk-${user}` })

export function systemsOf(bench: Bench): System[] {
  const { folder, backends } = bench
  const worker = (name: string): System => ({ name, headers: named, start: (port) => startWorker(bench, name, port) })
  const shadow = (sample: number) => ({
    shadow: { sample, during_canary: true, max_in_flight: 1_000_000, max_jobs_per_day: 1_000_000_000 },
  })
  const signed = signedTokens()
  const jwt = {
    jwks_url: `http://127.0.0.1:${bench.keysPort}/`,
    issuer: 'bench',
    audience: 'gateway',
    algorithms: ['ES256'],
  }
  writeFileSync(join(folder, 'keys.json'), signed.jwks)
  const withTokens = { subject: ['jwt:sub'], auth: { users: jwt } }
  const tokenOf: System['headers'] = (user) => ({ authorization: `Bearer ${signed.tokens[user]}` })
  const sluice = (name: string, given: Given, headers: System['headers'] = named): System => ({
    name,
    headers,
    start: (port) => startSluice(bench, given, port),
    objectCalls: async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/-bench/calls`)
      return Object.values((await answer.json()) as Record<string, number>).reduce((sum, n) => sum + n, 0)
    },
  })
  return [
    worker('bare'),
    worker('reading'),
    sluice('sluice, plain http', { release: { protocol: 'http' } }),
    sluice('sluice, jobs', { sluice: { expose_headers: false } }),
    sluice('sluice, + headers', {}),
    sluice('sluice, + 16 ledgers', { release: { ledger_shards: 16 } }),
    sluice('sluice, + ES256 token', { sluice: withTokens }, tokenOf),
    sluice('sluice, + 10 % shadow', { release: shadow(0.1) }),
    sluice('sluice, + 100 % shadow', { release: shadow(1) }),
    sluice('sluice, + token and 10 % shadow', { sluice: withTokens, release: shadow(0.1) }, tokenOf),
    ...(isInstalled('nginx') ? [nginx(folder, backends, false), nginx(folder, backends, true)] : []),
    ...(isInstalled('haproxy') ? [haproxy(folder, backends)] : []),
    ...(process.env['PORTKEY_GATEWAY'] ? [portkey(process.env['PORTKEY_GATEWAY'], backends)] : []),
  ]
}

async function startWorker({ folder, backends }: Bench, name: string, port: number): Promise<Running> {
  copyFileSync(join(import.meta.dirname, 'workers', `${name}.js`), join(folder, `${name}.js`))
  const config = join(folder, `${name}-${port}.capnp`)
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .main), ${NETWORK}],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);
const main :Workerd.Worker = (modules = [(name = "worker.js", esModule = embed "${name}.js")], ${DATE},
  bindings = [(name = "BACKEND", text = "http://127.0.0.1:${backends.control}")]);`,
  )
  return start('measured', serving(config), port)
}

export interface Given {
  sluice?: Record<string, unknown>
  release?: Record<string, unknown>
  /** Its release is left as it is found: idle. */
  isIdle?: boolean
}

let isBundled = false

/** The bundle as it is deployed, made on its first use. */
function bundleIn(folder: string): string {
  const bundle = join(folder, 'bundle')
  if (!isBundled) bundleTo(bundle, ['--minify'])
  isBundled = true
  return bundle
}

/** The deployed Worker, with a release that runs unless it is to be idle, and `workers/watched.js` before it. */
export async function startSluice(bench: Bench, given: Given, port: number): Promise<Running> {
  const { backends } = bench
  const models = given.release?.['protocol'] === 'http' ? [null, null] : ['t2v-1', 't2v-2']
  const arm = (at: number, model: string | null) => ({ url: `http://127.0.0.1:${at}`, ...(model ? { model } : {}) })
  const release = {
    ...{ name: RELEASE, protocol: 'openai-videos', match: { paths: ['/'] }, ladder: [10, 50, 100], bake: '7d' },
    arms: { control: arm(backends.control, models[0]!), candidate: arm(backends.candidate, models[1]!) },
    ...given.release,
  }
  const SLUICE = { expose_headers: true, subject: ['header:x-user-id'], ...given.sluice }
  const running = await serveSluice(bench.folder, { SLUICE, RELEASE_A: release }, port)
  if (given.isIdle) return running
  const started = await fetch(`http://127.0.0.1:${port}/_sluice/api/v1/releases/${RELEASE}/actions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ action: 'start', stage: 'canary-10', reason: 'bench' }),
  })
  if (!started.ok) throw new Error(`the release does not start: ${await started.text()}`)
  return running
}

/** The same with these variables, and nothing started. */
export function serveSluice(folder: string, vars: Record<string, object>, port: number): Promise<Running> {
  const hash = createHash('sha256').update(TOKEN).digest('hex')
  const secrets = {
    SLUICE_TOKENS: JSON.stringify([{ name: 'bench', role: 'admin', sha256: hash }]),
    SLUICE_COOKIE_KEY: COOKIE_KEY,
  }
  const disk = join(folder, `objects-${port}`)
  rmSync(disk, { recursive: true, force: true })
  const before = join(import.meta.dirname, 'workers', 'watched.js')
  const config = join(folder, `sluice-${port}.capnp`)
  const served = { bundle: bundleIn(folder), before, vars: { ...vars, ...secrets }, port, disk, clientIp: null }
  writeFileSync(config, configOf(served))
  return start('measured', serving(config), port)
}

/** One signed token a user, and the keys to check them with. */
function signedTokens(): { tokens: string[]; jwks: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const seconds = Math.floor(Date.now() / 1000)
  const tokens = users((user) => {
    const claims = { sub: `user-${user}`, iss: 'bench', aud: 'gateway', iat: seconds, exp: seconds + 86_400 }
    const signed = `${part({ alg: 'ES256', typ: 'JWT', kid: 'k1' })}.${part(claims)}`
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  })
  return {
    tokens,
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] }),
  }
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['-v']).error === undefined
}

/** It splits and mirrors; it knows nothing of jobs, counts nothing and judges nothing. */
function nginx(folder: string, { control, candidate }: Backends, mirrors: boolean): System {
  const to = 'proxy_max_temp_file_size 0; proxy_http_version 1.1; proxy_set_header Connection "";'
  const upstream = (name: string, port: number) => `upstream ${name} { server 127.0.0.1:${port}; keepalive 64; }`
  const mirror = `mirror /_copy;`
  return {
    name: mirrors ? 'nginx, split and mirror' : 'nginx, split',
    headers: named,
    start(port) {
      const config = join(folder, `nginx-${port}.conf`)
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (each) => `${each}_temp_path ${folder}/${each};`,
      )
      writeFileSync(
        config,
        `daemon off; worker_processes 1; pid ${folder}/nginx-${port}.pid; error_log stderr crit; events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; ${temporary.join(' ')} ${upstream('control', control)} ${upstream('candidate', candidate)}
split_clients "$http_x_user_id" $arm { 10% candidate; * control; }
server { listen 127.0.0.1:${port}; location / { ${to} ${mirrors ? mirror : ''} proxy_pass http://$arm; }
location = /_copy { internal; ${to} proxy_pass http://candidate$request_uri; } } }`,
      )
      return start('measured', ['nginx', '-e', 'stderr', '-c', config], port)
    },
  }
}

function haproxy(folder: string, { control, candidate }: Backends): System {
  return {
    name: 'HAProxy, weighted',
    headers: named,
    start(port) {
      const config = join(folder, `haproxy-${port}.cfg`)
      writeFileSync(
        config,
        `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  balance hdr(x-user-id)
  server control 127.0.0.1:${control} weight 90
  server candidate 127.0.0.1:${candidate} weight 10
`,
      )
      return start('measured', ['haproxy', '-f', config], port)
    },
  }
}

/** `server`: its `build/start-server.js`. It has no route for videos, so that its clients ask for a chat. */
function portkey(server: string, { control, candidate }: Backends): System {
  const target = (port: number, weight: number) => ({
    provider: 'openai',
    custom_host: `http://127.0.0.1:${port}/v1`,
    api_key: 'k',
    weight,
  })
  const config = JSON.stringify({
    strategy: { mode: 'loadbalance' },
    targets: [target(control, 0.9), target(candidate, 0.1)],
  })
  return {
    name: 'Portkey, weighted',
    headers: () => ({ 'x-portkey-config': config, authorization: 'Bearer k' }),
    submitPath: '/v1/chat/completions',
    start: (port) => start('measured', [process.execPath, server, `--port=${port}`, '--headless'], port),
  }
}
