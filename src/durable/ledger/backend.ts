/** What the ledger asks backends by itself: how a job stands, that it stop, that control take it over. Keeps nothing. */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import type { Arm } from '../../core/arm.ts'
import { replicaUrl } from '../../config/replica.ts'
import type { BackendAnswer, JobAddress, JobProtocol, BackendJob, UpstreamCall } from '../../protocols/protocol.ts'
import { encodeUtf8 } from '../../protocols/body/form-body.ts'
import { isGone, withResult } from '../../protocols/job-outcome.ts'
import { readJson } from '../../protocols/read-capped.ts'
import { showsNoVideo } from '../../protocols/video-answer.ts'
import { authorizationOf, send } from '../../protocols/send.ts'
import type { LedgerJob } from '../job-shapes.ts'
import type { StoredBody } from './bodies.ts'

const CANCEL_TIMEOUT_MS = 5000
const MAX_ANSWER_BYTES = 1024 * 1024

/** Where a job is: its backend, and what stands before the API's own paths there. */
type Target = Pick<LedgerJob, 'arm' | 'replica' | 'prefix'>

/**
 * What a backend says of a job. `gone`: there is none. `failed`: it can't tell, by its own fault. `busy`: it is asked
 * too often. `closed`: nothing that Sluice may know, as where it answers its users only. `unanswered`: nothing at all.
 */
export type PollAnswer =
  | { state: 'job'; job: BackendJob }
  | { state: 'gone' | 'failed' | 'busy' | 'closed' | 'unanswered' }

/** The job that control took, or why it has none: the status of its answer, null where there was none. */
export type Resubmitted = { backendJob: BackendJob } | { backendJob: null; status: number | null }

export class Backend {
  readonly #env: Env
  readonly #release: ReleaseConfig
  readonly #protocol: JobProtocol

  constructor(env: Env, release: ReleaseConfig, protocol: JobProtocol) {
    this.#env = env
    this.#release = release
    this.#protocol = protocol
  }

  async poll(target: Target, upstreamId: string, timeoutMs: number): Promise<PollAnswer> {
    // A replica that is configured no more can't be asked, which is not its fault.
    if (replicaUrl(this.#release.arms[target.arm], target.replica) === null) return { state: 'closed' }
    const call = this.#protocol.pollCall(this.#address(target, upstreamId))
    const response = await this.#call(target, call, timeoutMs, { accept: 'application/json' }, null)
    if (!response) return { state: 'unanswered' }
    const { status } = response
    const job = this.#protocol.readJob(await read(response, upstreamId))
    if (job?.status === 'ended') return { state: 'job', job: await this.#withResult(job, target, timeoutMs) }
    if (job) return { state: 'job', job }
    if (isGone(status)) return { state: 'gone' }
    if (status === 429) return { state: 'busy' }
    return { state: this.#isForUsers(target.arm, status) ? 'closed' : 'failed' }
  }

  /** Whether a finished job's video is missing, empty or none; null where its backend does not tell. Asks for one byte. */
  async lacksVideo(target: Target, upstreamId: string, timeoutMs: number): Promise<boolean | null> {
    const call = this.#protocol.contentCall?.(this.#address(target, upstreamId))
    if (!call) return null
    const headers = { range: 'bytes=0-0', ...call.headers }
    const response = await this.#call(target, call, timeoutMs, headers, null)
    if (!response) return null
    const first = await firstOf(response)
    if (first === null || response.status === 429 || response.status >= 500) return null
    const asked = { method: call.method, headers: new Headers(headers), query: new URLSearchParams() }
    return showsNoVideo(this.#protocol, asked, { ...first, status: response.status, headers: response.headers })
  }

  /** Best effort: false when the backend could not be asked, or only whatever stands before it has answered. */
  async cancel(target: Target, upstreamId: string): Promise<boolean> {
    const call = this.#protocol.cancelCall?.(this.#address(target, upstreamId))
    if (!call) return true
    const body = call.body === undefined ? null : encodeUtf8(call.body)
    const response = await this.#call(target, call, CANCEL_TIMEOUT_MS, {}, body)
    await response?.body?.cancel()
    return response !== null && response.status !== 429 && response.status < 500
  }

  /** A failed candidate job's body, sent to this replica of control with the arm's whole timeout. */
  async resubmit(body: StoredBody, replica: number, idempotencyKey: string): Promise<Resubmitted> {
    const headers = {
      ...this.#protocol.submitHeaders,
      'content-type': body.contentType,
      accept: 'application/json',
      'idempotency-key': idempotencyKey,
    }
    const { timeoutMs } = this.#release.arms.control
    const call = { method: 'POST', path: body.path } as const
    const response = await this.#call({ arm: 'control', replica }, call, timeoutMs, headers, body.bytes)
    if (!response) return { backendJob: null, status: null }
    const { status, ok } = response
    const backendJob = this.#protocol.readJob(await read(response, null))
    return ok && backendJob ? { backendJob } : { backendJob: null, status }
  }

  /** How a job ended of which its poll says only that it has; as it was where the backend does not tell now. */
  async #withResult(ended: BackendJob, target: Target, timeoutMs: number): Promise<BackendJob> {
    const { result } = this.#protocol
    if (!result) return ended
    const call = result.call(this.#address(target, ended.id))
    const response = await this.#call(target, call, timeoutMs, { accept: 'application/json' }, null)
    const backendJob = response && result.read(await read(response, ended.id))
    return withResult(ended, backendJob)
  }

  /** Whether an answer may be one that a user, by his own credentials, does not get. */
  #isForUsers(arm: Arm, status: number): boolean {
    const { auth, forwardAuthorization } = this.#release.arms[arm]
    const lacksCredentials = forwardAuthorization && auth === null
    return status === 401 || status === 403 || (lacksCredentials && status >= 300 && status < 500)
  }

  #address({ arm, prefix }: Target, upstreamId: string): JobAddress {
    return { upstreamId, prefix, model: this.#release.arms[arm].model }
  }

  async #call(
    target: Pick<Target, 'arm' | 'replica'>,
    call: UpstreamCall,
    timeoutMs: number,
    headers: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | null,
  ): Promise<Response | null> {
    const arm = this.#release.arms[target.arm]
    const url = replicaUrl(arm, target.replica)
    if (url === null) return null
    const authorization = authorizationOf(this.#env, arm, this.#protocol)
    try {
      return await send(url + call.path, {
        method: call.method,
        headers: { ...headers, ...call.headers, ...(authorization === null ? {} : { authorization }) },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(Math.min(arm.timeoutMs, timeoutMs)),
      })
    } catch {
      return null
    }
  }
}

/** Whether the body holds anything; the rest of it is not read. Null where it breaks. */
async function firstOf({ body }: Response): Promise<{ isEmpty: boolean } | null> {
  if (!body) return { isEmpty: true }
  const reader = body.getReader()
  try {
    const { done } = await reader.read()
    if (!done) await reader.cancel()
    return { isEmpty: done }
  } catch {
    return null
  }
}

async function read(response: Response, job: string | null): Promise<BackendAnswer> {
  const { status, headers } = response
  return { status, headers, body: await readJson(response, MAX_ANSWER_BYTES).catch(() => undefined), job }
}
