/** A video backend that only makes jobs and shows them, each poll after a given time, and keeps when each was polled. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export class PolledBackend {
  /** Unix ms of arrival. */
  readonly polls: { id: string; at: number }[] = []
  readonly #submittedAt = new Map<string, number>()
  readonly #pollMs: number
  readonly #server: Server
  #hasEnded = false

  /** `pollMs` infinite: no poll is answered. */
  static async start(pollMs: number): Promise<PolledBackend> {
    const backend = new PolledBackend(pollMs)
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve))
    return backend
  }

  private constructor(pollMs: number) {
    this.#pollMs = pollMs
    this.#server = createServer((request, response) => {
      const answer = (body: unknown) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(body))
      }
      request.resume()
      if (request.method === 'POST') {
        const id = `video_${this.#submittedAt.size}`
        this.#submittedAt.set(id, Date.now())
        return answer({ id, object: 'video', status: 'queued' })
      }
      const id = request.url!.split('/').at(-1)!
      this.polls.push({ id, at: Date.now() })
      if (!Number.isFinite(this.#pollMs)) return undefined
      setTimeout(
        () => answer({ id, object: 'video', status: this.#hasEnded ? 'completed' : 'in_progress' }),
        this.#pollMs,
      )
      return undefined
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on each poll shows its job as completed. */
  endAll(): void {
    this.#hasEnded = true
  }

  /** By how much each poll came after the pause that was due since the one before, ms. */
  lateness(quietMs: number, growth: number): number[] {
    const last = new Map<string, { at: number; polls: number }>()
    return this.polls.map(({ id, at }) => {
      const before = last.get(id) ?? { at: this.#submittedAt.get(id)!, polls: 0 }
      last.set(id, { at: at + this.#pollMs, polls: before.polls + 1 })
      // The first pause counts from the submit, and the second one is as long.
      const pause = quietMs * growth ** Math.max(0, before.polls - 1)
      return Math.max(0, at - before.at - pause)
    })
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
