/**
 * Webhooks that clients ask for in a submit: the backend is given a sealed address of the gateway's instead, and what it
 * sends there counts the job's end and goes on to the client, under the client's ids, signed anew. Sent once for each
 * time that the backend sends; whether to try again is the backend's to decide, by the client's own status.
 */
import { webhookHeaders } from '../auth/keys.ts'
import type { ReleaseConfig } from '../config/load.ts'
import { replicaUrl } from '../config/replica.ts'
import { detail, SluiceError } from '../core/errors.ts'
import { type HookTag, sealJobId } from '../core/job-id.ts'
import { mayStillArrive } from '../core/rescue-plan.ts'
import { callDeadline } from '../durable/deadline.ts'
import { toJobUpdate } from '../durable/job-shapes.ts'
import { answerJson } from '../protocols/answer-json.ts'
import { WEBHOOK_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { hookAddress, hookAt, isHookPath } from './hook-address.ts'
import { hasJobs, type JobRuntime } from './isolate.ts'
import { jobNotFound, ownedJob } from './owned-job.ts'
import { rescue, showsFailure } from './rescue.ts'
import { translationOf } from './translation.ts'
import { readUpload } from './upload.ts'

/** So that the sealed address is one that any backend keeps. */
const MAX_URL_CHARS = 1024
/** Names that mean something inside a network only. */
const INNER_NAME = /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/

type Hook = Omit<HookTag, 'url'>
type Hooked = { runtime: JobRuntime; hook: HookTag }

/** What puts an address of the gateway's in place of a client's; undefined where the client's stays. Throws `invalid_request`. */
export function sealedWebhook(ctx: Exchange, runtime: JobRuntime, hook: Hook): ((url: string) => string) | undefined {
  const { release, protocol } = runtime
  if (!protocol.readWebhook || release.clientWebhooks === 'pass' || release.idMode === 'native') return undefined
  return (url) => {
    const refused = whyNot(release, url, ctx.url.origin)
    if (refused !== null) {
      const details = [detail('webhook', 'webhook_not_allowed', refused)]
      throw new SluiceError('invalid_request', `the webhook can't be called: it ${refused}`, { details })
    }
    return hookAddress(ctx.url.origin, { ...hook, url }, ctx.isolate.keys)
  }
}

/** Why this may not be called; null where it may. Names are not resolved: nobody could hold what they then lead to. */
function whyNot({ webhookOrigins }: Pick<ReleaseConfig, 'webhookOrigins'>, text: string, own: string): string | null {
  if (text.length > MAX_URL_CHARS) return `has more than ${MAX_URL_CHARS} characters`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.username !== '' || url.password !== '') return 'is no URL, or has credentials in it'
  if (url.origin === own) return 'leads back here'
  if (webhookOrigins !== null)
    return webhookOrigins.includes(url.origin) ? null : 'is at none of the origins that are allowed'
  let host = url.hostname
  while (host.endsWith('.')) host = host.slice(0, -1)
  if (url.protocol !== 'https:') return 'must be https'
  // The parser has turned every spelling of an IPv4 address into four numbers.
  const isAddress = host.startsWith('[') || /^[\d.]+$/.test(host)
  return isAddress || !host.includes('.') || INNER_NAME.test(host) ? 'has no public name' : null
}

/** Where a backend calls instead of a client; null for any other path. Throws `job_not_found` for what was altered. */
export function hookOf(ctx: Exchange): Hooked | null {
  if (!isHookPath(ctx.url.pathname)) return null
  // Who holds the address can tell of jobs, so no log has it.
  Object.assign(ctx.log, { operation: 'webhook', path: '/…/webhook' })
  if (ctx.method !== 'POST')
    throw new SluiceError('method_not_allowed', 'a webhook is posted', { headers: { allow: 'POST' } })
  const hook = hookAt(ctx.url.pathname, ctx.isolate.keys)
  const runtime = ctx.isolate.runtimes.filter(hasJobs).find(({ hash }) => hash === hook?.release)
  if (!hook || !runtime?.protocol.readWebhook || whyNot(runtime.release, hook.url, ctx.url.origin) !== null)
    throw jobNotFound()
  return { runtime, hook }
}

/** The client's status, for its backend; nothing of what the client says else. */
export async function deliver(ctx: Exchange, { runtime, hook }: Hooked): Promise<Response> {
  Object.assign(ctx.log, { release: runtime.release.name, arm: hook.arm })
  const text = new TextDecoder().decode(await readUpload(ctx))
  const backendJob = runtime.protocol.readWebhook!(answerJson(text))
  if (!backendJob) throw new SluiceError('malformed_body', 'the body shows no job of this wire')
  const { url, prefix, job, ...tag } = hook
  const named = { ...tag, upstreamId: backendJob.id }
  const known = { ...named, prefix, clientId: job ?? sealJobId(named, ctx.isolate.keys) }
  if (job === null) {
    const { now } = runtime.deps
    runtime.telemetry.seen({ ...toJobUpdate(known, backendJob, now()), isHearsay: true })
    // Where control goes on with it the client hears of that end only, and while nobody knows the backend is to try again.
    const owned = ownedJob(runtime, known)
    const mayGoOn = showsFailure(owned, 200, backendJob)
    const isEarly = mayGoOn && mayStillArrive(tag.submittedAt, now())
    const rescueStatus = mayGoOn ? ((await rescue(owned, 'pending', 0)) ?? (isEarly ? 'pending' : null)) : null
    if (rescueStatus !== null) return new Response(null, { status: rescueStatus === 'pending' ? 503 : 200 })
  }
  const config = runtime.release.arms[tag.arm]
  const source = { ...tag, runtime, prefix, url: replicaUrl(config, tag.replica) ?? config.urls[0]! }
  const translation = await translationOf(ctx, source, new Map([[backendJob.id, known.clientId]]), null)
  const body = runtime.protocol.translate(text, translation)
  return new Response(null, { status: await post(ctx, runtime, url, known.clientId, body) })
}

/** The client's status; 502 where it has none that could be passed on, 504 where none came in time. */
async function post(ctx: Exchange, runtime: JobRuntime, url: string, clientId: string, body: string): Promise<number> {
  const { fetch, now } = runtime.deps
  const secret = ctx.isolate.env[runtime.release.webhookSecret ?? '']
  const id = ctx.headers.get('webhook-id') ?? clientId
  const signed = await webhookHeaders(typeof secret === 'string' ? secret : undefined, { id, at: now(), body })
  const headers = { 'content-type': 'application/json', 'x-request-id': ctx.requestId, ...signed }
  const { signal, end, isLate } = callDeadline(WEBHOOK_MS)
  try {
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
    await response.body?.cancel()
    return response.ok ? 200 : response.status >= 400 && response.status <= 599 ? response.status : 502
  } catch {
    return isLate() ? 504 : 502
  } finally {
    end()
  }
}
