/**
 * The entry point for others: both planes as one Hono app, to deploy as it is or to mount in a Worker
 * of one's own, at "/" and after that Worker's own routes. Under a sub-path nothing would be found: the dashboard's
 * links, session cookies and job URLs begin at the root, and so do the backends' paths.
 * The Durable Object classes are exported from worker.ts and bound in wrangler.toml.
 */
import { Hono } from 'hono'
import { configOf, type Env } from './config/env.ts'
import { createControl } from './control/app.ts'
import type { ControlDeps } from './control/deps.ts'
import { liveConfig } from './durable/live-config-client.ts'
import { controllerOf, ledgerAt, shardOf } from './durable/stubs.ts'
import { createGateway } from './gateway/app.ts'
import { addressOf } from './gateway/asked.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import { afterBody } from './gateway/request-body.ts'
import { PROTOCOL_NAMES } from './protocols/index.ts'

/** `log`: without prompts or credentials; by default a JSON line to the console. What else comes from outside is a test's to replace. */
export type SluiceOptions = Partial<GatewayDeps>

export function createSluice(options: SluiceOptions = {}): Hono<{ Bindings: Env }> {
  const outside: GatewayDeps = {
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random: () => Math.random(),
    newId: () => crypto.randomUUID(),
    sleep: (ms) => scheduler.wait(ms),
    objects: { controller: controllerOf, shard: shardOf, ledger: ledgerAt },
    log: logLine,
    ...options,
  }
  const { fetch: call, now, newId, log } = outside
  const gateway = createGateway(outside)
  const deps: ControlDeps = {
    fetch: call,
    now,
    newId,
    log,
    readEnv: (env) => ({
      config: configOf(env, PROTOCOL_NAMES),
      tokens: env.SLUICE_TOKENS,
      eventKeys: env.SLUICE_EVENT_KEYS,
      cookieKey: env.SLUICE_COOKIE_KEY,
      webhookKey: env.SLUICE_WEBHOOK_KEY,
      forceControl: env.SLUICE_FORCE_CONTROL === '1',
    }),
    controller: controllerOf,
    ledger: ledgerAt,
    liveConfig: (env, release) => liveConfig(env.LIVE_CONFIG, release),
    protocols: PROTOCOL_NAMES,
    lastSnapshot: gateway.lastSnapshot,
  }
  const control = createControl(deps)
  const app = new Hono<{ Bindings: Env }>()
  const serve = async (request: Request, env: Env, context: Pick<ExecutionContext, 'waitUntil'>) => {
    const address = addressOf(request.url)
    if (address.plane !== 'control') return gateway.fetch(request, env, context, address)
    return afterBody(request, await control.fetch(request, env, context as ExecutionContext))
  }
  app.all('*', ({ req: { raw }, env, executionCtx }) => serve(raw, env, executionCtx))
  // Where it is all of a Worker, no router need be asked for what goes on to one place anyway.
  app.fetch = serve as typeof app.fetch
  return app
}

function logLine(entry: Record<string, unknown>): void {
  console.log(JSON.stringify(entry))
}

export type { Env } from './config/env.ts'
