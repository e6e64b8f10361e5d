/** What the ledger asks backends by itself: how a job stands, that it stop, that control take it over. Keeps nothing. */
import { armToken, type Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { pickReplica, replicaHash, replicaUrl } from '../../config/replica.ts'
import type { Arm } from '../../core/arm.ts'
import type { JobSight, Protocol, UpstreamCall } from '../../protocols/protocol.ts'
import { readCapped } from '../../protocols/read-capped.ts'
import type { KeptBody } from './bodies.ts'

const POLL_TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 1024 * 1024

/** `gone`: the backend says that there is no such job. `refused`: it answers only its users. `unknown`: it could not be asked. */
export type Look = { state: 'sight'; sight: JobSight } | { state: 'gone' | 'refused' | 'unknown' }

interface Target {
  arm: Arm
  replica: number
}

export class Backend {
  readonly #env: Env
  readonly #release: ReleaseConfig
  readonly #protocol: Protocol

  constructor(env: Env, release: ReleaseConfig, protocol: Protocol) {
    this.#env = env
    this.#release = release
    this.#protocol = protocol
  }

  async look(target: Target, upstreamId: string): Promise<Look> {
    const response = await this.#call(target, this.#protocol.pollCall(upstreamId), { accept: 'application/json' }, null)
    if (!response) return { state: 'unknown' }
    const sight = this.#protocol.readJob(response.status, await jsonOf(response))
    if (sight) return { state: 'sight', sight }
    if (response.status === 401 || response.status === 403) return { state: 'refused' }
    return { state: response.status === 404 ? 'gone' : 'unknown' }
  }

  /** Best effort: false when the backend could not be asked. */
  async cancel(target: Target, upstreamId: string): Promise<boolean> {
    const call = this.#protocol.cancelCall(upstreamId)
    if (!call) return true
    const response = await this.#call(target, call, {}, null)
    await response?.body?.cancel()
    return response !== null
  }

  /** A failed candidate job's body, sent to control once. Null where control did not take it. */
  async resubmit(body: KeptBody, idempotencyKey: string): Promise<{ sight: JobSight; replica: number } | null> {
    const replica = replicaHash(pickReplica(this.#release.arms.control, Math.random()))
    const headers = { 'content-type': body.contentType, accept: 'application/json', 'idempotency-key': idempotencyKey }
    const response = await this.#call(
      { arm: 'control', replica },
      { method: 'POST', path: body.path },
      headers,
      body.bytes,
    )
    const sight = response ? this.#protocol.readJob(response.status, await jsonOf(response)) : null
    return response?.ok && sight ? { sight, replica } : null
  }

  async #call(
    target: Target,
    call: UpstreamCall,
    headers: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | null,
  ): Promise<Response | null> {
    const arm = this.#release.arms[target.arm]
    const url = replicaUrl(arm, target.replica)
    if (url === null) return null
    const token = armToken(this.#env, arm.auth)
    const all = new Headers({
      ...headers,
      ...call.headers,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    })
    try {
      return await fetch(url + call.path, {
        method: call.method,
        headers: all,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(Math.min(arm.timeoutMs, POLL_TIMEOUT_MS)),
      })
    } catch {
      return null
    }
  }
}

async function jsonOf({ body }: Response): Promise<unknown> {
  try {
    const bytes = body ? await readCapped(body, MAX_ANSWER_BYTES) : null
    return bytes ? JSON.parse(new TextDecoder().decode(bytes)) : undefined
  } catch {
    return undefined
  }
}
