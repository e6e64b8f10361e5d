/** Load on one system: so many connections, each with one request at a time, for so long. */
import { Pool } from 'undici'

export interface Ask {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
  /** What is wrong with a good answer's text; null for nothing. Without it no text is looked at. */
  fault?: (text: string) => string | null
}

export interface Slice {
  requests: number
  /** Answers that are not good, and calls without one. */
  failed: number
  /** How many failed of each kind: the status and how its answer begins, what `fault` says, or why there is no answer. */
  failures: Record<string, number>
  bytes: number
  /** Median time to the end of an answer, in ms. */
  p50Ms: number
  p99Ms: number
}

/** Of a refusal: enough for its message, and not for what is new in each. */
const MAX_TOLD_CHARS = 60

/** `asks` are sent in turn, for so long, and no more than `atMost`. */
export async function load(
  port: number,
  asks: readonly Ask[],
  connections: number,
  forMs: number,
  atMost = Infinity,
): Promise<Slice> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1, bodyTimeout: 30_000 })
  const until = performance.now() + forMs
  const took: number[] = []
  const failures: Record<string, number> = {}
  const failed = (kind: string) => (failures[kind] = (failures[kind] ?? 0) + 1)
  let bytes = 0
  let next = 0
  const client = async () => {
    while (next < atMost && performance.now() < until) {
      const { fault, ...ask } = asks[next++ % asks.length]!
      const began = performance.now()
      try {
        const { statusCode, body } = await pool.request({ ...ask, body: ask.body ?? null })
        const isGood = statusCode >= 200 && statusCode < 300
        const kept: Buffer[] = []
        for await (const chunk of body) {
          bytes += (chunk as Buffer).length
          if (fault || !isGood) kept.push(chunk as Buffer)
        }
        const text = Buffer.concat(kept).toString()
        const wrong = isGood ? (fault?.(text) ?? null) : `${statusCode} ${text.slice(0, MAX_TOLD_CHARS)}`
        if (wrong !== null) failed(wrong)
      } catch (error) {
        failed((error as { code?: string }).code ?? String(error))
      }
      took.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: connections }, client))
  await pool.close()
  took.sort((a, b) => a - b)
  const quantile = (q: number) => took[Math.min(took.length - 1, Math.floor(q * took.length))] ?? 0
  const all = Object.values(failures).reduce((sum, n) => sum + n, 0)
  return { requests: took.length, failed: all, failures, bytes, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
