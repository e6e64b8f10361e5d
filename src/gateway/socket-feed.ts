/**
 * What one backend sends on a client's WebSocket, passed on in its order: of jobs only the caller's own, under the ids and
 * file names that the client knows. What is of no job is the main backend's to tell.
 */
import { replicaHash } from '../config/replica.ts'
import { toJobUpdate } from '../durable/job-shapes.ts'
import type { JobSocket, SocketMessage } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { JobRuntimes } from './isolate.ts'
import { knownJob, type OwnedJob, withSameBackends } from './owned-job.ts'
import { showsFailure } from './rescue.ts'
import type { Subject } from './subject.ts'
import { isCounted, translationOf, translationOfNothing } from './translation.ts'

/** A frame beyond this is none of this wire's, and neither are so many that wait for a job's owner to be known. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024
const MAX_HELD_BYTES = 16 * 1024 * 1024
const MAX_HELD = 2000
/** A job may be told of before its submit has been answered, and before the ledger knows it. */
const ASK_AGAIN_MS = [100, 300, 800, 1500] as const
/** Ledgers that could not be asked may be by then. */
const ASK_LATER_MS = 5000
const MAX_JOBS = 1000

export type Frame = string | Uint8Array<ArrayBuffer>

interface FeedParts {
  ctx: Exchange
  /** Of the socket's route. */
  prefix: string
  runtimes: JobRuntimes
  socket: JobSocket
  subject: Subject
  /** Base URL of the backend. */
  url: string
  /** Whether what is of no job passes. */
  isMain: boolean
  pass: (frame: Frame) => void
}

export class SocketFeed {
  readonly #parts: FeedParts
  /** By the backend's id; null for what is not the caller's, as far as was known then (unix ms). */
  readonly #jobs = new Map<string, { job: OwnedJob | null; askedAt: number }>()
  #last: Promise<void> = Promise.resolve()
  #held = 0
  #heldBytes = 0
  /** Whether the job that this backend told of last is the caller's: a picture without a name is of that job. */
  #isOwn = false

  constructor(parts: FeedParts) {
    this.#parts = parts
  }

  /** False where too much waits already. */
  take(frame: Frame): boolean {
    const bytes = frame.length
    if (bytes > MAX_FRAME_BYTES || this.#held >= MAX_HELD || this.#heldBytes + bytes > MAX_HELD_BYTES) return false
    this.#held++
    this.#heldBytes += bytes
    const passed = this.#last.then(() => this.#pass(frame))
    this.#last = passed
      .catch(() => undefined)
      .then(() => {
        this.#held--
        this.#heldBytes -= bytes
      })
    return true
  }

  /** Resolves when all that was taken has been passed on. */
  async drained(): Promise<void> {
    await this.#last
  }

  async #pass(frame: Frame): Promise<void> {
    const { socket, pass } = this.#parts
    if (typeof frame === 'string') {
      const shown = await this.#shown(frame, socket.read(frame))
      if (shown !== null) pass(shown)
      return
    }
    const opened = socket.openFrame(frame)
    const message = opened && socket.read(opened.text)
    if (opened && message?.job) {
      const shown = await this.#shown(opened.text, message)
      if (shown !== null) pass(opened.withText(shown) as Uint8Array<ArrayBuffer>)
    } else if (this.#isOwn) pass(frame)
  }

  /** Null for what is not this caller's to see. */
  async #shown(text: string, { job: upstreamId, backendJob }: SocketMessage): Promise<string | null> {
    const { ctx, runtimes, subject, prefix, url, isMain } = this.#parts
    if (upstreamId === null) {
      const { protocol } = runtimes[0]!
      return isMain ? protocol.translate(text, translationOfNothing(ctx, url, prefix)) : null
    }
    const job = await this.#job(upstreamId)
    this.#isOwn = job !== null
    if (!job) return null
    const { runtime, tag, arm, clientId } = job
    if (backendJob && tag && isCounted(tag)) {
      runtime.telemetry.seen(toJobUpdate({ ...tag, clientId, prefix }, backendJob, runtime.deps.now()))
      runtime.telemetry.schedule(ctx.waitUntil)
    }
    // It goes on at control, whose messages come as well.
    if (backendJob && showsFailure(job, 200, backendJob)) return null
    const owner = job.holder?.owner ?? subject.owners[0]
    const source = { runtime, url, prefix, arm, owner, anonymous: subject.anonymous }
    return runtime.protocol.translate(text, await translationOf(ctx, source, new Map([[upstreamId, clientId]]), null))
  }

  async #job(upstreamId: string): Promise<OwnedJob | null> {
    const { now } = this.#parts.ctx.isolate.deps
    const known = this.#jobs.get(upstreamId)
    if (known && (known.job || now() - known.askedAt < ASK_LATER_MS)) return known.job
    const job = await this.#find(upstreamId, known ? [] : ASK_AGAIN_MS)
    if (this.#jobs.size >= MAX_JOBS) this.#jobs.clear()
    this.#jobs.set(upstreamId, { job, askedAt: now() })
    return job
  }

  async #find(upstreamId: string, pausesMs: readonly number[]): Promise<OwnedJob | null> {
    const { ctx, runtimes, subject, url } = this.#parts
    const question = { upstreamId, subject, urls: [url], replica: replicaHash(url) }
    for (const pauseMs of [...pausesMs, null]) {
      // Ledgers that can't be asked may be able to in a moment.
      const found = await knownJob(withSameBackends(ctx, runtimes, [url]), question).catch(() => null)
      if (found === 'taken') return null
      if (found) return found
      if (pauseMs !== null) await ctx.isolate.deps.sleep(pauseMs)
    }
    return null
  }
}
