/** Load at a fixed rate, however slow the answers are: what real users do to a gateway, unlike clients that wait their turn. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Gateway } from './processes.ts'
import { poll, type Reply, submit } from './data-plane.ts'

export interface Load {
  sent: number
  /** Due while `maxOpen` were open. */
  skipped: number
  /** Sent and not answered at all, as while the gateway is down. */
  unanswered: number
  /** Answers by status. */
  statuses: Record<number, number>
}

export interface LoadOptions {
  ratePerSecond: number
  /** Of the requests; the others poll jobs that were submitted before. */
  submitShare: number
  subject: (n: number) => string
  signal: AbortSignal
  model?: string
  /** Beyond so many unanswered requests a due one is not sent, as by a client that has run out of connections. */
  maxOpen?: number
  onReply?: (kind: 'submit' | 'poll', reply: Reply, tookMs: number) => void
}

/** Runs until `signal` is aborted, then waits for what is still open. */
export async function runLoad(gateway: Gateway, options: LoadOptions): Promise<Load> {
  const { ratePerSecond, submitShare, subject, signal, model, maxOpen = 2000, onReply } = options
  const load: Load = { sent: 0, skipped: 0, unanswered: 0, statuses: {} }
  const jobs: { id: string; subject: string }[] = []
  const open = new Set<Promise<void>>()
  const one = async (n: number) => {
    const known = jobs[n % Math.max(1, jobs.length)]
    const submits = known === undefined || (n * submitShare) % 1 < submitShare
    const sentAt = performance.now()
    try {
      const who = submits ? subject(n) : known.subject
      const reply = await (submits
        ? submit(gateway, who, model === undefined ? {} : { model })
        : poll(gateway, known.id, who))
      onReply?.(submits ? 'submit' : 'poll', reply, performance.now() - sentAt)
      load.statuses[reply.status] = (load.statuses[reply.status] ?? 0) + 1
      if (submits && reply.status === 200) jobs.push({ id: reply.id, subject: who })
      if (jobs.length > 200) jobs.shift()
    } catch {
      load.unanswered++
    }
  }
  const began = performance.now()
  for (let n = 0; !signal.aborted; n++) {
    const dueMs = began + (n * 1000) / ratePerSecond
    const aheadMs = dueMs - performance.now()
    if (aheadMs > 0) await delay(Math.max(1, aheadMs))
    if (open.size >= maxOpen) {
      load.skipped++
      continue
    }
    load.sent++
    const sent = one(n).finally(() => open.delete(sent))
    open.add(sent)
  }
  await Promise.all(open)
  return load
}
